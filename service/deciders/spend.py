"""Spend: money that is gone. It is recorded and flagged, never denied.

logged, then recoded at most once, reversed at most once.

S1  An entry's cost is net plus tax less recoverable tax, in base currency at the actual rate, rounded once.
S2  A well-formed account that no budget in force knows is recorded and flagged; a charge's account takes
    spend too; contingency is a reserve and takes none.
S3  The entry that takes an account past its budget, or further past it, is flagged with the figures.
S4  An entry that agrees with a live one in vendor, amount, date and document is flagged as a likely duplicate;
    when that one is reversed, of the live one before it. Entries of one batch are no duplicates of each other.
S5  A reversal and a recoding are of the whole entry, with a reason and a posted-on date of their own, which is not
    before the day since which the entry stands on its account.
S6  An entry is reversed once and recoded once, and a reversed one is not recoded.
S7  A flag is cleared by the fact that mends it: a reversal, a recoding, a credit, or a budget that comes into force.
S11 While more is asked for an account, nobody else's entry is recoded to it: that would say who may not decide.
S12 (`documents`) An accrual is paid to nobody; the entry that names it takes its place, and reverses it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, ClassVar, Literal

from immutables import Map
from pydantic import Field, ValidationInfo, field_validator

from events.envelope import Metadata
from events.ids import (
    AccountCode,
    AdvanceId,
    BudgetId,
    CommitmentId,
    Digest,
    FlagId,
    Memo,
    PayableId,
    PersonId,
    RoundId,
    SpendId,
    Text,
    VendorId,
    by_number,
)
from events.money import Currency, ExchangeRate, Money, PositiveAmount, WholeAmount, at_rate, converted, exact
from events.spend import (
    CREDITS,
    AccountOverspent,
    AlertScope,
    DuplicateSuspected,
    OutsideBecause,
    PaymentReleased,
    SpendAlert,
    SpendEvent,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendRecoded,
    SpendReversed,
    entries_of,
)

from .budget import Budget
from .command import Command, CurrencyInUse, Day, RateInUse
from .commitment import CommitmentIsMissing
from .refusal import Conflicting, Missing


@dataclass
class SpendIsMissing(Missing):
    """The production has no spend {spend}."""

    rule = "S6"
    otherwise = "Look up the entries in the spend register."
    spend: SpendId


@dataclass
class AdvanceIsMissing(Missing):
    """The production has no advance {advance}."""

    rule = "V3"
    otherwise = "Look up the floats and deposits among the advances."
    advance: AdvanceId


@dataclass
class DepositIsWithAnother(Conflicting):
    """{advance}, {amount}, is a deposit with {vendor}, not with {sent}."""

    rule = "V3"
    otherwise = "Log the spend without it, or with a deposit of its vendor."
    advance: AdvanceId
    amount: Money
    vendor: VendorId
    sent: VendorId


@dataclass
class FloatPaysNoWages(Conflicting):
    """{advance} is a float that {person} holds, and pays no wages."""

    rule = "V7"
    otherwise = "Log it as petty cash, if it is that; else log the payroll without the float."
    advance: AdvanceId
    person: PersonId


@dataclass
class AdvanceHasItsRate(Conflicting):
    """{advance}, {amount}, was paid out at the rate {rate}, and what is spent of it costs that, not {sent}."""

    rule = "V7"
    otherwise = "Send that rate, or none."
    advance: AdvanceId
    amount: Money
    rate: ExchangeRate | None
    sent: ExchangeRate


@dataclass
class ActualRateDoesNotConvert(Conflicting):
    """Spend in {currency} cannot be measured in {base} by the rate sent: {rate}."""

    rule = "S1"
    otherwise = "Send the actual rate between the two currencies, and none when they are the same."
    currency: Currency
    rate: ExchangeRate | None
    base: Currency


@dataclass
class SpendIsReversed(Conflicting):
    """{spend}, {cost} on account {account}, is reversed already."""

    rule = "S6"
    otherwise = "Log the spend anew if it happened after all."
    spend: SpendId
    account: AccountCode
    cost: Money


@dataclass
class SpendIsRecoded(Conflicting):
    """{spend}, {cost}, was recoded to account {account} already."""

    rule = "S6"
    otherwise = "The accountant or the line producer may reverse it and log it anew on the right account."
    spend: SpendId
    account: AccountCode
    cost: Money


@dataclass
class PostedBeforeEntry(Conflicting):
    """{spend}, {cost}, stands on account {account} since {since}, and leaves it no earlier: not on {posted_on}."""

    rule = "S5"
    otherwise = "Send that day, or a later one in an open period."
    spend: SpendId
    cost: Money
    account: AccountCode
    since: date
    posted_on: date


@dataclass
class RecodingBarsApprovers(Conflicting):
    """{round} asks for more for account {account}, and {spend} there would bar {barred}, who logged it, from it."""

    rule = "S11"
    otherwise = "Wait for the decision, or whoever asked may recall the request; then recode it."
    spend: SpendId
    account: AccountCode
    round: RoundId
    barred: tuple[PersonId, ...]


@dataclass
class NotAnAccrual(Conflicting):
    """{spend}, {cost} on account {account}, is no accrual but {kind}; nothing takes its place."""

    rule = "S12"
    otherwise = "Name the accrual; an accountant or a line producer may reverse the entry."
    spend: SpendId
    account: AccountCode
    cost: Money
    kind: SpendKind


@dataclass
class SpendIsPaid(Conflicting):
    """{spend} was paid on {paid_on}: {amount}, reference {reference}."""

    rule = "Y6"
    otherwise = (
        "An accountant may void a payment that did not go through; what a vendor gives back is logged as a credit."
    )
    spend: SpendId
    paid_on: date
    amount: Money
    reference: str


@dataclass
class DifferenceStaysWithItsPayment(Conflicting):
    """{spend}, {cost}, is an exchange difference: it is neither reversed nor recoded by itself."""

    rule = "Y5"
    otherwise = "An accountant may void the payment, which takes it back, and record it anew on the right account."
    spend: SpendId
    cost: Money


@dataclass
class ContingencyTakesNoSpend(Conflicting):
    """Account {account} is contingency, a reserve; {cost} cannot be recoded to it."""

    rule = "S2"
    otherwise = "Recode to the account that the money was spent on; a budget may move contingency there."
    account: AccountCode
    cost: Money


#: How money is spent; what comes back is no spend.
SpentKind = Literal[
    SpendKind.INVOICE,
    SpendKind.PAYROLL,
    SpendKind.PETTY_CASH,
    SpendKind.CARD,
    SpendKind.PER_DIEM,
    SpendKind.MILEAGE,
    SpendKind.ACCRUAL,
    SpendKind.OTHER,
]


def fits_currency(amount: Decimal, info: ValidationInfo) -> Decimal:
    """The amount with the decimals of the currency that is sent beside it."""
    currency = info.data.get("currency")
    return exact(amount, currency) if currency else amount


def recovers_what_was_taxed(recoverable_tax: Decimal, info: ValidationInfo) -> Decimal:
    """The tax that comes back, of the tax that is sent beside it."""
    if recoverable_tax > info.data.get("tax", recoverable_tax):
        raise ValueError("recoverable tax cannot be more than the tax")
    return recoverable_tax


def pays_somebody(advance: AdvanceId | None, info: ValidationInfo) -> AdvanceId | None:
    """The advance, of what somebody is paid for."""
    if advance is not None and info.data.get("kind") is SpendKind.ACCRUAL:
        raise ValueError("nobody is paid for an accrual, out of an advance neither")
    return advance


def ends_a_commitment(final: bool, info: ValidationInfo) -> bool:
    """Whether it is the final invoice, of the commitment that is sent beside it."""
    if final and info.data.get("commitment") is None:
        raise ValueError("a final invoice is that of a commitment: send it, too")
    return final


class LogSpend(Command):
    """A line producer or an accountant records money that was spent; it is flagged if need be, never denied."""

    refusals = (
        *(CommitmentIsMissing, AdvanceIsMissing, DepositIsWithAnother, FloatPaysNoWages, AdvanceHasItsRate),
        *(SpendIsMissing, SpendIsReversed, NotAnAccrual, ActualRateDoesNotConvert),
    )
    example: ClassVar[dict[str, Any]] = {
        "account": "2200",
        "currency": "INR",
        "net": "50000",
        "tax": "9000",
        "recoverable_tax": "9000",
        "vendor": "kala-sets",
        "vendor_name": "Kala Sets",
        "spent_on": "2026-11-16",
        "posted_on": "2026-11-18",
        "kind": "invoice",
        "document": "KS-0417",
        "memo": "Drawings and models, first part",
    }

    account: AccountCode
    currency: CurrencyInUse = Field(description="Of net, tax and recoverable tax.")
    net: PositiveAmount
    tax: WholeAmount = Decimal(0)
    recoverable_tax: WholeAmount = Field(Decimal(0), description="The part of the tax that is no cost.")
    rate: RateInUse | None = Field(None, description="The actual rate, when not spent in base currency.")
    vendor: VendorId = Field(description="Of the company's directory of vendors; entered there on first use.")
    vendor_name: Text | None = Field(None, description="For the directory, when the vendor is new there.")
    spent_on: Day
    posted_on: Day
    kind: SpentKind
    document: Text | None = Field(None, description="The vendor's number: invoice, receipt, payroll batch.")
    receipt_sha256: Digest | None = Field(None, description="SHA-256 of the receipt's file, if there is one.")
    memo: Memo | None = None
    commitment: CommitmentId | None = Field(None, description="What it is the invoice for; so much less is to come.")
    final: bool = Field(
        False, description="Whether it is the last one of its commitment: what is left is released, if it is open."
    )
    accrual: SpendId | None = Field(None, description="The accrual that it takes the place of, which it reverses.")
    withheld: WholeAmount = Field(
        Decimal(0), description="The part that is not paid to the vendor but owed to others, such as withholding tax."
    )
    advance: AdvanceId | None = Field(None, description="The float or deposit that it was paid out of.")

    _fits = field_validator("net", "tax", "recoverable_tax", "withheld", mode="after")(fits_currency)
    _recovers = field_validator("recoverable_tax", mode="after")(recovers_what_was_taxed)
    _pays = field_validator("advance", mode="after")(pays_somebody)
    _ends = field_validator("final", mode="after")(ends_a_commitment)

    @field_validator("withheld", mode="after")
    @classmethod
    def _withholds_what_is_billed(cls, withheld: Decimal, info: ValidationInfo) -> Decimal:
        if withheld > info.data.get("net", withheld) + info.data.get("tax", Decimal(0)):
            raise ValueError("no more is withheld than net and tax")
        return withheld


class ReverseSpend(Command):
    """An accountant or a line producer takes an entry back, whole."""

    refusals = (SpendIsMissing, SpendIsReversed, DifferenceStaysWithItsPayment, SpendIsPaid, PostedBeforeEntry)
    example: ClassVar = {"spend": "S-000001", "posted_on": "2026-11-20", "reason": "Invoice withdrawn."}

    spend: SpendId
    posted_on: Day
    reason: Memo


class RecodeSpend(Command):
    """An accountant or a line producer moves an entry to another account, whole."""

    refusals = (
        *(SpendIsMissing, SpendIsReversed, DifferenceStaysWithItsPayment),
        *(SpendIsRecoded, PostedBeforeEntry, ContingencyTakesNoSpend, RecodingBarsApprovers),
    )
    example: ClassVar = {
        "spend": "S-000001",
        "account": "2300",
        "posted_on": "2026-11-20",
        "reason": "Construction, not art direction.",
    }

    spend: SpendId
    account: AccountCode = Field(description="The account it moves to.")
    posted_on: Day
    reason: Memo


SpendCommand = LogSpend | ReverseSpend | RecodeSpend

#: S12, S14, Y5: nobody is paid for these.
NOT_PAID = frozenset({*CREDITS, SpendKind.ACCRUAL, SpendKind.EXCHANGE_DIFFERENCE})

#: What makes a likely duplicate: vendor, net, tax, currency, date, document.
Likeness = tuple[VendorId, Decimal, Decimal, Currency, date, str | None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What decisions remember of an entry."""

    account: AccountCode
    cost: Money
    #: Net and tax, in base currency: recoverable tax is paid like any other.
    billed: Money
    #: The same without what is withheld.
    paid: Money
    likeness: Likeness
    #: The entry before it that is alike.
    earlier: SpendId | None
    logged_by: frozenset[PersonId]
    kind: SpendKind
    #: What it is paid together with; None: by itself.
    batch: PayableId | None
    #: Since when it stands on its account, by the day on which that was posted.
    since: date
    reversed: bool = False
    recoded: bool = False
    recoded_by: frozenset[PersonId] = frozenset()


