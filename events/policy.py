"""Approval policies: what is asked of whom, in which order, and how many of them it takes.

A production has one policy in force; a round keeps the steps it was opened under. Who a step asks is worked out
here, once for the rules and once more for the views, from who is what on that day.

These names and fields are stored: add, never edit.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar

from pydantic import ConfigDict

from .budget import Level
from .ids import AccountCode, FundingId, PersonId, PolicyId, Text
from .money import Percent, PositiveAmount, WholeAmount
from .production import GreenLightTest
from .team import Role

#: Whoever writes a policy reads in the API what its fields mean.
_CLOSED = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class RequestKind(StrEnum):
    """What can be asked for."""

    BUDGET = "budget"
    UNLOCKING = "unlocking"
    OVERAGE = "overage"
    TRANSFER = "transfer"
    CONTINGENCY_DRAW = "contingency_draw"
    #: Of spend that is recorded already.
    PAYMENT = "payment"
    #: A source is withdrawn, or its terms are cut.
    FUNDING_CUT = "funding_cut"
    #: An approving role is given or ended.
    APPOINTMENT = "appointment"
    REOPENING = "reopening"
    #: An order, a deal or a deferment is promised, or comes to more.
    COMMITMENT = "commitment"
    #: Something is asked to be ordered; asked about where a rule names it, and nowhere else.
    REQUISITION = "requisition"
    POLICY_CHANGE = "policy_change"


#: What executive producers may do alone where no policy asks anybody: who asks for it asks nobody else in vain.
BY_ASKING = (RequestKind.UNLOCKING, RequestKind.FUNDING_CUT, RequestKind.APPOINTMENT, RequestKind.REOPENING)


class Mode(StrEnum):
    """How many of those whom a step asks it takes."""

    ANY = "any"
    #: All who may; whoever may not approve this, or abstains, is not waited for.
    ALL = "all"
    QUORUM = "quorum"
    #: As many as hold a share of the committed funding.
    SHARE = "share"


@dataclass(frozen=True, slots=True)
class Approver:
    """Some of those whom a step asks: one of these is said, and the others are not."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    role: Role | None = None
    """Whoever holds it."""
    person: PersonId | None = None
    """This one, while they hold a role."""
    holder_of: FundingId | None = None
    """Whoever speaks for this source, once it is committed."""
    every_holder: bool = False
    """Whoever speaks for any committed source."""
    department_head: bool = False
    """The department heads of the accounts that are asked about."""


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a round: whom it asks, and how many of them it takes."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    approvers: tuple[Approver, ...]
    """Everyone whom one of these stands for."""
    mode: Mode = Mode.ANY
    """`all` are all who may: whoever had a hand in it, or abstains, is not waited for."""
    quorum: int | None = None
    """How many, when the mode is a quorum."""
    share: Percent | None = None
    """Percent of the committed funding, when the mode is a share."""
    within_days: int | None = None
    """After so many days the step asks `escalates_to`, too, and one of them is enough."""
    escalates_to: tuple[Approver, ...] = ()
    """Who may give the step in the place of the others once the days are over."""
    optional: bool = False
    """Skipped while nobody is what it asks for, but whoever had a hand in it."""


@dataclass(frozen=True, slots=True)
class When:
    """What a rule is for; all that is said must be so."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    kinds: tuple[RequestKind, ...]
    """One of these is asked for."""
    accounts: tuple[AccountCode, ...] = ()
    """One of these accounts is asked about."""
    levels: tuple[Level, ...] = ()
    """Or an account of one of these levels."""
    capped: bool = False
    """An account that the policy caps is asked about."""
    at_least: WholeAmount | None = None
    """Base currency; what one vendor or account asked for within the policy's days, of all these kinds, counts
    together."""
    below: PositiveAmount | None = None
    """Counted as `at_least` is."""
    percent_over: Percent | None = None
    """It takes its account past what was approved for it, with all changes since, by this percentage or more; a
    payment, past its budget; a new version, past the least total that was in force within the policy's days. 0 is by
    anything at all."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When, and then which steps in which order; without a step it is approved by policy."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    name: Text
    when: When
    steps: tuple[Step, ...] = ()
    """In their order; none: it is approved by policy."""


class ControlScope(StrEnum):
    """Of what a control measures what is available."""

    #: Which the policy caps, or the budget holds; such an account is measured by this alone.
    CAPPED_ACCOUNT = "capped_account"
    ACCOUNT = "account"
    LEVEL = "level"
    TOTAL = "total"


class ControlAction(StrEnum):
    """What a control does about a commitment that goes beyond what is available."""

    IGNORE = "ignore"
    WARN = "warn"
    STOP = "stop"


