"""What a command's body may not be: each breach is refused at the field that holds it."""

import json
import re
from dataclasses import dataclass
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from service.deciders.approval import Approve
from service.deciders.budget import LockBudget, SetBudget
from service.deciders.command import Command
from service.deciders.company import AdmitMember, CompanyCommand, FoundCompany
from service.deciders.decision import ProductionCommand
from service.deciders.financing import AmendFunding, SecureFunding
from service.deciders.production import OpenProduction
from service.deciders.receipt import RecordReceipt
from service.deciders.spend import LogSpend
from service.deciders.team import Appoint

COMMANDS = (*get_args(CompanyCommand), *get_args(ProductionCommand))
A_DIGEST = "0" * 64
ACCOUNT = {"code": "1100", "name": "Story", "level": "other", "amount": "5"}
OTHER_ACCOUNT = ACCOUNT | {"code": "1200"}
FEE = {"code": "8300", "name": "Fee", "kind": "fee", "percent": "2", "base": {"levels": ["other"]}}
FLAT = {"code": "8300", "name": "Fee", "kind": "fee", "amount": "2"}
CREDIT = {"code": "9000", "name": "Rebate", "amount": "2"}
DOLLARS = {"source": "USD", "target": "INR", "rate": "83"}


def body(command: type[Command], **changes: Any) -> dict[str, Any]:
    """The command's example with some fields changed."""
    example = command.example | ({"content_hash": A_DIGEST} if "content_hash" in command.example else {})
    return example | changes


def faults(command: type[Command], raw: str) -> list[tuple[tuple[int | str, ...], str]]:
    """Where the body is wrong, and how."""
    try:
        command.model_validate_json(raw, strict=True)
    except ValidationError as error:
        return [(fault["loc"], fault["msg"]) for fault in error.errors()]
    return []


@dataclass(frozen=True, slots=True)
class Breach:
    """A body that breaks one rule, and the field that must be named."""

    name: str
    command: type[Command]
    changes: dict[str, Any]
    loc: tuple[int | str, ...]


def spending(name: str, *loc: int | str, **changes: Any) -> Breach:
    """A breach in a LogSpend, at the changed field unless said otherwise."""
    return Breach(name, LogSpend, changes, loc or (next(iter(changes)),))


def budgeting(name: str, *loc: int | str, **changes: Any) -> Breach:
    return Breach(name, SetBudget, changes, loc or (next(iter(changes)),))


def money(amount: Any, currency: Any = "INR") -> dict[str, Any]:
    return {"amount": amount, "currency": currency}