@dataclass(frozen=True, slots=True)
class AccountSpend:
    """What decisions remember of the spend on one account."""

    spent: Decimal = Decimal(0)
    #: The part of it that came back, below zero.
    credited: Decimal = Decimal(0)
    #: Who logged spend that is on it, or recoded it there.
    loggers: frozenset[PersonId] = frozenset()
    #: The flags that stand, with the entry each was raised on.
    outside: Map[FlagId, SpendId] = Map()
    over: Map[FlagId, SpendId | None] = Map()


_UNSPENT = AccountSpend()
_NOTHING = Decimal(0)


@dataclass(frozen=True, slots=True)
class Spending:
    """The entries of a production and what they add up to."""

    entries: Map[SpendId, Entry] = Map()
    accounts: Map[AccountCode, AccountSpend] = Map()
    #: What was posted on an account on a day, all in all.
    posted: Map[tuple[AccountCode, date], Decimal] = Map()
    #: The last entry of those that are alike; each names the one before it.
    alike: Map[Likeness, SpendId] = Map()
    #: The flags that stand on likely duplicates, with both entries.
    suspected: Map[FlagId, tuple[SpendId, SpendId]] = Map()
    #: The alerts that stand, by what they are about and the percentage.
    alerts: Map[tuple[AlertScope, str | None, int], FlagId] = Map()

    def payable(self, spend: SpendId) -> PayableId:
        """What is paid with an entry: itself, or its batch."""
        return self.entries[spend].batch or spend

    def paid_at_once(self, payable: PayableId) -> dict[SpendId, Entry]:
        """The entries of it that are not reversed."""
        found = {spend: self.entries[spend] for spend in entries_of(payable)}
        return {spend: entry for spend, entry in found.items() if not entry.reversed}

    def spent_on(self, account: AccountCode) -> Decimal:
        """What is spent on an account."""
        return self.accounts.get(account, _UNSPENT).spent

    def laid_out_on(self, account: AccountCode) -> Decimal:
        """What was spent on an account, whatever came back: a credit that is taken back later let nothing pass."""
        found = self.accounts.get(account, _UNSPENT)
        return found.spent - found.credited

    def to_date(self, last_on: date) -> dict[AccountCode, Decimal]:
        """By account, the cost that was posted up to the end of a day."""
        cost: dict[AccountCode, Decimal] = {}
        for (account, on), amount in self.posted.items():
            if on <= last_on:
                cost[account] = cost.get(account, Decimal(0)) + amount
        return cost


