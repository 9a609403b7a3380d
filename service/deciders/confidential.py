"""Who reads what of a production: pay and the detail above the line are for those who answer for them.

K1  Pay, and what an account above the line or one that no budget knows comes to, is read by the roles that answer for
    money, and by members whom the company lets read it. Everybody else who reads the production reads the rest.
K2  A department head reads the accounts they were appointed for as well, but no pay on them.
K3  Whoever may act for somebody today reads what that person reads.
K4  A round shows itself in full to whoever asked for it, whoever it asks, and whoever answered it; but whoever raised a
    requisition is not told by it what counts together with theirs.

What is open is said by a list: an account that any version of the budget has below the line, or as a charge, and that
no version has above it. What nobody has spoken of is not open. Rights are today's, whatever moment is looked at.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from events.budget import Level
from events.ids import AccountCode, PersonId
from events.team import Role

from . import team
from .budget import Budgets
from .company import Company
from .production import Production

READ_CONFIDENTIAL = (
    Role.EXECUTIVE_PRODUCER,
    Role.PRODUCER,
    Role.CO_PRODUCER,
    Role.LINE_PRODUCER,
    Role.ACCOUNTANT,
    Role.FINANCIER,
    Role.COMPLETION_GUARANTOR,
    Role.AUDITOR,
)

#: What whoever is not shown everything is told, wherever that is; the same words whether there is something or not.
WITHHELD = (
    "Not shown to your roles: pay, and the figures of accounts above the line or of no budget."
    " An executive producer may appoint you to a role that reads them."
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody may read of a production."""

    #: The accounts whose figures they may read; None: of all, and pay.
    open: frozenset[AccountCode] | None = None

    @property
    def withheld(self) -> str | None:
        """That something is not shown to them; None when everything is."""
        return None if self.open is None else WITHHELD

    def shows(self, accounts: Iterable[AccountCode] | None) -> bool:
        """Whether they may read figures of these accounts; None: of pay, or of nobody knows what."""
        return self.open is None or (accounts is not None and self.open.issuperset(accounts))


EVERYTHING, NOTHING = Sight(), Sight(frozenset())


def sight(production: Production, company: Company, readers: Iterable[PersonId], on: date) -> Sight:
    """What somebody may read on a business date.

    Args:
        readers: themselves, and those for whom they may act.
    """
    own: set[AccountCode] = set()
    for person in readers:
        roles = [role for role in team.held(production.team, person, on) if company.counts_as(person, role)]
        if company.reads_confidential(person) or not set(READ_CONFIDENTIAL).isdisjoint(roles):
            return EVERYTHING
        if Role.DEPARTMENT_HEAD in roles:
            own.update(production.team[person][Role.DEPARTMENT_HEAD].accounts)
    return Sight(open_accounts(production.budgets) | own)


def open_accounts(budgets: Budgets) -> frozenset[AccountCode]:
    """The accounts that everybody reads who reads the production."""
    versions = budgets.versions.values()
    known = {code for version in versions for code in (*version.amounts, *version.contingency)}
    above = {code for version in versions for code, level in version.levels.items() if level is Level.ABOVE_THE_LINE}
    return frozenset(known - above)
