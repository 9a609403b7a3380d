"""The cost report as a workbook: figures as numbers, and what is reckoned from them as formulas that follow an edit."""

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name
from xlsxwriter.worksheet import Worksheet

from events.cost_report import EtcBasis, VarianceSign
from events.money import digits
from projections.cost_report import FIGURES, AccountCost, CostFigures, CostReport

from .rows import Section, sections, terms

#: A spreadsheet reckons in doubles: a report with a figure from here on is written out, as text where it must be.
_EXACT_BELOW = Decimal(10) ** 13
_HEAD = 6


def workbook_of(report: CostReport, title: str) -> bytes:
    """The report as XLSX.

    Args:
        title: of the production.
    """
    written = io.BytesIO()
    with xlsxwriter.Workbook(written, {"in_memory": True}) as book:
        # A day that is always the same: so are the bytes of a report.
        book.set_properties({"title": f"{title}, cost report", "created": datetime(2000, 1, 1, tzinfo=UTC)})
        shape = {"num_format": "#,##0" + f".{'0' * digits(report.currency)}".rstrip(".")}
        money, strong = book.add_format(shape), book.add_format(shape | {"bold": True})
        _Sheet(report, book.add_worksheet("Cost report"), money, strong).write(title)
    return written.getvalue()


class _Sheet:
    """One row an account, one a sum."""

    def __init__(self, report: CostReport, sheet: Worksheet, money: Any, strong: Any) -> None:
        self.report, self.sheet, self.money, self.strong = report, sheet, money, strong
        self.row = _HEAD
        self.sums: list[int] = []
        every = [each for section in sections(report) for each in (*section.accounts, section.total)]
        largest = max(abs(getattr(each, name) or 0) for each in (*every, report.total) for name in FIGURES)
        self.reckons = largest < _EXACT_BELOW

    def write(self, title: str) -> None:
        """What it is of, every section, and the whole."""
        self.sheet.freeze_panes(_HEAD, 2)
        self.sheet.set_column(1, 1, 40)
        self.sheet.set_column(2, 1 + len(FIGURES), 16)
        self.sheet.write_string(0, 0, f"{title}, cost report", self.strong)
        for place, said in enumerate(terms(self.report), 1):
            self.sheet.write_string(place, 0, said)
        names = [name.replace("_", " ").capitalize().replace("Etc", "ETC").replace("Efc", "EFC") for name in FIGURES]
        self.sheet.write_row(_HEAD - 1, 0, ("Account", "Description", *names), self.strong)
        for section in sections(self.report):
            self._section(section)
        formulas = {name: "=" + ("+".join(f"{_at(name, row)}" for row in self.sums) or "0") for name in FIGURES}
        self._figures(self.report.total, formulas, self.strong)
        self.sheet.write_string(self.row, 1, "Total", self.strong)

    def _section(self, section: Section) -> None:
        self.sheet.write_string(self.row, 0, section.name, self.strong)
        self.row += 1
        first = self.row
        for account in section.accounts:
            self.sheet.write_string(self.row, 0, account.code)
            self.sheet.write_string(self.row, 1, account.name)
            self._figures(account, self._reckoned(account), self.money)
            self.row += 1
        last = self.row - 1
        of_them = {name: f"=SUM({_at(name, first)}:{_at(name, last)})" for name in FIGURES}
        formulas = of_them if section.accounts else dict.fromkeys(FIGURES, "=0")
        self._figures(section.total, formulas, self.strong)
        self.sheet.write_string(self.row, 1, f"Total {section.name[0].lower()}{section.name[1:]}", self.strong)
        self.sums.append(self.row)
        self.row += 2

    def _figures(self, figures: CostFigures, formulas: dict[str, str], shape: Any) -> None:
        for place, name in enumerate(FIGURES, 2):
            amount = getattr(figures, name)
            if amount is None:
                continue  # nothing was issued to compare with
            if not self.reckons and abs(amount) >= _EXACT_BELOW:
                self.sheet.write_string(self.row, place, f"{amount:f}")
            elif self.reckons and name in formulas:
                self.sheet.write_formula(self.row, place, formulas[name], shape, float(amount))
            else:
                self.sheet.write_number(self.row, place, float(amount), shape)

    def _reckoned(self, account: AccountCost) -> dict[str, str]:
        """What is no figure of its own; an estimate that was entered is one."""

        def sum_of(*names: str) -> str:
            return "+".join(_at(name, self.row) for name in names)

        def less(name: str, *others: str) -> str:
            return "-".join(_at(each, self.row) for each in (name, *others))

        is_over = self.report.variance_sign is VarianceSign.OVER
        is_outside = self.report.etc_basis is EtcBasis.ORDERS_OUTSIDE
        taken = ("actual_to_date", "actual_later", "commitments", "pending", "requisitioned")
        found = {
            "total_budget": sum_of("budget", "overages", "moved"),
            "total_cost": sum_of("actual_to_date", "commitments"),
            "etc": less("efc", "total_cost" if is_outside else "actual_to_date"),
            "variance": less("efc", "total_budget") if is_over else less("total_budget", "efc"),
            "available": less("total_budget", *taken),
        }
        if not account.estimated:
            found["efc"] = f"MAX({_at('total_budget', self.row)},{_at('total_cost', self.row)})"
        return {name: f"={formula}" for name, formula in found.items()}


def _at(name: str, row: int) -> str:
    """Where a figure stands, such as `C12`."""
    return f"{xl_col_to_name(2 + FIGURES.index(name))}{row + 1}"