@dataclass(frozen=True, slots=True)
class Control:
    """What becomes of a commitment beyond what is available of something."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    scope: ControlScope
    """Available is the total budget, less what is spent, committed and requisitioned."""
    action: ControlAction
    """`stop` refuses it, `warn` says so in the fact, `ignore` does nothing."""
    tolerance: WholeAmount | None = None
    """Base currency; so far beyond it is not stopped."""
    tolerance_percent: Percent | None = None
    """The same in percent of the total budget of what is measured; where both are said, the wider one counts."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Ordered rules, the first that is for a request counts; and what goes with them."""

    __pydantic_config__: ClassVar[ConfigDict] = _CLOSED

    name: Text
    rules: tuple[Rule, ...]
    """In their order: the first that is for a request counts."""
    otherwise: tuple[Step, ...]
    """For what no rule is for; requisitions are asked about where a rule names them alone."""
    changes: tuple[Step, ...] = (Step((Approver(Role.EXECUTIVE_PRODUCER),), Mode.ALL),)
    """For a change of the policy itself."""
    one_person_may_fill_two_steps: bool = False
    """So that the same person may answer in two steps of a round."""
    cumulative_days: int = 30
    """For so many days, what one vendor or account asked for counts together."""
    capped_accounts: tuple[AccountCode, ...] = ()
    """Accounts that may not grow by a lower rule, such as the producers' fees."""
    alerts_at: tuple[int, ...] = (80, 90, 100)
    """Percent spent of an account, a level, or the whole."""
    override_by: Role | None = None
    """Whoever may pass over a step, for a reason; not where it is about who decides or about cutting funding."""
    fresh_from: WholeAmount | None = None
    """Base currency; approvals from this on need the approver's credentials to be fresh."""
    fresh_minutes: int = 15
    """How long ago the sign-in may be, then."""
    green_light: tuple[GreenLightTest, ...] = (
        GreenLightTest.BUDGET_LOCKED,
        GreenLightTest.FUNDING_COMMITTED,
        GreenLightTest.CONDITIONS_MET,
    )
    """Which tests the green light runs."""
    controls: tuple[Control, ...] = (
        Control(ControlScope.CAPPED_ACCOUNT, ControlAction.STOP),
        Control(ControlScope.ACCOUNT, ControlAction.WARN),
        Control(ControlScope.TOTAL, ControlAction.STOP),
    )
    """What becomes of commitments beyond what is available, by what it is measured on; what is not said is ignored."""
    controls_overridden_by: Role | None = Role.EXECUTIVE_PRODUCER
    """Whoever may submit a commitment that a control stops."""


@dataclass(frozen=True, slots=True)
class ApprovalPolicyAdopted:
    """The policy is in force for what is asked for from now on."""

    policy: PolicyId
    terms: Policy


PolicyEvent = ApprovalPolicyAdopted


@dataclass(frozen=True, slots=True)
class Standing:
    """Who is what on a production on a day, as far as steps ask for it."""

    #: The roles that count that day.
    roles: Mapping[PersonId, Collection[Role]]
    #: By department head, their accounts.
    departments: Mapping[PersonId, Collection[AccountCode]] = field(default_factory=dict)
    #: By committed source, who speaks for it and what it adds to the committed funding, in base currency.
    holders: Mapping[FundingId, tuple[PersonId | None, Decimal]] = field(default_factory=dict)

    def asked(
        self,
        approvers: Iterable[Approver],
        accounts: Collection[AccountCode],
        instead: Mapping[PersonId, PersonId] | None = None,
    ) -> tuple[PersonId, ...]:
        """Everyone whom the approvers stand for, in order of their ids; who holds no role that approves is nobody here.

        Args:
            instead: who is asked in whose place; where they answer no more, it is theirs again whose place it was.
        """
        found: set[PersonId] = set()
        for approver in approvers:
            if approver.role is not None:
                found.update(person for person, roles in self.roles.items() if approver.role in roles)
            if approver.person is not None:
                found.add(approver.person)
            for source, (holder, _) in self.holders.items():
                if holder is not None and (approver.every_holder or approver.holder_of == source):
                    found.add(holder)
            if approver.department_head:
                found.update(person for person, heads in self.departments.items() if set(heads) & set(accounts))
        return tuple(sorted({self._sits(person, instead or {}) for person in found if self._answers(person)}))

    def _sits(self, person: PersonId, instead: Mapping[PersonId, PersonId]) -> PersonId:
        """Who is asked in the place of a person."""
        to = instead.get(person, person)
        return to if self._answers(to) else person

    def _answers(self, person: PersonId) -> bool:
        return bool(set(self.roles.get(person, ())) - {Role.AUDITOR})

    def share(self, persons: Collection[PersonId], instead: Mapping[PersonId, PersonId]) -> Decimal:
        """The percentage of the committed funding that these persons speak for, in their own place or in another's."""
        total = sum((amount for _, amount in self.holders.values()), Decimal(0))
        theirs = sum(
            (amount for holder, amount in self.holders.values() if holder and self._sits(holder, instead) in persons),
            Decimal(0),
        )
        return theirs * 100 / total if total else Decimal(0)


def handed_on(instead: Mapping[PersonId, PersonId], seat: PersonId, to: PersonId) -> dict[PersonId, PersonId]:
    """Who is asked in whose place, once somebody gave theirs away; one that was given to them goes along."""
    return {place: to if now == seat else now for place, now in instead.items()} | {seat: to}


def takes(
    step: Step,
    asked: Collection[PersonId],
    approved: Collection[PersonId],
    standing: Standing,
    instead: Mapping[PersonId, PersonId],
) -> bool:
    """Whether those who approved are as many as the step takes.

    Args:
        asked: whom the step asks, without those who may not approve this and those who abstained.
        instead: who is asked in whose place.
    """
    counted = set(approved) & set(asked)
    match step.mode:
        case Mode.ANY:
            return bool(counted)
        case Mode.ALL:
            return bool(counted) and counted == set(asked)
        case Mode.QUORUM:
            return len(counted) >= (step.quorum or 1)
        case Mode.SHARE:
            return bool(counted) and standing.share(counted, instead) >= (step.share or 0)