@dataclass(frozen=True, slots=True)
class Measure:
    """What spend is measured against: the budget in force."""

    budget: BudgetId
    amounts: Map[AccountCode, Decimal]
    contingency: Map[AccountCode, Decimal]

    @classmethod
    def of(cls, budget: BudgetId | None, version: Budget | None) -> "Measure | None":
        """The measure that a version gives, or None when no budget is in force."""
        if budget is None or version is None:
            return None
        return cls(budget, version.amounts, version.contingency)


@dataclass(frozen=True, slots=True)
class Of:
    """What else there is to say of an entry that is logged with others, or that comes back."""

    batch: PayableId | None = None
    fringe: bool = False
    comes_back: bool = False
    #: The entries before the batch.
    before: Spending | None = None

    def signed(self, amount: Decimal) -> Decimal:
        """The amount as a cost; zero has no sign."""
        return 0 - amount if self.comes_back else amount


def log_spend(
    command: LogSpend,
    spending: Spending,
    measure: Measure | None,
    base: Currency,
    flags: Iterator[FlagId],
    of: Of = Of(),
) -> list[SpendEvent]:
    """S1 to S4, S7."""
    gross = Money(command.net + command.tax - command.recoverable_tax, command.currency)
    try:
        cost = converted(gross, command.rate, base)
    except ValueError:
        raise ActualRateDoesNotConvert(command.currency, command.rate, base) from None
    spend, cost = number_of(len(spending.entries) + 1), Money(of.signed(cost.amount), base)
    logged = SpendLogged(
        spend=spend,
        account=command.account,
        currency=command.currency,
        net=of.signed(command.net),
        tax=of.signed(exact(command.tax, command.currency)),
        recoverable_tax=of.signed(exact(command.recoverable_tax, command.currency)),
        rate=command.rate,
        cost=cost,
        vendor=command.vendor,
        spent_on=command.spent_on,
        posted_on=command.posted_on,
        kind=command.kind,
        document=command.document,
        receipt_sha256=command.receipt_sha256,
        memo=command.memo,
        batch=of.batch,
        withheld=exact(command.withheld, command.currency),
        fringe=of.fringe,
        clears=_covered(command.account, cost, spending, measure),
    )
    flagged = [*_measured(spend, command.account, cost, spending, measure, flags)]
    others = of.before or spending
    earlier = _last_live(others.alike.get(_likeness(logged)), others)
    if earlier is not None:
        flagged.append(DuplicateSuspected(next(flags), spend, earlier))
    return [logged, *flagged]


