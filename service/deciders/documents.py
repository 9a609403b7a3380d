"""Documents of several entries, and documents of what comes back.

S12 An accrual is paid to nobody; the entry that names it takes its place, and reverses it.
S13 The entries of a batch are logged at once, numbered one after the other, and paid at once: one is asked about all of
    them. They are on accounts of their own, and are reversed and recoded one by one.
S14 What comes back lowers what was spent on its account, and nobody is paid for it.
"""

from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from events.ids import AccountCode, AdvanceId, CommitmentId, Digest, Memo, Text, VendorId
from events.money import PositiveAmount, WholeAmount, exact
from events.spend import SpendKind

from .command import Command, CurrencyInUse, Day, Part, RateInUse
from .commitment import CommitmentIsMissing
from .spend import (
    ActualRateDoesNotConvert,
    AdvanceHasItsRate,
    AdvanceIsMissing,
    DepositIsWithAnother,
    FloatPaysNoWages,
    LogSpend,
    SpentKind,
    ends_a_commitment,
    fits_currency,
    pays_somebody,
    recovers_what_was_taxed,
)

CreditKind = Literal[SpendKind.CREDIT_NOTE, SpendKind.REFUND, SpendKind.INSURANCE_CLAIM]

_VENDOR = Field(description="Of the company's directory of vendors; entered there on first use.")
_RATE = Field(None, description="The actual rate, when not in base currency.")


class BatchLine(Part):
    """What is spent on one account."""

    account: AccountCode
    net: PositiveAmount = Field(description="Of pay: gross, before what is withheld.")
    tax: WholeAmount = Decimal(0)
    recoverable_tax: WholeAmount = Field(Decimal(0), description="The part of the tax that is no cost.")
    withheld: WholeAmount = Field(Decimal(0), description="The part that is owed to others, such as income tax.")
    fringe: bool = Field(False, description="Whether it is fringes on pay: what the employer adds.")
    memo: Memo | None = Field(None, description="What, or who, and for when.")


class LogBatch(Command):
    """A line producer or an accountant records spend on several accounts that is paid at once: payroll, a split."""

    refusals = (
        *(CommitmentIsMissing, AdvanceIsMissing, DepositIsWithAnother, FloatPaysNoWages, AdvanceHasItsRate),
        ActualRateDoesNotConvert,
    )
    example: ClassVar = {
        "currency": "INR",
        "vendor": "crew-payroll",
        "vendor_name": "Crew Payroll",
        "spent_on": "2026-11-21",
        "posted_on": "2026-11-23",
        "kind": "payroll",
        "document": "PR-W03",
        "lines": [
            {"account": "2200", "net": "40000", "withheld": "4000", "memo": "Art director, week 3"},
            {"account": "5000", "net": "25000", "withheld": "2500", "memo": "Editor, week 3"},
            {"account": "2200", "net": "5200", "fringe": True, "memo": "Provident fund"},
        ],
    }

    currency: CurrencyInUse
    rate: RateInUse | None = _RATE
    vendor: VendorId = _VENDOR
    vendor_name: Text | None = Field(None, description="For the directory, when the vendor is new there.")
    spent_on: Day
    posted_on: Day
    kind: SpentKind
    document: Text | None = Field(None, description="The vendor's number: invoice, payroll batch, envelope.")
    receipt_sha256: Digest | None = Field(None, description="SHA-256 of the document's file, if there is one.")
    commitment: CommitmentId | None = Field(None, description="What it is the invoice for; so much less is to come.")
    final: bool = Field(
        False, description="Whether it is the last one of its commitment: what is left is released, if it is open."
    )
    advance: AdvanceId | None = Field(None, description="The float or deposit that it was paid out of.")
    lines: Annotated[tuple[BatchLine, ...], Field(min_length=1, max_length=200)]

    _pays = field_validator("advance", mode="after")(pays_somebody)
    _ends = field_validator("final", mode="after")(ends_a_commitment)

    @field_validator("lines", mode="after")
    @classmethod
    def _fit_their_currency(cls, lines: tuple[BatchLine, ...], info: ValidationInfo) -> tuple[BatchLine, ...]:
        currency = info.data.get("currency", "")
        for line in lines if currency else ():
            for amount in (line.net, line.tax, line.recoverable_tax, line.withheld):
                exact(amount, currency)
            if line.recoverable_tax > line.tax:
                raise ValueError("recoverable tax cannot be more than the tax")
            if line.withheld > line.net + line.tax:
                raise ValueError("no more is withheld than net and tax")
        return lines

    def entry(self, line: BatchLine) -> LogSpend:
        """One of its lines, as if it were logged by itself."""
        names = ("net", "tax", "recoverable_tax", "withheld")
        amounts: dict[str, Any] = {name: exact(getattr(line, name), self.currency) for name in names}
        return LogSpend.model_construct(**_head(self), **amounts, account=line.account, memo=line.memo)


class LogCredit(Command):
    """A line producer or an accountant records what a vendor or an insurer gives back; it lowers what was spent."""

    refusals = (ActualRateDoesNotConvert,)
    example: ClassVar = {
        "account": "2200",
        "currency": "INR",
        "net": "5000",
        "vendor": "kala-sets",
        "spent_on": "2026-11-24",
        "posted_on": "2026-11-24",
        "kind": "credit_note",
        "document": "KS-C-012",
        "memo": "Paint that went back",
    }

    account: AccountCode
    currency: CurrencyInUse = Field(description="Of net, tax and recoverable tax.")
    net: PositiveAmount = Field(description="What comes back; it counts as a cost below zero.")
    tax: WholeAmount = Decimal(0)
    recoverable_tax: WholeAmount = Field(Decimal(0), description="The part of the tax that was no cost.")
    rate: RateInUse | None = _RATE
    vendor: VendorId = _VENDOR
    vendor_name: Text | None = Field(None, description="For the directory, when the vendor is new there.")
    spent_on: Day = Field(description="When it came back.")
    posted_on: Day
    kind: CreditKind
    document: Text | None = Field(None, description="The vendor's number for it.")
    receipt_sha256: Digest | None = Field(None, description="SHA-256 of the document's file, if there is one.")
    memo: Memo | None = None

    _fits = field_validator("net", "tax", "recoverable_tax", mode="after")(fits_currency)
    _recovers = field_validator("recoverable_tax", mode="after")(recovers_what_was_taxed)

    def entry(self) -> LogSpend:
        """The same, as if it were spent."""
        amounts = {name: getattr(self, name) for name in ("net", "tax", "recoverable_tax")}
        return LogSpend.model_construct(**_head(self), **amounts, account=self.account, memo=self.memo)


def _head(document: LogBatch | LogCredit) -> dict[str, Any]:
    names = ("currency", "rate", "vendor", "spent_on", "posted_on", "kind", "document", "receipt_sha256")
    return {name: getattr(document, name) for name in names}
