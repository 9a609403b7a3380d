"""A budget version as a workbook: top sheet, accounts, and every row in detail, with formulas that follow an edit.

The sheet `Detail` is the table of `table.py`, so that the workbook reads back as the version it was written from.
"""

import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_rowcol_to_cell
from xlsxwriter.worksheet import Worksheet

from events.budget import AccountLine, BudgetDrafted, ChargeBase, ChargeLine, CreditLine, Level, TotalName
from events.money import digits
from service.deciders.budget_content import expected

from .reading import DETAIL
from .table import COLUMNS, table_of

_AT = {name: place for place, name in enumerate(COLUMNS)}
#: Columns of figures; the others are text, whatever they look like.
_FIGURES = ("amount", "units", "multiplier", "rate", "percent", "qualified", "limit", "total")
#: A spreadsheet reckons in doubles: figures from here on may not be told apart to the cent, so they are no formula.
_EXACT_BELOW = Decimal(10) ** 13


def workbook_of(drafted: BudgetDrafted, title: str) -> bytes:
    """The version as XLSX.

    Args:
        title: of the production.
    """
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        # A day that is always the same: so are the bytes of a version.
        book.set_properties({"title": f"{title}, budget {drafted.budget}", "created": datetime(2000, 1, 1, tzinfo=UTC)})
        shape = {"num_format": "#,##0" + f".{'0' * digits(drafted.currency)}".rstrip(".")}
        money, strong = book.add_format(shape), book.add_format(shape | {"bold": True})
        top, accounts = book.add_worksheet("Top sheet"), book.add_worksheet("Accounts")
        detail = _Detail(drafted, book.add_worksheet(DETAIL), money)
        detail.write()
        _TopSheet(drafted, top, detail, money, strong).write(title)
        _accounts(drafted, accounts, detail, money, strong)
    return written.getvalue()