BREACHES = [
    # Unknown and missing fields.
    spending("an unknown field", acount="2200"),
    Breach("an unknown field of money", SecureFunding, {"amount": money("5") | {"x": 1}}, ("amount", "x")),
    budgeting("an unknown field of a line", "accounts", 0, "cost", accounts=[ACCOUNT | {"cost": "5"}, OTHER_ACCOUNT]),
    Breach("an unknown field of a rate", LogSpend, {"rate": DOLLARS | {"x": 1}}, ("rate", "x")),
    budgeting("no lines", accounts=[]),
    # Wrong types.
    spending("a number for text", memo=5),
    spending("a number for a code", account=2200),
    spending("a list for text", vendor=["kala-sets"]),
    spending("nothing for a date", spent_on=None),
    spending("a number for a date", spent_on=20261116),
    spending("an instant for a date", spent_on="2026-11-16T00:00:00"),
    Breach("a word for a truth", AdmitMember, {"administrator": "true"}, ("administrator",)),
    Breach("a number for a truth", AdmitMember, {"administrator": 1}, ("administrator",)),
    Breach("a text for a list", SecureFunding, {"expected_on": "2026-11-16"}, ("expected_on",)),
    budgeting("an object for a list", accounts={"0": ACCOUNT}),
    Breach("a text for money", SecureFunding, {"amount": "5 INR"}, ("amount",)),
    # Words that mean nothing here.
    spending("an unknown kind", kind="bribe"),
    spending("a kind in capitals", kind="INVOICE"),
    Breach("an unknown role", Appoint, {"role": "king"}, ("role",)),
    budgeting(
        "an unknown level", "accounts", 0, "level", accounts=[ACCOUNT | {"level": "below_the_line"}, OTHER_ACCOUNT]
    ),
    budgeting("an unknown total", "stated", stated={"sum": "1"}),
    budgeting("no name for a total", "stated", "a total!", "[key]", stated={"a total!": "1"}),
    budgeting("a half rupee of a tolerance", "tolerance", tolerance="0.005"),
    budgeting("a total's name for a code", "accounts", accounts=[ACCOUNT | {"code": "other"}]),
    budgeting("a scenario in capitals", "scenario", scenario="Low"),
    # Money.
    spending("a JSON number for money", net=5),
    spending("a JSON fraction for money", net=5.0),
    spending("a truth for money", net=True),
    spending("nothing for money", net=None),
    Breach("a JSON number inside money", SecureFunding, {"amount": money(5)}, ("amount", "amount")),
    budgeting("a JSON number in a line", "accounts", 0, "amount", accounts=[ACCOUNT | {"amount": 5}, OTHER_ACCOUNT]),
    budgeting("a JSON number for a percentage", "charges", 0, "percent", charges=[FEE | {"percent": 2}]),
    Breach("a JSON number for a rate", LogSpend, {"rate": DOLLARS | {"rate": 83}}, ("rate", "rate")),
    *(
        spending(f"{amount!r} for money", net=amount)
        for amount in (
            "", " 5", "5 ", "+5", "5.", ".5", "05", "5,000", "5e3", "NaN", "Infinity", "-Infinity", "0x5",
            "\u0665", "\uff15", "5_000", "5\n", "1" * 16, "5.00000",
        )
    ),
    spending("negative spend", net="-5"),
    spending("no spend at all", net="0"),
    spending("no spend with decimals", net="0.00"),
    spending("negative tax", tax="-1"),
    Breach("no funding at all", SecureFunding, {"amount": money("0.00")}, ("amount",)),
    Breach("negative funding", AmendFunding, {"amount": money("-5")}, ("amount",)),
    Breach("more funding than can be recorded", SecureFunding, {"amount": money("1" * 16)}, ("amount",)),
    Breach("negative charges of the bank", RecordReceipt, {"bank_charges": money("-1")}, ("bank_charges",)),
    budgeting("a negative account", "accounts", 0, "amount", accounts=[ACCOUNT | {"amount": "-5"}, OTHER_ACCOUNT]),
    budgeting("a negative credit", "credits", 0, "amount", credits=[CREDIT | {"amount": "-5"}]),
    budgeting("a negative percentage", "charges", 0, "percent", charges=[FEE | {"percent": "-2"}]),
    # Decimals that the currency does not have.
    spending("three decimals of a rupee", net="5.005"),
    spending("three decimals of tax", tax="5.005"),
    spending("three decimals of recoverable tax", "recoverable_tax", tax="9", recoverable_tax="5.005"),
    spending("decimals of a yen", "net", currency="JPY", net="5.5"),
    Breach("decimals of a yen in money", SecureFunding, {"amount": money("5.5", "JPY")}, ("amount",)),
    Breach("three decimals credited", RecordReceipt, {"credited": money("5.005")}, ("credited",)),
    budgeting("three decimals in a line", "accounts", accounts=[ACCOUNT | {"amount": "5.005"}]),
    budgeting("three decimals in a charge", "charges", charges=[FLAT | {"amount": "5.005"}]),
    budgeting("three decimals in a credit", "credits", credits=[CREDIT | {"amount": "5.005"}]),
    budgeting("three decimals in a stated total", stated={"grand_total": "5.005"}),
    # Currencies.
    *(
        spending(f"{currency!r} for a currency", currency=currency)
        for currency in ("XYZ", "inr", "IN", "RUPEE", "", "XAU", "XXX", "XTS", 356)
    ),
    Breach("gold as funding", SecureFunding, {"amount": money("5", "XAU")}, ("amount",)),
    Breach("an unknown base currency", OpenProduction, {"currency": "ZZZ"}, ("currency",)),
    Breach(
        "a rate between the same currencies", LogSpend, {"rate": DOLLARS | {"target": "USD"}}, ("rate",)
    ),
    Breach("a rate of a currency nobody uses", LogSpend, {"rate": DOLLARS | {"source": "ZZZ"}}, ("rate",)),
    Breach("a rate of nothing", LogSpend, {"rate": DOLLARS | {"rate": "0"}}, ("rate", "rate")),
    Breach("a negative rate", SecureFunding, {"budget_rate": DOLLARS | {"rate": "-1"}}, ("budget_rate", "rate")),
    # Dates and places.
    *(
        spending(f"{day!r} for a date", spent_on=day)
        for day in ("2026-02-30", "2026-13-01", "2025-02-29", "16.11.2026", "yesterday", "", "0000-01-01")
    ),
    Breach("one date of many", SecureFunding, {"expected_on": ["2026-11-30", "2026-11-31"]}, ("expected_on", 1)),
    Breach("an unknown time zone", OpenProduction, {"time_zone": "Asia/Pune"}, ("time_zone",)),
    Breach("an offset for a time zone", OpenProduction, {"time_zone": "+05:30"}, ("time_zone",)),
    Breach("a path for a time zone", OpenProduction, {"time_zone": "../../etc/passwd"}, ("time_zone",)),
    # Text.
    spending("a memo of a megabyte", memo="x" * 1_000_000),
    spending("a memo a letter too long", memo="x" * 2001),
    spending("a document a letter too long", document="x" * 201),
    Breach("a name of a megabyte", FoundCompany, {"name": "x" * 1_000_000}, ("name",)),
    *(
        Breach(f"{what} in {field}", LogSpend, {field: f"KS{character}0417"}, (field,))
        for field in ("memo", "document", "vendor_name", "reason", "vendor", "account")
        for what, character in (
            ("U+0000", "\0"),
            ("a backspace", "\b"),
            ("a carriage return", "\r"),
            ("a bidi override", "\u202e"),
            ("a bidi isolate", "\u2066"),
            ("a zero-width space", "\u200b"),
            ("a byte order mark", "\ufeff"),
            ("a line separator", "\u2028"),
            ("a paragraph separator", "\u2029"),
            ("a private character", "\ue000"),
            ("a character that is none", "\uffff"),
        )
    ),
    *(
        Breach(f"{text!r} in {field}", LogSpend, {field: text}, (field,))
        for field in ("memo", "document", "reason")
        for text in ("", " ", "\n", "\u00a0\u3000")
    ),
    spending("two lines in one", document="KS\n0417"),
    # Names of things.
    *(
        spending(f"{code!r} for an account", account=code)
        for code in ("", " 2200", "2200\n", "22--01", "2200000", "22/01", "2200;", "٢٢٠٠")
    ),
    *(
        spending(f"{vendor!r} for a vendor", vendor=vendor)
        for vendor in ("Kala Sets", "kala_sets", "-kala", "kala-", "k" * 65, "кala")
    ),
    spending("half a digest", receipt_sha256="0" * 63),
    spending("a digest in capitals", receipt_sha256="A" * 64),
    Breach("a digest that is none", Approve, {"content_hash": "…"}, ("content_hash",)),
    Breach("the number of no round", Approve, {"round": "A-0"}, ("round",)),
    Breach("the number of no version", LockBudget, {"budget": "v01"}, ("budget",)),
    Breach("the operator as a member", AdmitMember, {"person": "operator"}, ("person",)),
    Breach("a person with a capital", Appoint, {"person": "Ravi"}, ("person",)),
    # Rules between fields.
    spending("more tax recoverable than taxed", "recoverable_tax", tax="9", recoverable_tax="9.01"),
    budgeting("a code twice among the accounts", "accounts", accounts=[ACCOUNT, ACCOUNT]),
    budgeting("a code of an account and a charge", "charges", charges=[FLAT | {"code": "1100"}]),
    budgeting("a code of an account and a credit", "credits", credits=[CREDIT | {"code": "1100"}]),
    budgeting("a code of a charge and a credit", "credits", charges=[FLAT], credits=[CREDIT | {"code": "8300"}]),
    budgeting("a percentage without a base", "charges", 0, charges=[FLAT | {"percent": "2"}]),
    budgeting("a base without a percentage", "charges", 0, charges=[FLAT | {"base": {"levels": ["other"]}}]),
    budgeting("neither a percentage nor an amount", "charges", 0, charges=[{**FLAT, "amount": None}]),
    budgeting("a base of nothing", "charges", 0, "base", charges=[FEE | {"base": {"less": ["1100"]}}]),
]  # fmt: skip


