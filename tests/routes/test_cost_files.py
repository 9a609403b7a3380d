"""The cost report as files, over HTTP: a workbook that comes to the same when it is reckoned again, and a PDF."""

import io
import json
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal
from hashlib import sha256
from typing import Any
from xml.etree import ElementTree

import pytest
from python_calamine import CalamineWorkbook

from projections.cost_report import CostReport
from service.cost_files import pdf, workbook
from service.deciders.company import AdmitMember
from service.spreadsheets import XLSX
from tests.deciders.commitments import bought, estimate, invoice, requisition
from tests.deciders.rounds import COVERED, adopted, draw, policy
from tests.deciders.stories import ACCOUNTANT, ART, AUDITOR, DIRECTOR, LINE_PRODUCER, LOCKED, PRODUCER, STORY, spend
from tests.routes.test_costs import FIGURES
from tests.routes.world import World
from tests.spec import Story

PDF = "application/pdf"
SPENT: Story = [
    *adopted(COVERED, policy()),
    *bought((ART, "1000")),
    invoice("400"),
    (LINE_PRODUCER, requisition((ART, "50"))),
    (LINE_PRODUCER, spend("9999", "70")),
    (LINE_PRODUCER, spend(STORY, "900000.10")),
    (ACCOUNTANT, estimate("210000")),
    (PRODUCER, draw("3000")),
]
NAMES = {"s": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


def sheet_of(data: bytes) -> dict[str, tuple[str | None, Decimal]]:
    """By cell, its formula and the figure that is kept with it, of cells that hold a figure."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        root = ElementTree.fromstring(packed.read("xl/worksheets/sheet1.xml"))
    found = {}
    for cell in root.iterfind(".//s:c", NAMES):
        value = cell.findtext("s:v", None, NAMES)
        if cell.get("t") != "s" and value is not None:
            found[cell.attrib["r"]] = (cell.findtext("s:f", None, NAMES), Decimal(value))
    return found


def reckoned(cells: dict[str, tuple[str | None, Decimal]]) -> Callable[[str], Decimal]:
    """What a cell comes to, by its formula: sums of ranges, the larger of two, plus and minus."""

    def value(cell: str) -> Decimal:
        formula, kept = cells[cell]
        return kept if formula is None else expression(formula)

    def expression(text: str) -> Decimal:
        if (larger := re.fullmatch(r"MAX\((.+),(.+)\)", text)) is not None:
            return max(expression(larger[1]), expression(larger[2]))
        if (column := re.fullmatch(r"SUM\(([A-Z]+)(\d+):[A-Z]+(\d+)\)", text)) is not None:
            rows = range(int(column[2]), int(column[3]) + 1)
            return sum((value(f"{column[1]}{row}") for row in rows), Decimal(0))
        terms = re.findall(r"([+-]?)([A-Z]+\d+|\d+)", text)
        assert "".join(sign + of for sign, of in terms) == text
        figures = ((sign, Decimal(of) if of.isdigit() else value(of)) for sign, of in terms)
        return sum((-each if sign == "-" else each for sign, each in figures), Decimal(0))

    return value


def printed(data: bytes) -> dict[str, list[Any]]:
    """The figures of each row by its code or its name, as the workbook shows them."""
    rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name("Cost report").to_python()
    return {
        row[0] or row[1]: [Decimal(str(each)) for each in row[2:] if each != ""] for row in rows[6:] if row[2] != ""
    }


class TestAWorkbook:
    @pytest.mark.parametrize("asked", [{}, {"etc": "orders_inside", "variance": "under", "posted_to": "2026-01-01"}])
    async def test_comes_to_the_report_when_it_is_reckoned_again(self, world: World, asked: dict[str, str]) -> None:
        await world.play(SPENT)
        report = await world.read(AUDITOR, "cost-report", **asked)

        data = (await world.get(AUDITOR, "cost-report", accept=XLSX, **asked)).content
        cells, shown = sheet_of(data), printed(data)

        value = reckoned(cells)
        for cell, (formula, kept) in cells.items():
            assert value(cell) == kept, (cell, formula)
        levels = {f"Total {each['level'].replace('_', ' ')}": each for each in report["levels"]}
        accounts = [each for level in report["levels"] for each in level["accounts"]]
        rows = {each["code"]: each for each in (*accounts, *report["charges"], *report["outside"])}
        for name, row in {**levels, **rows, "Total": report["total"]}.items():
            assert shown[name] == [Decimal(row[figure]) for figure in FIGURES], name
        assert {"Total charges", "Total outside the budget"} < set(shown)
        reckon = {cell[0] for cell, (formula, _) in cells.items() if formula and "SUM" not in formula}
        assert {"F", "J", "K", "L", "M", "R"} <= reckon, "total budget, total cost, ETC, EFC, variance, available"

    async def test_keeps_figures_that_a_spreadsheet_cannot_as_text(self, world: World) -> None:
        await world.play([*LOCKED, (LINE_PRODUCER, spend(ART, "123456789012345.67"))])
        data = (await world.get(AUDITOR, "cost-report", accept=XLSX)).content
        assert printed(data)[ART][5] == Decimal("123456789012345.67")
        assert not any(formula for formula, _ in sheet_of(data).values())

    async def test_has_the_same_bytes_for_the_same_report(self, world: World) -> None:
        await world.play(SPENT)
        report = CostReport.model_validate(await world.read(AUDITOR, "cost-report"))
        assert workbook.workbook_of(report, "Take") == workbook.workbook_of(report, "Take")


def content_of(report: str) -> str:
    """The hash that anybody can reckon from the answer."""
    said = json.loads(report)
    del said["position"]
    return sha256(json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


class TestAPdf:
    async def test_bears_the_hash_of_the_report_as_json(self, world: World) -> None:
        await world.play(SPENT)
        await world.operate(AdmitMember(person="zoe"))  # so that the log is further than the production
        answer = await world.get(AUDITOR, "cost-report")

        file = await world.get(AUDITOR, "cost-report", accept=PDF)

        assert (file.headers["content-type"], file.content[:5]) == (PDF, b"%PDF-")
        assert file.headers["etag"] == answer.headers["etag"]
        report = CostReport.model_validate_json(answer.content)
        assert pdf.content_hash(report) == content_of(answer.text)
        await world.play([(ACCOUNTANT, estimate("1"))])
        then = await world.get(AUDITOR, "cost-report", as_of=report.version)
        assert then.content != answer.content
        assert content_of(then.text) == content_of(answer.text)
        assert pdf.cost_report(report, "The Long Take") == file.content

    @pytest.mark.parametrize("media_type", [XLSX, PDF])
    async def test_is_for_those_who_may_read_every_figure(self, world: World, media_type: str) -> None:
        await world.play(LOCKED)
        told = await world.get(DIRECTOR, "cost-report", accept=media_type)
        assert (told.status_code, told.json()["type"]) == (403, "urn:greenlight:problem:figure-is-confidential")
