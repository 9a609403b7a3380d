"""Relief: what an invoice takes off what was promised, on its own account first, then on the others by their codes.

The rules and the register of commitments reckon alike: what is left, what an entry relieves of it, and what is held.
What is in a currency is relieved in it; the base currency follows, whole once it is invoiced whole, whatever the rates
were.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from .commitment import LIVE, CommitmentLine, CommitmentState
from .ids import AccountCode, FlagId
from .money import Money

Amounts = Mapping[AccountCode, Decimal]

NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Excess:
    """What an entry is beyond what was left; as soon as there is more of it, that is relieved."""

    flag: FlagId
    account: AccountCode
    #: In the commitment's currency, as it was then.
    amount: Money


@dataclass(frozen=True, slots=True)
class Relief:
    """What an entry relieves, account by account: in the commitment's currency, and in base currency."""

    amounts: Amounts
    base: Amounts


@dataclass(frozen=True, slots=True)
class Promise:
    """What was promised and what was relieved of it, account by account: in its currency, and in base currency."""

    currency: str
    amounts: Amounts
    base: Amounts
    relieved: Amounts
    relieved_base: Amounts

    @classmethod
    def of(cls, currency: str, lines: Iterable[CommitmentLine], relieved: Amounts, relieved_base: Amounts) -> "Promise":
        """What the lines promise."""
        lines = tuple(lines)
        amounts = sums((line.account, line.amount) for line in lines)
        base = sums((line.account, line.base_amount) for line in lines)
        return cls(currency, amounts, base, relieved, relieved_base)

    @property
    def left(self) -> Amounts:
        """What is still to come, in its currency."""
        return {code: amount - self.relieved.get(code, NOTHING) for code, amount in self.amounts.items()}

    @property
    def base_left(self) -> Amounts:
        """The same in base currency; nothing of what was invoiced whole."""
        left, relieved = self.left, self.relieved_base
        rest = {code: max(amount - relieved.get(code, NOTHING), amount * 0) for code, amount in self.base.items()}
        return {code: amount if left[code] else amount * 0 for code, amount in rest.items()}

    @property
    def state(self) -> CommitmentState:
        """How what is open stands, by what was invoiced of it."""
        if not (done := sum(self.relieved.values(), NOTHING)):
            return CommitmentState.OPEN
        is_all = done == sum(self.amounts.values(), NOTHING)
        return CommitmentState.RELIEVED if is_all else CommitmentState.PARTLY_RELIEVED

    def amended(self, lines: Iterable[CommitmentLine]) -> "Promise":
        """The same with other lines."""
        return Promise.of(self.currency, lines, self.relieved, self.relieved_base)

    def relief(self, account: AccountCode, amount: Decimal) -> Relief:
        """What an amount on an account relieves of what is left."""
        amounts, base, left, base_left = {}, {}, self.left, self.base_left
        for code in sorted(left, key=lambda code: (code != account, code)):
            part = min(amount, left[code])
            if part > 0:
                amounts[code] = part
                base[code] = base_left[code] if part == left[code] else _share(base_left[code], part, left[code])
                amount -= part
        return Relief(amounts, base)

    def relieved_by(self, relief: Relief) -> "Promise":
        """The same with that relieved."""
        return replace(
            self,
            relieved=added(self.relieved, relief.amounts),
            relieved_base=added(self.relieved_base, relief.base),
        )

    def after(self, excess: Iterable[Excess]) -> "Promise":
        """The same with what was invoiced beyond it relieved, as far as there is something left."""
        promise = self
        for each in excess:
            if each.amount.currency == promise.currency:  # a draft may have been of another one
                promise = promise.relieved_by(promise.relief(each.account, each.amount.amount))
        return promise


def held(state: CommitmentState, promise: Promise, amended: Promise | None, excess: Iterable[Excess]) -> Amounts:
    """What is taken of what is available, in base currency; of two sets of lines, account by account the larger.

    Args:
        amended: what it is going to be, while an amendment waits for its approval.
        excess: what was invoiced beyond it, in the order of the entries.
    """
    if state is CommitmentState.PENDING:
        return promise.after(excess).base_left
    if state not in LIVE:
        return {}
    now = promise.base_left
    if amended is None:
        return now
    then = amended.after(excess).base_left
    return {code: max(now.get(code, NOTHING), then.get(code, NOTHING)) for code in {**now, **then}}


def sums(amounts: Iterable[tuple[AccountCode, Decimal]]) -> dict[AccountCode, Decimal]:
    """By account, in the order in which they come first."""
    found: dict[AccountCode, Decimal] = {}
    for code, amount in amounts:
        found[code] = found.get(code, NOTHING) + amount
    return found


def added(amounts: Amounts, more: Amounts) -> dict[AccountCode, Decimal]:
    """The amounts with more of each account."""
    return sums([*amounts.items(), *more.items()])


def _share(whole: Decimal, part: Decimal, of: Decimal) -> Decimal:
    """So much of the whole as the part is of another, with the whole's decimals."""
    return (whole * part / of).quantize(whole, ROUND_HALF_UP)
