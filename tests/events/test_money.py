from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events.money import (
    Amount,
    ExchangeRate,
    Money,
    Percent,
    PositiveAmount,
    Rate,
    WholeAmount,
    converted,
    digits,
    exact,
    rounded,
)

AMOUNT, WHOLE, POSITIVE, RATE, PERCENT = (
    TypeAdapter[Any](kind) for kind in (Amount, WholeAmount, PositiveAmount, Rate, Percent)
)


def money(amount: str, currency: str) -> Money:
    return Money(Decimal(amount), currency)


class TestDigits:
    @pytest.mark.parametrize(("currency", "expected"), [("USD", 2), ("INR", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4)])
    def test_are_the_currencys_own(self, currency: str, expected: int) -> None:
        assert digits(currency) == expected

    @pytest.mark.parametrize("code", ["XAU", "XTS", "XXX", "ABC", "usd", "US"])
    def test_of_what_is_no_currency_of_payments_are_refused(self, code: str) -> None:
        with pytest.raises(ValueError, match=code):
            digits(code)


class TestRounding:
    @pytest.mark.parametrize(
        ("amount", "currency", "expected"),
        [
            ("0.005", "USD", "0.01"),
            ("0.015", "USD", "0.02"),
            ("2.675", "USD", "2.68"),
            ("-0.005", "USD", "-0.01"),
            ("0.00499999999999999999999999", "USD", "0.00"),
            ("0.5", "JPY", "1"),
            ("1.5", "JPY", "2"),
            ("0.0005", "BHD", "0.001"),
            ("1", "BHD", "1.000"),
            ("99999999999999999999999999.995", "USD", "100000000000000000000000000.00"),
        ],
    )
    def test_is_half_up_to_the_currencys_digits(self, amount: str, currency: str, expected: str) -> None:
        assert str(rounded(Decimal(amount), currency)) == expected

    @given(st.decimals(min_value=-(10**15), max_value=10**15, places=6))
    def test_moves_an_amount_by_half_a_unit_at_the_most(self, amount: Decimal) -> None:
        assert abs(rounded(amount, "USD") - amount) <= Decimal("0.005")


class TestExact:
    def test_writes_the_currencys_digits(self) -> None:
        assert str(exact(Decimal("5"), "USD")) == "5.00"
        assert str(exact(Decimal("5.0"), "JPY")) == "5"

    @pytest.mark.parametrize(("amount", "currency"), [("0.001", "USD"), ("0.5", "JPY"), ("0.0001", "BHD")])
    def test_refuses_more_decimals_than_the_currency_has(self, amount: str, currency: str) -> None:
        with pytest.raises(ValueError, match="more decimals"):
            exact(Decimal(amount), currency)


class TestConversion:
    RATE = ExchangeRate("USD", "INR", Decimal("84.50"))

    def test_goes_along_the_rate(self) -> None:
        assert converted(money("10.01", "USD"), self.RATE, "INR") == money("845.85", "INR")

    def test_goes_against_the_rate(self) -> None:
        assert converted(money("845.85", "INR"), self.RATE, "USD") == money("10.01", "USD")

    def test_rounds_once_half_up(self) -> None:
        per_yen = ExchangeRate("JPY", "USD", Decimal("0.005"))

        assert converted(money("1", "JPY"), per_yen, "USD") == money("0.01", "USD")

    def test_leaves_money_of_the_same_currency_as_it_is(self) -> None:
        assert converted(money("5.00", "INR"), None, "INR") == money("5.00", "INR")

    @pytest.mark.parametrize(
        ("sent", "rate", "currency"),
        [
            (money("1.00", "INR"), RATE, "INR"),
            (money("1.00", "USD"), None, "INR"),
            (money("1.00", "EUR"), RATE, "INR"),
            (money("1.00", "USD"), RATE, "EUR"),
            (money("99999999999999.00", "USD"), RATE, "INR"),
        ],
        ids=["needless rate", "no rate", "rate of others", "rate to another", "too much"],
    )
    def test_is_refused_when_the_rate_does_not_fit(self, sent: Money, rate: ExchangeRate | None, currency: str) -> None:
        with pytest.raises(ValueError, match=r"rate|more than can be recorded"):
            converted(sent, rate, currency)


class TestAmount:
    @pytest.mark.parametrize("text", ["0", "-0.01", "1250.00", "99999999999999999999999999.9999"])
    def test_is_read_and_written_digit_for_digit(self, text: str) -> None:
        assert AMOUNT.dump_json(AMOUNT.validate_json(f'"{text}"')) == f'"{text}"'.encode()

    def test_is_written_without_an_exponent(self) -> None:
        assert AMOUNT.dump_json(Decimal("1E+3")) == b'"1000"'

    @pytest.mark.parametrize(
        "sent",
        [
            *("1250", "1250.0", "1e5", "true", "null", "[]", "{}"),
            *('""', '" 1"', '"1 "', '"1\\n"', '"1e5"', '"1E5"', '"1_000"', '"1,000"', '"+1"', '"--1"'),
            *('".5"', '"5."', '"01"', '"00"', '"NaN"', '"Infinity"', '"-Infinity"', '"0x10"'),
            *('"\u0661\u0662"', '"\uff11"', '"1.00000"', '"100000000000000000000000000"'),
        ],
    )
    def test_is_nothing_but_a_plain_decimal_string(self, sent: str) -> None:
        with pytest.raises(ValidationError, match="send money as a string"):
            AMOUNT.validate_json(sent)

    @pytest.mark.parametrize("sent", [1, 1.0, True, Decimal("NaN"), Decimal("1.00000"), b"1"])
    def test_is_no_number_of_python_either(self, sent: Any) -> None:
        with pytest.raises(ValidationError):
            AMOUNT.validate_python(sent)

    @pytest.mark.parametrize("sent", ["-0.01", "1000000000000000"])
    def test_that_is_whole_is_neither_negative_nor_too_long(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            WHOLE.validate_python(sent)

    @pytest.mark.parametrize("sent", ["0", "0.00", "-1"])
    def test_that_is_positive_is_more_than_zero(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            POSITIVE.validate_python(sent)

    @pytest.mark.parametrize("sent", ["0", "0.0", "-1", "1.00000000001", "10000000000"])
    def test_of_a_rate_is_more_than_zero_with_ten_decimals_at_the_most(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            RATE.validate_python(sent)

    @pytest.mark.parametrize("sent", ["-1", "1.00001", "1000000", "5%"])
    def test_of_a_percentage_has_four_decimals_at_the_most(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            PERCENT.validate_python(sent)


class TestMoney:
    @pytest.mark.parametrize("currency", ["usd", "US", "USDX", "U$D", "US\n", ""])
    def test_has_a_currency_of_three_capitals(self, currency: str) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(Money).validate_python({"amount": "1", "currency": currency})

    def test_refuses_a_field_it_does_not_know(self) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(Money).validate_python({"amount": "1", "currency": "USD", "rate": "2"})

    def test_speaks_with_thousands_and_all_its_digits(self) -> None:
        assert str(money("61240772.00", "INR")) == "INR 61,240,772.00"
        assert str(ExchangeRate("USD", "INR", Decimal("84.50"))) == "1 USD = 84.50 INR"