class _Detail:
    """The sheet of all rows, and where each figure stands."""

    def __init__(self, drafted: BudgetDrafted, sheet: Worksheet, money: Any) -> None:
        self.drafted, self.sheet, self.money = drafted, sheet, money
        self.rows = list(table_of(drafted))
        #: The row of each account, charge and credit, of what they are reckoned with, and the last one of an account.
        self.at: dict[tuple[str, str], int] = {}
        for place, row in enumerate(self.rows, 1):
            self.at.setdefault((row["kind"], row["currency"] if row["kind"] == "rate" else row["code"]), place)
        self.accounts = {account.code: account for account in drafted.accounts}

    def cell(self, kind: str, code: str, column: str = "total") -> str:
        """Where a figure stands, such as `$V$12`."""
        return str(xl_rowcol_to_cell(self.at[kind, code], _AT[column], row_abs=True, col_abs=True))

    def write(self) -> None:
        """Every row, under the names of the columns."""
        self.sheet.freeze_panes(1, 3)
        self.sheet.write_row(0, 0, COLUMNS)
        for place, row in enumerate(self.rows, 1):
            for name, cell in row.items():
                self._write(place, name, cell, self._formula(place, row) if name == "total" else None)

    def _write(self, place: int, name: str, cell: str, formula: str | None) -> None:
        column = _AT[name]
        figure = _figure(cell) if name in _FIGURES else None
        if formula is not None and figure is not None:
            self.sheet.write_formula(place, column, formula, self.money, figure)
        elif figure is not None:
            self.sheet.write_number(place, column, figure, self.money if name in ("rate", "limit", "total") else None)
        elif cell:
            self.sheet.write_string(place, column, cell)

    def _formula(self, place: int, row: dict[str, str]) -> str | None:
        """What a total is reckoned by, if it is by anything that stands on the sheet."""
        match row["kind"]:
            case "line":
                return self._of_line(place, row)
            case "account":
                return self._of_account(self.accounts[row["code"]])
            case "fringe_amount":
                fringe = next(each for each in self.drafted.fringes if each.code == row["fringes"])
                percent = self.cell("fringe", row["fringes"], "percent")
                base = xl_rowcol_to_cell(place, _AT["amount"])
                return None if fringe.percent is None else self._rounded(f"{base}*{percent}/100")
            case "charge":
                return self._of_charge(place, next(each for each in self.drafted.charges if each.code == row["code"]))
            case "credit":
                return self._of_credit(place, next(each for each in self.drafted.credits if each.code == row["code"]))
            case _:
                return None

    def _rounded(self, product: str) -> str:
        return f"=ROUND({product},{digits(self.drafted.currency)})"

    def _of_line(self, place: int, row: dict[str, str]) -> str:
        factors = []
        for name in ("amount", "units", "multiplier"):
            is_global = row[name][:1].isalpha()
            factors.append(
                self.cell("global", row[name], "amount") if is_global else xl_rowcol_to_cell(place, _AT[name])
            )
        product = "*".join([*factors, xl_rowcol_to_cell(place, _AT["rate"])])
        if row["currency"]:
            pair = (row["currency"], self.drafted.currency)
            direct = ("rate", "/".join(pair)) in self.at
            rate = self.cell("rate", "/".join(pair if direct else pair[::-1]), "rate")
            product += f"*{rate}" if direct else f"/{rate}"
        return self._rounded(product)

    def _of_account(self, account: AccountLine) -> str | None:
        if not account.lines:
            return None
        return "=" + "+".join(filter(None, (self.lines(account), self.fringes(account))))

    def lines(self, account: AccountLine) -> str:
        """The sum of an account's lines: one of a sub-budget counts once, and for every further making besides."""
        first = self.at["account", account.code] + 1
        totals, parts = (self._column(name, first, len(account.lines)) for name in ("total", "sub_budget"))
        makings = [
            f'SUMIF({parts},"{part}",{totals})*({self.cell("sub_budget", part, "amount")}-1)'
            for part in sorted({line.sub_budget for line in account.lines if line.sub_budget})
        ]
        return "+".join([f"SUM({totals})", *makings])

    def fringes(self, account: AccountLine) -> str | None:
        """The sum of an account's fringes, if it has any."""
        first = self.at["account", account.code] + len(account.lines) + 1
        return f"SUM({self._column('total', first, len(account.fringes))})" if account.fringes else None

    def _column(self, name: str, first: int, rows: int) -> str:
        cells = (xl_rowcol_to_cell(row, _AT[name], row_abs=True, col_abs=True) for row in (first, first + rows - 1))
        return ":".join(cells)

    def _of_charge(self, place: int, charge: ChargeLine) -> str | None:
        if charge.base is None or charge.amount != expected(charge, self.drafted.currency):
            return None
        return self._rounded(f"({self._of_base(charge.base)})*{xl_rowcol_to_cell(place, _AT['percent'])}/100")

    def _of_credit(self, place: int, credit: CreditLine) -> str | None:
        if credit.base is None or credit.amount != expected(credit, self.drafted.currency):
            return None
        share = "" if credit.qualified is None else f"*{xl_rowcol_to_cell(place, _AT['qualified'])}/100"
        earned = self._rounded(f"({self._of_base(credit.base)}){share}*{xl_rowcol_to_cell(place, _AT['percent'])}/100")
        return earned if credit.cap is None else f"=MIN({earned[1:]},{xl_rowcol_to_cell(place, _AT['limit'])})"

    def _of_base(self, base: ChargeBase) -> str:
        """The sum of what a percentage is taken of."""
        last = len(self.rows)

        def column(name: str) -> str:
            first = xl_rowcol_to_cell(1, _AT[name], row_abs=True, col_abs=True)
            return f"{first}:{xl_rowcol_to_cell(last, _AT[name], row_abs=True, col_abs=True)}"

        levels = [
            f'SUMIFS({column("total")},{column("kind")},"account",{column("level")},"{level.value}")'
            for level in base.levels
        ]
        kinds = {**dict.fromkeys((each.code for each in self.drafted.charges), "charge")}
        kinds |= dict.fromkeys(self.accounts, "account")
        in_levels = {code for code, account in self.accounts.items() if account.level in base.levels}
        added = [code for code in base.accounts if code not in in_levels and code not in base.less]
        less = [code for code in base.less if code in in_levels]
        plus = "+".join([*levels, *(self.cell(kinds[code], code) for code in added)])
        return plus + "".join(f"-{self.cell(kinds[code], code)}" for code in less)


