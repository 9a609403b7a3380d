"""Money, rates and percentages: decimals in strings, never floats.

An amount is a decimal string with at most its currency's digits; it stands under a currency, its own or its
document's. Every result is rounded once, half up, to the currency's digits; everything above a rounded
figure is addition. A rate or a percentage is no money and keeps its digits.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, localcontext
from functools import cache
from typing import Annotated, Any, ClassVar

import iso4217
from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from typing_extensions import override

from events.ids import shape


@dataclass(frozen=True, slots=True)
class _DecimalText:
    """How pydantic reads and writes a decimal: a string of one pattern, never a JSON number."""

    pattern: str
    advice: str
    example: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        matches = re.compile(self.pattern, re.ASCII).fullmatch
        advice = self.advice

        def read(value: Any) -> Decimal:
            if isinstance(value, str) and matches(value):
                return Decimal(value)
            if isinstance(value, Decimal) and matches(format(value, "f")):
                return value
            raise ValueError(advice)

        written = core_schema.plain_serializer_function_ser_schema(
            lambda value: format(value, "f"), return_schema=core_schema.str_schema(), when_used="json"
        )
        return core_schema.no_info_plain_validator_function(read, serialization=written)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": f"^{self.pattern}$",
            "description": self.advice,
            "examples": [self.example],
        }


_DIGITS = r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,4})?"
#: Facts hold sums and percentages of what was sent; they must be readable whatever was sent.
_SUM_DIGITS = r"(0|[1-9][0-9]{0,25})(\.[0-9]{1,4})?"
#: An amount that is sent, or that comes of converting one, is below this.
TOO_MUCH = Decimal(10) ** 15
_NOT_ZERO = r"(?=.*[1-9])"

#: Any amount, as facts hold it: figures over and under may be negative.
Amount = Annotated[Decimal, _DecimalText(f"-?{_SUM_DIGITS}", 'send money as a string such as "1250.00"', "-1250.00")]
#: Zero or more.
WholeAmount = Annotated[
    Decimal, _DecimalText(_DIGITS, 'send money, zero or more, as a string such as "1250.00"', "1250.00")
]
#: More than zero.
PositiveAmount = Annotated[
    Decimal,
    _DecimalText(_NOT_ZERO + _DIGITS, 'send money, more than zero, as a string such as "1250.00"', "1250.00"),
]
Rate = Annotated[
    Decimal,
    _DecimalText(
        _NOT_ZERO + r"(0|[1-9][0-9]{0,9})(\.[0-9]{1,10})?",
        'send a rate, more than zero, as a string such as "83.25"',
        "83.25",
    ),
]
Percent = Annotated[
    Decimal,
    _DecimalText(r"(0|[1-9][0-9]{0,5})(\.[0-9]{1,4})?", 'send a percentage as a string such as "7.5"', "7.5"),
]
#: By how much something is raised or, below zero, lowered; to nothing at the least.
PercentChange = Annotated[
    Decimal,
    _DecimalText(
        r"(-(100|[1-9]?[0-9](\.[0-9]{1,4})?)|(0|[1-9][0-9]{0,2})(\.[0-9]{1,4})?)",
        'send a percentage from -100 to 999.9999 as a string such as "-7.5"',
        "-7.5",
    ),
]
#: How many of something: `12` weeks, `0.5` days.
Quantity = Annotated[
    Decimal,
    _DecimalText(
        r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,6})?", 'send a quantity, zero or more, as a string such as "12"', "12"
    ),
]
#: Facts keep withdrawn currencies: whether a code is in use is asked of commands, never of history.
Currency = Annotated[str, shape(r"^[A-Z]{3}$", "send a currency as its three capital letters, such as EUR")]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its currency."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    amount: Amount
    currency: Currency

    @override
    def __str__(self) -> str:
        return f"{self.currency} {self.amount:,f}"


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """One unit of `source` is worth `rate` units of `target`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    source: Currency
    target: Currency
    rate: Rate

    @override
    def __str__(self) -> str:
        return f"1 {self.source} = {self.rate:f} {self.target}"


@cache
def digits(currency: str) -> int:
    """How many decimals amounts of a currency have: 2 for USD, 0 for JPY, 3 for BHD.

    Raises:
        ValueError: no currency in use has this code, or it has no amounts (gold, test codes).
    """
    try:
        exponent = iso4217.Currency(currency).exponent
    except ValueError:
        raise ValueError(f"{currency} is not a currency of ISO 4217") from None
    if exponent is None:
        raise ValueError(f"{currency} has no amounts of money")
    return int(exponent)


#: Room for every sum and product that can be sent.
_ROOM = Context(prec=50, rounding=ROUND_HALF_UP)


@cache
def _unit(currency: str) -> Decimal:
    """The smallest amount of a currency: 0.01 for USD."""
    return Decimal(1).scaleb(-digits(currency))


def rounded(amount: Decimal, currency: str) -> Decimal:
    """The amount rounded once, half up, to the currency's digits."""
    return amount.quantize(_unit(currency), context=_ROOM)


def plain(number: Decimal) -> Decimal:
    """The number without the zeros at its end: 7.5 and 7.50 are one, however they were typed."""
    return Decimal(f"{number.normalize(_ROOM):f}")


def exact(amount: Decimal, currency: str) -> Decimal:
    """The amount written with the currency's digits.

    Raises:
        ValueError: it has more decimals than the currency.
    """
    result = rounded(amount, currency)
    if result != amount:
        raise ValueError(f"{amount:f} has more decimals than {currency} allows ({digits(currency)})")
    return result


def converted(money: Money, rate: ExchangeRate | None, currency: str) -> Money:
    """The money in another currency at a rate stated in either direction, rounded once.

    Raises:
        ValueError: as `at_rate`, or the result is no amount that anyone could have sent.
    """
    found = at_rate(money, rate, currency)
    if rate is not None and found.amount >= TOO_MUCH:
        raise ValueError(f"{money} at {rate} is more than can be recorded")
    return found


def at_rate(money: Money, rate: ExchangeRate | None, currency: str) -> Money:
    """The same without a bound, for sums of what was recorded.

    Raises:
        ValueError: the rate is not between these two currencies, or is missing where one is needed.
    """
    if money.currency == currency:
        if rate is not None:
            raise ValueError(f"money already in {currency} takes no rate")
        return money
    if rate is None:
        raise ValueError(f"a rate between {money.currency} and {currency} is needed")
    with localcontext() as context:
        context.prec = 50
        match (rate.source, rate.target):
            case (money.currency, target) if target == currency:
                amount = money.amount * rate.rate
            case (source, money.currency) if source == currency:
                amount = money.amount / rate.rate
            case _:
                raise ValueError(f"the rate {rate} is not between {money.currency} and {currency}")
        return Money(rounded(amount, currency), currency)