def post_difference(
    posted: SpendLogged, spending: Spending, measure: Measure | None, flags: Iterator[FlagId]
) -> list[SpendEvent]:
    """S2, S3, S7: an exchange difference, with the flags that it raises or mends; it looks like no other entry."""
    cleared = _covered(posted.account, posted.cost, spending, measure)
    flagged = _measured(posted.spend, posted.account, posted.cost, spending, measure, flags)
    return [replace(posted, clears=cleared), *flagged]


def number_of(place: int) -> SpendId:
    """What the entry is called that comes at a place."""
    return f"S-{place:06}"


def accrual(spend: SpendId, spending: Spending) -> Entry:
    """S12: the accrual of that number, if it is not reversed."""
    entry = live(spend, spending)
    if entry.kind is not SpendKind.ACCRUAL:
        raise NotAnAccrual(spend, entry.account, entry.cost, entry.kind)
    return entry


def reverse_spend(
    command: ReverseSpend,
    spending: Spending,
    measure: Measure | None,
    flags: Iterator[FlagId],
    beside: Iterable[FlagId] = (),
) -> list[SpendEvent]:
    """S4 to S7.

    Args:
        beside: what it clears that others know of.
    """
    entry = live(command.spend, spending)
    _no_earlier(command, entry)
    suspected = [flag for flag, pair in spending.suspected.items() if command.spend in pair]
    clears = by_number([*_mended(command.spend, entry, spending, measure), *suspected, *beside])
    happened: list[SpendEvent] = [
        SpendReversed(command.spend, entry.account, entry.cost, command.posted_on, clears),
    ]
    happened += _without_credit(command.spend, entry, spending, measure, flags)
    earlier = _last_live(entry.earlier, spending)
    later = [spend for spend, of in map(spending.suspected.__getitem__, suspected) if of == command.spend]
    if earlier is not None:
        happened += [DuplicateSuspected(next(flags), spend, earlier) for spend in later]
    return happened