class TestEveryBreach:
    @pytest.mark.parametrize("breach", BREACHES, ids=lambda breach: f"{breach.command.__name__}: {breach.name}")
    def test_is_refused_at_its_field_alone(self, breach: Breach) -> None:
        found = faults(breach.command, json.dumps(body(breach.command, **breach.changes)))
        assert {loc for loc, _ in found} == {breach.loc}


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_takes_its_example(self, command: type[Command]) -> None:
        assert faults(command, json.dumps(body(command))) == []

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_names_an_unknown_field(self, command: type[Command]) -> None:
        unknown = [("bogus",)]
        assert [loc for loc, _ in faults(command, json.dumps(body(command, bogus=1)))] == unknown

    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_names_every_missing_field(self, command: type[Command]) -> None:
        required = {(name,) for name, field in command.model_fields.items() if field.is_required()}
        assert {loc for loc, _ in faults(command, "{}") if loc} == required

    @pytest.mark.parametrize("raw", ["[]", "null", '"x"', "5", "{", "", "{} {}", "\ufeff{}", "{'a': 1}"])
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_takes_nothing_but_an_object(self, command: type[Command], raw: str) -> None:
        assert [loc for loc, _ in faults(command, raw)] == [()]

    @pytest.mark.parametrize("surrogate", ["\\ud800", "\\udc00", "\\ud800x", "\\udc00\\ud800"])
    def test_takes_no_lone_surrogate(self, surrogate: str) -> None:
        raw = json.dumps(body(LogSpend, memo="MEMO")).replace("MEMO", surrogate)
        (loc, says), *others = faults(LogSpend, raw)
        assert (loc, others) == ((), [])
        assert re.match("Invalid JSON: .*(surrogate|hex escape)", says)

    def test_takes_no_lone_surrogate_in_python_either(self) -> None:
        with pytest.raises(ValidationError) as caught:
            LogSpend.model_validate(body(LogSpend, memo="\ud800"), strict=False)
        assert [fault["loc"] for fault in caught.value.errors()] == [("memo",)]


