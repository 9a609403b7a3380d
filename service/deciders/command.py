"""What every command is: a frozen model that is the HTTP body, strict to the letter.

A command holds neither who nor when: those are metadata. Values that only commands need are here too: a
currency must be in use and an amount must fit its currency when it is sent, not when history is read.
"""

import re
from datetime import date
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter

from events.ids import Memo, Says, shape
from events.money import (
    TOO_MUCH,
    Currency,
    ExchangeRate,
    Money,
    PositiveAmount,
    WholeAmount,
    digits,
    exact,
)

from .refusal import Refusal


class Part(BaseModel):
    """A part of a command."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Command(Part):
    """A wish, named in the imperative; its docstring is its description."""

    #: Every refusal that deciding it can end in; a test holds this against what the code raises.
    refusals: ClassVar[tuple[type[Refusal], ...]]
    #: A body that does what it says, shown in the OpenAPI document.
    example: ClassVar[dict[str, Any]]

    reason: Memo | None = Field(None, description="Why, in your words; kept in the audit trail.")


def _in_use(currency: Currency) -> Currency:
    digits(currency)
    return currency


def _payable(money: Money) -> Money:
    if abs(money.amount) >= TOO_MUCH:
        raise ValueError("the amount has more than 15 digits before the point")
    return Money(exact(money.amount, money.currency), money.currency)


def _not_negative(money: Money) -> Money:
    if money.amount < 0:
        raise ValueError("the amount must be zero or more")
    return money


def _positive(money: Money) -> Money:
    if money.amount <= 0:
        raise ValueError("the amount must be more than zero")
    return money


def _two_currencies(rate: ExchangeRate) -> ExchangeRate:
    if _in_use(rate.source) == _in_use(rate.target):
        raise ValueError("a rate is between two currencies")
    return rate


#: Money of a film is of these years; another one is a slip of the finger.
_YEARS = range(1900, 2200)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}").fullmatch


def _written(sent: Any) -> Any:
    if not isinstance(sent, str):
        return sent
    try:
        return date.fromisoformat(sent if _DAY(sent) else "")
    except ValueError:
        raise ValueError("send a day that there is, as a string such as 2026-11-16") from None


def _of_these_years(day: date) -> date:
    if day.year not in _YEARS:
        raise ValueError(f"send a day of the years {_YEARS[0]} to {_YEARS[-1]}")
    return day


#: An address in ASCII, as browsers take it: letters of other scripts look alike, and an address tells who may enter.
Email = Annotated[
    str,
    shape(
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}"
        r"@([A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?$",
        "send an address such as maya@acme.example, in ASCII",
        max_length=254,
    ),
]
#: A day as people write it; pydantic alone would take a number of seconds in a string, too.
AnyDay = Annotated[date, BeforeValidator(_written)]
Day = Annotated[AnyDay, AfterValidator(_of_these_years), Says({"pattern": "^(19|20|21)"})]
#: A code of ISO 4217 that is in use today.
_IN_USE = {"format": "iso-4217"}
CurrencyInUse = Annotated[Currency, AfterValidator(_in_use), Says(_IN_USE)]


def _money(amount: Any) -> Says:
    return Says({"properties": {"amount": TypeAdapter(amount).json_schema(), "currency": _IN_USE}})


PositiveMoney = Annotated[Money, AfterValidator(_payable), AfterValidator(_positive), _money(PositiveAmount)]
WholeMoney = Annotated[Money, AfterValidator(_payable), AfterValidator(_not_negative), _money(WholeAmount)]
RateInUse = Annotated[
    ExchangeRate, AfterValidator(_two_currencies), Says({"properties": {"source": _IN_USE, "target": _IN_USE}})
]
