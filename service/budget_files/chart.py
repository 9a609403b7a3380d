"""Charts of accounts to begin a budget with: the codes and names that productions of a kind use.

A chart is a `set-budget` of nothing: every account at zero and every charge at 0 %. Codes are their owner's to choose,
so nothing holds a budget to a chart once it is set.
"""

import csv
from decimal import Decimal
from enum import StrEnum
from functools import cache
from importlib.resources import files

from events.budget import ChargeKind, Level
from events.ids import AccountCode
from events.money import Currency
from service.deciders.budget import SetBudget
from service.deciders.budget_content import Base, BudgetCharge, BudgetCredit
from service.deciders.budget_detail import BudgetAccount, BudgetGlobal, BudgetPart


class Chart(StrEnum):
    """Which productions use it."""

    FEATURE = "feature"
    #: The same with codes such as 11-00.
    FEATURE_XX_00 = "feature-xx-00"
    #: The same, amortised over the series and made for every episode.
    SERIES = "series"
    DOCUMENTARY = "documentary"
    #: Sections A to P of the bid form that advertisers know, marked up on A to K.
    COMMERCIAL = "commercial"


_NOTHING = Decimal(0)
_KEPT_IN = {Chart.FEATURE_XX_00: Chart.FEATURE, Chart.SERIES: Chart.FEATURE}
_LEVELS, _CHARGES = {level.value for level in Level}, {kind.value for kind in ChargeKind if kind != ChargeKind.OTHER}


def budget_of(chart: Chart, currency: Currency) -> SetBudget:
    """What would set a budget of that chart, all of it at zero."""
    code = _hyphenated if chart is Chart.FEATURE_XX_00 else str
    rows = [row | {"code": code(row["code"])} for row in _rows(_KEPT_IN.get(chart, chart))]
    series = chart is Chart.SERIES
    return SetBudget(
        currency=currency,
        globals=(BudgetGlobal(name="EPISODES", value=Decimal(1)),) if series else (),
        sub_budgets=(BudgetPart(name="amortised"), BudgetPart(name="pattern", times="EPISODES")) if series else (),
        accounts=tuple(
            BudgetAccount(code=row["code"], name=row["name"], level=Level(row["kind"]), amount=_NOTHING)
            for row in rows
            if row["kind"] in _LEVELS
        ),
        charges=tuple(
            BudgetCharge(
                code=row["code"],
                name=row["name"],
                kind=ChargeKind(row["kind"]) if row["kind"] in _CHARGES else ChargeKind.OTHER,
                percent=_NOTHING,
                base=_base(row["base"]),
            )
            for row in rows
            if row["kind"] in _CHARGES or row["kind"] == "charge"
        ),
        credits=tuple(
            BudgetCredit(code=row["code"], name=row["name"], percent=_NOTHING, base=_base(row["base"]))
            for row in rows
            if row["kind"] == "credit"
        ),
    )


def _hyphenated(code: AccountCode) -> AccountCode:
    return f"{code[:2]}-{code[2:]}"


def _base(accounts: str) -> Base:
    return Base(accounts=tuple(accounts.split())) if accounts else Base(levels=tuple(Level))


@cache
def _rows(chart: Chart) -> list[dict[str, str]]:
    text = files(__package__).joinpath("charts", f"{chart.value}.csv").read_text()
    return list(csv.DictReader(text.splitlines()))