def recode_spend(
    command: RecodeSpend,
    spending: Spending,
    measure: Measure | None,
    flags: Iterator[FlagId],
    beside: Iterable[FlagId] = (),
) -> list[SpendEvent]:
    """S2, S3, S5 to S7; recoding to the account it stands on does nothing.

    Args:
        beside: what it clears that others know of.
    """
    entry = live(command.spend, spending)
    if command.account == entry.account:
        return []
    if entry.recoded:
        raise SpendIsRecoded(command.spend, entry.account, entry.cost)
    _no_earlier(command, entry)
    if measure is not None and command.account in measure.contingency:
        raise ContingencyTakesNoSpend(command.account, entry.cost)
    recoded = SpendRecoded(
        spend=command.spend,
        from_account=entry.account,
        to_account=command.account,
        cost=entry.cost,
        posted_on=command.posted_on,
        clears=by_number(
            [
                *_mended(command.spend, entry, spending, measure),
                *_covered(command.account, entry.cost, spending, measure),
                *beside,
            ]
        ),
    )
    return [
        recoded,
        *_without_credit(command.spend, entry, spending, measure, flags),
        *_measured(command.spend, command.account, entry.cost, spending, measure, flags),
    ]


def measured_anew(
    spending: Spending, measure: Measure, currency: Currency, flags: Iterator[FlagId]
) -> tuple[tuple[FlagId, ...], list[SpendEvent]]:
    """S7: what a budget that comes into force clears, and what it raises, account by account."""
    clears: list[FlagId] = []
    raised: list[SpendEvent] = []
    for code in sorted(spending.accounts):
        account = spending.accounts[code]
        budgeted = measure.amounts.get(code)
        clears += account.over
        if budgeted is None:
            flagged = set(account.outside.values())
            live = (s for s, e in spending.entries.items() if e.account == code and not e.reversed)
            for spend in sorted(s for s in live if s not in flagged):
                raised.append(_outside(spend, code, spending.entries[spend].cost, measure, flags))
            continue
        clears += account.outside
        if account.spent > budgeted:
            raised.append(_over(None, code, measure.budget, budgeted, account.spent, currency, flags))
    return by_number(clears), raised


