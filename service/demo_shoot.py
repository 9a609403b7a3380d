"""The scripted shoot: twelve weeks of a feature's money, from the first order to the last invoice.

The top sheet is the demonstration's; what is sent week by week is said here, so that a test can play it and hold the
cost report of every week to the cent, and the demonstration can show it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

FIRST_MONDAY = date(2026, 9, 7)
EURO = {"source": "EUR", "target": "INR"}

#: Who sends what: a part of the cast, a command, its body.
Sent = tuple[str, str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Week:
    """What is sent in a week, and its days."""

    number: int
    sent: list[Sent]

    @property
    def monday(self) -> date:
        """The first day."""
        return FIRST_MONDAY + timedelta(weeks=self.number - 1)

    @property
    def sunday(self) -> date:
        """The last day."""
        return self.monday + timedelta(days=6)


def weeks() -> Iterator[Week]:
    """The weeks in their order."""
    for number in range(1, 13):
        friday = FIRST_MONDAY + timedelta(weeks=number - 1, days=4)
        yield Week(number, [*_begins(number), *_weekly(number, friday), *_once(number, friday)])


def _entry(day: date, account: str, net: str, vendor: str, kind: str, **more: Any) -> Sent:
    who = "accountant" if kind == "payroll" else "line producer"
    on = {"spent_on": day.isoformat(), "posted_on": day.isoformat()}
    body = {"account": account, "currency": "INR", "net": net, "vendor": vendor, "kind": kind, **on, **more}
    return who, "log-spend", body


def _order(account: str, amount: str, what: str, vendor: str, **more: Any) -> Sent:
    lines = [{"account": account, "amount": amount, "what": what}]
    return "line producer", "draft-commitment", {"vendor": vendor, "currency": "INR", "lines": lines, **more}


def _submit(commitment: str) -> Sent:
    return "line producer", "submit-commitment", {"commitment": commitment}


def _begins(number: int) -> list[Sent]:
    """What is promised before the first day."""
    if number != 1:
        return []
    asked = [{"account": "2200", "amount": "60000", "what": "Timber and canvas for the temple set"}]
    return [
        ("line producer", "raise-requisition", {"lines": asked}),
        _order("3300", "900000", "Camera package, twelve weeks", "lens-house"),
        _submit("PO-0001"),
        _order("3300", "12000", "Stereo rigs", "stereo-rigs", currency="EUR", rate=EURO | {"rate": "90.00"}),
        _submit("PO-0002"),
        _order("1400", "1200000", "The lead", "lotus-artists", kind="deal"),
        _submit("DEAL-0001"),
        _order("2200", "45000.50", "The temple set", "kala-sets", requisition="REQ-1"),
        _submit("PO-0003"),
    ]


def _weekly(number: int, friday: date) -> list[Sent]:
    """What comes every week: the camera, the payroll, the float, a card."""
    petty, wages = f"{18_500 + 250 * number}.75", f"{95_000 + 1_000 * (number % 4)}.50"
    sent = [
        _entry(friday, "3300", "75000", "lens-house", "invoice", document=f"LH-{number:02}", commitment="PO-0001"),
        _entry(friday, "2000", wages, "pay-office", "payroll", document=f"W{number:02}"),
        _entry(friday, "3600", petty, "petty-cash", "petty_cash", document=f"PC-{number:02}"),
    ]
    if number % 2:
        taxed = {"tax": "3240.00", "recoverable_tax": "3240.00"}
        sent.append(_entry(friday, "3500", "18000", "wheels", "card", document=f"CC-{number:02}", **taxed))
    if number in (2, 5, 8, 11):
        sent.append(
            _entry(
                friday, "1400", "300000", "lotus-artists", "payroll", document=f"LA-{number:02}", commitment="DEAL-0001"
            )
        )
    return sent


def _once(number: int, friday: date) -> list[Sent]:
    """What comes once."""
    day = friday.isoformat()
    rigs: dict[str, Any] = {"currency": "EUR", "commitment": "PO-0002"}
    line, desk = "line producer", "accountant"

    def set_invoice(net: str, document: str) -> Sent:
        return _entry(friday, "2200", net, "kala-sets", "invoice", document=document, commitment="PO-0003")

    def rigs_invoice(net: str, rate: str, document: str) -> Sent:
        at = {"rate": EURO | {"rate": rate}, "document": document}
        return _entry(friday, "3300", net, "stereo-rigs", "invoice", **rigs, **at)

    overage = {"account": "3600", "amount": "400000", "funding": "F-1", "reason": "Ten days more in the fort."}
    transfer = {"from_account": "2800", "to_account": "2200", "amount": "150000", "reason": "The props are built."}
    draw = {"account": "3500", "amount": "100000", "reason": "A second unit van."}
    of_week_3 = {"spend": "S-000012", "posted_on": day, "reason": "Paid by the location manager."}
    estimate = {"account": "3600", "amount": "795000", "reason": "The fort costs less than was feared."}
    recoded = {"spend": "S-000004", "account": "3600", "posted_on": day, "reason": "Location transport."}
    second_body = [{"account": "3300", "amount": "950000", "what": "Camera package, with a second body"}]
    once: dict[int, list[Sent]] = {
        2: [set_invoice("30000.25", "KS-1")],
        3: [rigs_invoice("5000", "91.25", "SR-1")],
        4: [(line, "request-overage", overage)],
        5: [(line, "transfer-budget", transfer), set_invoice("21000", "KS-2")],
        6: [(line, "draw-contingency", draw), rigs_invoice("7000", "88.75", "SR-2")],
        7: [(desk, "reverse-spend", of_week_3)],
        8: [(line, "estimate-final-cost", estimate)],
        9: [(desk, "recode-spend", recoded)],
        10: [(line, "amend-commitment", {"commitment": "PO-0001", "lines": second_body, "reason": "A crash."})],
        11: [
            (line, "withdraw-requisition", {"requisition": "REQ-1", "reason": "The set stands."}),
            _entry(friday, "9100", "7300", "shop", "other", document="SH-1"),
        ],
        12: [(line, "close-commitment", {"commitment": "PO-0001", "reason": "The package went back."})],
    }
    return once.get(number, [])
