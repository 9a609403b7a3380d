"""What calls for attention, why, with which figures, and which fact cleared it?

Moved by: every flag, and every fact that clears one. Rows never change once written: a clearing is a row of
its own, so the flags *as of* a version are those raised up to it and not cleared up to it.
"""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, get_args

from pydantic import BaseModel, Field

from events import FlagEvent, OfProduction
from events.advance import AdvanceExceeded, FloatShort
from events.budget import LabelDisagrees
from events.commitment import CommitmentExceeded, InvoicedByAnother
from events.confidential import Accounts, is_pay
from events.envelope import Recorded
from events.ids import AccountCode, BudgetId, FlagId, FundingId, PersonId, ReceiptId, SpendId, StreamId
from events.spend import AlertScope

from .projection import Projection, Rows, kind
from .sentences import tell

#: The fields of a flag that say what it is about; all others are its figures.
SUBJECTS = ("account", "budget", "funding", "receipt", "spend")


@dataclass(frozen=True, slots=True)
class FlagRow:
    """A flag as it was raised."""

    stream_id: StreamId
    number: int
    kind: str
    version: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    sentence: str
    account: str | None
    budget: str | None
    funding: str | None
    receipt: str | None
    spend: str | None
    figures: dict[str, str | None]


@dataclass(frozen=True, slots=True)
class ClearingRow:
    """The fact that cleared a flag."""

    stream_id: StreamId
    number: int
    version: int
    at: datetime
    actor: str
    on_behalf_of: str | None
    kind: str


FLAGS = kind("flags", FlagRow, "stream_id", "number", final=True)
CLEARINGS = kind("flags_cleared", ClearingRow, "stream_id", "number", final=True)


def fold(rows: Rows, recorded: Recorded[OfProduction]) -> None:
    """The rows after the event."""
    stream, event, metadata = recorded.stream_id, recorded.event, recorded.metadata
    for flag in getattr(event, "clears", ()):
        rows.put(
            ClearingRow(
                stream_id=stream,
                number=_number(flag),
                version=recorded.version,
                at=metadata.at,
                actor=metadata.actor,
                on_behalf_of=metadata.on_behalf_of,
                kind=type(event).__name__,
            )
        )
    if isinstance(event, FlagEvent):
        rows.put(
            FlagRow(
                stream_id=stream,
                number=_number(event.flag),
                kind=type(event).__name__,
                version=recorded.version,
                at=metadata.at,
                actor=metadata.actor,
                on_behalf_of=metadata.on_behalf_of,
                sentence=_reason(event),
                figures=_figures(event),
                **{subject: getattr(event, subject, None) for subject in SUBJECTS},
            )
        )


def _reason(event: FlagEvent) -> str:
    sentence = tell(event).sentence.removeprefix(f"{event.flag}: ")
    return sentence if sentence[1].isdigit() else sentence[0].upper() + sentence[1:]


def _number(flag: FlagId) -> int:
    return int(flag.removeprefix("FLAG-"))


def _figures(event: FlagEvent) -> dict[str, str | None]:
    values: dict[str, Any] = {field.name: getattr(event, field.name) for field in fields(event)}
    return {
        name: None if value is None else str(getattr(value, "value", value))
        for name, value in values.items()
        if name != "flag" and name not in SUBJECTS
    }


PROJECTION = Projection("flags", frozenset(get_args(OfProduction)), 2, (FLAGS, CLEARINGS), fold)


class ClearedBy(BaseModel):
    """The fact that cleared a flag."""

    version: int
    kind: str
    at: datetime
    actor: PersonId
    on_behalf_of: PersonId | None = Field(description="For whom the actor acted, if for another.")


class Flag(BaseModel):
    """A flag."""

    flag: FlagId
    kind: str
    state: str = Field(description="`open` or `cleared`.")
    reason: str = Field(description="In one sentence, with the figures.")
    account: AccountCode | None
    budget: BudgetId | None
    funding: FundingId | None
    receipt: ReceiptId | None
    spend: SpendId | None
    figures: dict[str, str | None]
    raised_version: int
    raised_at: datetime
    raised_on_act_of: PersonId
    on_behalf_of: PersonId | None = Field(description="For whom they acted, if for another.")
    cleared_by: ClearedBy | None
    withheld: str | None = Field(description="That its figures are not shown to the reader; then the reason says so.")


class Flags(BaseModel):
    """A page of the flags, in the order in which they were raised."""

    production: StreamId
    version: int = Field(description="Of the production's stream, as shown.")
    position: int = Field(description="Of the log, as shown.")
    flags: list[Flag]
    next: str | None = Field(description="The cursor of the next page; none on the last one.")
    withheld: str | None = Field(description="That something is not shown to the reader.")


def figures_of(row: FlagRow) -> Accounts:
    """The accounts whose figures the flag has; of an entry it does not say whether it is pay, which others know."""
    if row.kind in (LabelDisagrees.__name__, AdvanceExceeded.__name__, FloatShort.__name__):
        return None  # of a base, which may be all accounts but one; of what somebody holds
    if row.figures.get("scope") == AlertScope.ACCOUNT.value:
        return (row.figures["of"] or "",)
    about_a_commitment = row.kind in (CommitmentExceeded.__name__, InvoicedByAnother.__name__)
    if about_a_commitment and is_pay(row.figures["commitment"] or ""):
        return None
    return () if row.account is None else (row.account,)


def flag(row: FlagRow, cleared: ClearingRow | None, withheld: str | None = None) -> Flag:
    """The flag as its reader sees it.

    Args:
        withheld: what its reader is told in the place of its figures, if those are not for them.
    """
    return Flag(
        flag=f"FLAG-{row.number}",
        kind=row.kind,
        state="open" if cleared is None else "cleared",
        reason=withheld or row.sentence,
        account=row.account,
        budget=row.budget,
        funding=row.funding,
        receipt=row.receipt,
        spend=row.spend,
        figures=row.figures if withheld is None else {},
        raised_version=row.version,
        raised_at=row.at,
        raised_on_act_of=row.actor,
        on_behalf_of=row.on_behalf_of,
        cleared_by=None if cleared is None else _cleared_by(cleared),
        withheld=withheld,
    )


def _cleared_by(row: ClearingRow) -> ClearedBy:
    return ClearedBy(version=row.version, kind=row.kind, at=row.at, actor=row.actor, on_behalf_of=row.on_behalf_of)