def within(spending: Spending, account: AccountCode, budgeted: Decimal) -> tuple[FlagId, ...]:
    """S7: the flags that fall when an account's budget grows so far that it covers what is spent."""
    found = spending.accounts.get(account, _UNSPENT)
    return by_number(found.over) if found.spent <= budgeted else ()


def evolve(spending: Spending, event: SpendEvent, metadata: Metadata) -> Spending:
    """The spending after the event."""
    entries, accounts = spending.entries, spending.accounts
    match event:
        case SpendLogged(spend, account, cost=cost):
            likeness = _likeness(event)
            before, hands = spending.alike.get(likeness), _together(metadata.persons)
            is_difference = event.kind is SpendKind.EXCHANGE_DIFFERENCE
            bill = billed(event)
            owed = paid(event) if event.withheld else bill
            said = (event.kind, event.batch, event.posted_on)
            entry = Entry(account, cost, bill, owed, likeness, before, hands, *said)
            return replace(
                spending,
                entries=entries.set(spend, entry),
                accounts=accounts.set(
                    account, _with_spent(accounts, account, cost.amount, event.kind, metadata.persons)
                ),
                posted=_with_posted(spending.posted, account, event.posted_on, cost.amount),
                alike=spending.alike if is_difference else spending.alike.set(likeness, spend),
            )
        case SpendReversed(spend, account, cost, posted_on):
            return replace(
                spending,
                entries=entries.set(spend, replace(entries[spend], reversed=True)),
                accounts=accounts.set(account, _with_spent(accounts, account, -cost.amount, entries[spend].kind)),
                posted=_with_posted(spending.posted, account, posted_on, -cost.amount),
            )
        case SpendRecoded(spend, from_account, to_account, cost, posted_on):
            moved = replace(entries[spend], account=to_account, since=posted_on)
            moved = replace(moved, recoded=True, recoded_by=metadata.persons)
            accounts = accounts.set(from_account, _with_spent(accounts, from_account, -cost.amount, moved.kind))
            hands = metadata.persons | entries[spend].logged_by
            accounts = accounts.set(to_account, _with_spent(accounts, to_account, cost.amount, moved.kind, hands))
            posted = _with_posted(spending.posted, from_account, posted_on, -cost.amount)
            posted = _with_posted(posted, to_account, posted_on, cost.amount)
            return replace(spending, entries=entries.set(spend, moved), accounts=accounts, posted=posted)
        case SpendOutsideBudget(flag, spend, account):
            flagged = accounts[account]
            flagged = replace(flagged, outside=flagged.outside.set(flag, spend))
            return replace(spending, accounts=accounts.set(account, flagged))
        case AccountOverspent(flag, raised_on, account):
            flagged = accounts[account]
            flagged = replace(flagged, over=flagged.over.set(flag, raised_on))
            return replace(spending, accounts=accounts.set(account, flagged))
        case DuplicateSuspected(flag, spend, earlier):
            return replace(spending, suspected=spending.suspected.set(flag, (spend, earlier)))
        case SpendAlert(flag, scope, of, percent):
            return replace(spending, alerts=spending.alerts.set((scope, of, percent), flag))
        case PaymentReleased():
            return spending