def _accounts(drafted: BudgetDrafted, sheet: Worksheet, detail: _Detail, money: Any, strong: Any) -> None:
    """What the lines and the fringes of each account come to."""
    sheet.set_column(1, 1, 48)
    sheet.set_column(3, 5, 18)
    sheet.write_row(0, 0, ("Account", "Description", "Level", "Lines", "Fringes", "Total"), strong)
    for row, account in enumerate(drafted.accounts, 1):
        for place, text in enumerate((account.code, account.name, account.level.value.replace("_", " "))):
            sheet.write_string(row, place, text)
        on_top = sum(fringe.amount for fringe in account.fringes)
        if account.lines:
            sheet.write_formula(row, 3, f"={_there(detail.lines(account))}", money, float(account.amount - on_top))
            fringes = detail.fringes(account)
            sheet.write_formula(row, 4, f"={_there(fringes) if fringes else 0}", money, float(on_top))
        formula = f"={DETAIL}!{detail.cell('account', account.code)}"
        sheet.write_formula(row, 5, formula, money, float(account.amount))


def _there(formula: str) -> str:
    """The formula as another sheet says it: a range is named once, by its first cell."""
    return re.sub(r"(?<![:$A-Z])\$[A-Z]+\$[0-9]+", lambda cell: f"{DETAIL}!{cell[0]}", formula)


class _TopSheet:
    """One row an account and one a total, in the order that financiers know."""

    def __init__(self, drafted: BudgetDrafted, sheet: Worksheet, detail: _Detail, money: Any, strong: Any) -> None:
        self.drafted, self.sheet, self.detail, self.money, self.strong = drafted, sheet, detail, money, strong
        self.row = 5
        self.at: dict[TotalName, str] = {}

    def write(self, title: str) -> None:
        """What it is of, the accounts by level, the charges and credits, and every total."""
        self.sheet.set_column(1, 1, 48)
        self.sheet.set_column(2, 2, 18)
        self.sheet.write_string(0, 0, title, self.strong)
        self.sheet.write_string(
            1, 0, f"Budget {self.drafted.budget} ({self.drafted.scenario}), {self.drafted.currency}"
        )
        self.sheet.write_string(2, 0, f"Content {self.drafted.content_hash}")
        self.sheet.write_row(4, 0, ("Account", "Description", "Total"), self.strong)
        for level in Level:
            of_level = [account for account in self.drafted.accounts if account.level is level]
            self._section("account", of_level, TotalName(level.value))
        self._sum(TotalName.BELOW_THE_LINE, TotalName.PRODUCTION, TotalName.POST, TotalName.OTHER)
        self._sum(TotalName.ABOVE_AND_BELOW, TotalName.ABOVE_THE_LINE, TotalName.BELOW_THE_LINE)
        self._section("charge", self.drafted.charges, TotalName.CHARGES)
        self._sum(TotalName.GRAND_TOTAL, TotalName.ABOVE_AND_BELOW, TotalName.CHARGES)
        self._section("credit", self.drafted.credits, TotalName.CREDITS)
        self._total(TotalName.NET_TOTAL, f"={self.at[TotalName.GRAND_TOTAL]}-{self.at[TotalName.CREDITS]}")

    def _section(self, kind: str, lines: Sequence[AccountLine | ChargeLine | CreditLine], name: TotalName) -> None:
        first = self.row + 1
        for line in lines:
            self.sheet.write_string(self.row, 0, line.code)
            self.sheet.write_string(self.row, 1, line.name)
            formula = f"={DETAIL}!{self.detail.cell(kind, line.code)}"
            self.sheet.write_formula(self.row, 2, formula, self.money, float(line.amount))
            self.row += 1
        self._total(name, f"=SUM(C{first}:C{self.row})" if lines else "=0")
        self.row += 1

    def _sum(self, name: TotalName, *of: TotalName) -> None:
        self._total(name, "=" + "+".join(self.at[each] for each in of))

    def _total(self, name: TotalName, formula: str) -> None:
        self.sheet.write_string(self.row, 1, f"Total {name.value.replace('_', ' ')}", self.strong)
        amount = getattr(self.drafted.totals, name.value)
        self.sheet.write_formula(self.row, 2, formula, self.strong, float(amount))
        self.at[name] = xl_rowcol_to_cell(self.row, 2)
        self.row += 1


def _figure(cell: str) -> float | None:
    """A figure that a spreadsheet keeps to its last digit; None of others, which are written as text."""
    if not cell or cell[0].isalpha():
        return None
    exact = Decimal(cell)
    return float(exact) if abs(exact) < _EXACT_BELOW and Decimal(repr(float(exact))) == exact else None