class TestGoodInput:
    """The other side of each line that a breach crosses."""

    @pytest.mark.parametrize(
        ("command", "changes"),
        [
            (LogSpend, {"memo": "x" * 2000}),
            (LogSpend, {"memo": "Two lenses\n\nand a case"}),
            (LogSpend, {"memo": "कला सेट्स, 映画, Ωραία, 🎬"}),
            (LogSpend, {"net": "9" * 15 + ".99"}),
            (LogSpend, {"net": "0.01"}),
            (LogSpend, {"net": "5", "currency": "JPY", "tax": "0", "recoverable_tax": "0"}),
            (LogSpend, {"net": "5.005", "currency": "BHD"}),
            (LogSpend, {"spent_on": "2028-02-29"}),
            (LogSpend, {"tax": "9", "recoverable_tax": "9.00"}),
            (LogSpend, {"account": "11-00"}),
            (LogSpend, {"account": "B 04.10"}),
            (SetBudget, {"accounts": [ACCOUNT | {"amount": "0"}], "charges": [FEE | {"percent": "0.0"}]}),
            (SetBudget, {"charges": [FEE | {"amount": "7"}]}),
            (RecordReceipt, {"bank_charges": money("0")}),
            (OpenProduction, {"time_zone": "UTC"}),
            (Appoint, {"person": "ravi.k-2"}),
        ],
    )
    def test_is_taken(self, command: type[Command], changes: dict[str, Any]) -> None:
        assert faults(command, json.dumps(body(command, **changes))) == []

    def test_is_kept_composed_and_trimmed(self) -> None:
        taken = LogSpend.model_validate_json(json.dumps(body(LogSpend, memo="  Cafe\u0301 ")), strict=True)
        assert taken.memo == "Caf\u00e9"