def cleared(spending: Spending, flags: tuple[FlagId, ...]) -> Spending:
    """The spending once these flags no longer stand."""
    gone = set(flags)
    accounts, suspected = spending.accounts, spending.suspected
    for code, account in spending.accounts.items():
        if gone.isdisjoint(account.outside) and gone.isdisjoint(account.over):
            continue
        outside = Map({flag: spend for flag, spend in account.outside.items() if flag not in gone})
        over = Map({flag: raised_on for flag, raised_on in account.over.items() if flag not in gone})
        accounts = accounts.set(code, replace(account, outside=outside, over=over))
    for flag in gone.intersection(suspected):
        suspected = suspected.delete(flag)
    alerts = spending.alerts
    if not gone.isdisjoint(alerts.values()):
        alerts = Map({about: flag for about, flag in alerts.items() if flag not in gone})
    return replace(spending, accounts=accounts, suspected=suspected, alerts=alerts)


def live(spend: SpendId, spending: Spending) -> Entry:
    """S6: the entry of that number, if it is not reversed."""
    entry = spending.entries.get(spend)
    if entry is None:
        raise SpendIsMissing(spend)
    if entry.reversed:
        raise SpendIsReversed(spend, entry.account, entry.cost)
    return entry


def _no_earlier(command: ReverseSpend | RecodeSpend, entry: Entry) -> None:
    """S5: refuse what would take from an account on a day what came onto it later."""
    if command.posted_on < entry.since:
        raise PostedBeforeEntry(command.spend, entry.cost, entry.account, entry.since, command.posted_on)


def stands_alone(spend: SpendId, spending: Spending) -> None:
    """Y5: refuse to touch an exchange difference but by its payment."""
    entry = live(spend, spending)
    if entry.kind is SpendKind.EXCHANGE_DIFFERENCE:
        raise DifferenceStaysWithItsPayment(spend, entry.cost)


def billed(logged: SpendLogged) -> Money:
    """Net and tax of an entry, in base currency."""
    if not logged.recoverable_tax:
        return logged.cost
    return at_rate(Money(logged.net + logged.tax, logged.currency), logged.rate, logged.cost.currency)


def paid(logged: SpendLogged) -> Money:
    """What is paid for an entry, in base currency."""
    owed = Money(logged.net + logged.tax - logged.withheld, logged.currency)
    return at_rate(owed, logged.rate, logged.cost.currency)


def _likeness(logged: SpendLogged) -> Likeness:
    return (logged.vendor, logged.net, logged.tax, logged.currency, logged.spent_on, logged.document)


def _last_live(spend: SpendId | None, spending: Spending) -> SpendId | None:
    """The entry, or the last one before it that is alike and not reversed."""
    while spend is not None and spending.entries[spend].reversed:
        spend = spending.entries[spend].earlier
    return spend


@lru_cache(maxsize=1024)
def _together(persons: frozenset[PersonId]) -> frozenset[PersonId]:
    """The same persons, held once: a long production has many entries by the same few."""
    return persons


def _with_spent(
    accounts: Map[AccountCode, AccountSpend],
    code: AccountCode,
    cost: Decimal,
    kind: SpendKind,
    loggers: frozenset[PersonId] = frozenset(),
) -> AccountSpend:
    account = accounts.get(code, _UNSPENT)
    known = account.loggers if loggers <= account.loggers else account.loggers | loggers
    credited = account.credited + cost if kind in CREDITS else account.credited
    return replace(account, spent=account.spent + cost, credited=credited, loggers=known)


def _with_posted(
    posted: Map[tuple[AccountCode, date], Decimal], account: AccountCode, on: date, cost: Decimal
) -> Map[tuple[AccountCode, date], Decimal]:
    of = (account, on)
    return posted.set(of, posted.get(of, _NOTHING) + cost)


def _measured(
    spend: SpendId,
    code: AccountCode,
    cost: Money,
    spending: Spending,
    measure: Measure | None,
    flags: Iterator[FlagId],
) -> Iterator[SpendEvent]:
    """The flags of an entry that comes onto an account."""
    budgeted = None if measure is None else measure.amounts.get(code)
    if measure is None or budgeted is None:
        yield _outside(spend, code, cost, measure, flags)
        return
    spent = spending.accounts.get(code, _UNSPENT).spent + cost.amount
    if spent > budgeted and cost.amount > 0:
        yield _over(spend, code, measure.budget, budgeted, spent, cost.currency, flags)


def _without_credit(
    spend: SpendId, entry: Entry, spending: Spending, measure: Measure | None, flags: Iterator[FlagId]
) -> Iterator[SpendEvent]:
    """S3: the flag of an account that what came back kept within its budget, once that leaves it."""
    if entry.cost.amount < 0 and measure is not None and entry.account in measure.amounts:
        taken_back = Money(-entry.cost.amount, entry.cost.currency)
        yield from _measured(spend, entry.account, taken_back, spending, measure, flags)


def _covered(code: AccountCode, cost: Money, spending: Spending, measure: Measure | None) -> tuple[FlagId, ...]:
    """S7: the flags that fall when so much comes back that the account is within its budget."""
    budgeted = None if measure is None or cost.amount > 0 else measure.amounts.get(code)
    return () if budgeted is None else within(spending, code, budgeted - cost.amount)


def _outside(
    spend: SpendId, code: AccountCode, cost: Money, measure: Measure | None, flags: Iterator[FlagId]
) -> SpendOutsideBudget:
    if measure is None:
        return SpendOutsideBudget(next(flags), spend, code, None, cost, OutsideBecause.NO_BUDGET_IN_FORCE)
    because = (
        OutsideBecause.CONTINGENCY_TAKES_NO_SPEND if code in measure.contingency else OutsideBecause.UNKNOWN_ACCOUNT
    )
    return SpendOutsideBudget(next(flags), spend, code, measure.budget, cost, because)


def _over(
    spend: SpendId | None,
    code: AccountCode,
    budget: BudgetId,
    budgeted: Decimal,
    spent: Decimal,
    currency: Currency,
    flags: Iterator[FlagId],
) -> AccountOverspent:
    return AccountOverspent(
        flag=next(flags),
        spend=spend,
        account=code,
        budget=budget,
        budgeted=Money(budgeted, currency),
        spent=Money(spent, currency),
        over=Money(spent - budgeted, currency),
    )


def _mended(spend: SpendId, entry: Entry, spending: Spending, measure: Measure | None) -> tuple[FlagId, ...]:
    """The flags that fall when an entry leaves its account: its own, and all once the account is within budget."""
    account = spending.accounts[entry.account]
    budgeted = None if measure is None else measure.amounts.get(entry.account)
    within = budgeted is not None and account.spent - entry.cost.amount <= budgeted
    over = [flag for flag, raised_on in account.over.items() if within or raised_on == spend]
    outside = [flag for flag, raised_on in account.outside.items() if raised_on == spend]
    return by_number([*over, *outside])
