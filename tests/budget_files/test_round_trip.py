"""A version as a table, as CSV and as a workbook: read back, it is the version again, hash and all."""

import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from python_calamine import CalamineWorkbook

from events.budget import BudgetDrafted
from service.budget_files import pdf
from service.budget_files.chart import Chart, budget_of
from service.budget_files.profile import Profile
from service.budget_files.reading import CannotBeRead, File, FileRead, read
from service.budget_files.table import COLUMNS, table_of
from service.budget_files.workbook import workbook_of
from service.deciders.budget import SetBudget
from service.spreadsheets import CSV, XLSX, csv_of, quoted
from tests.deciders.stories import ART, detailed, line
from tests.deciders.test_budget_detail import FUND, budgets, drafted
from tests.forms import either


def as_csv(version: BudgetDrafted) -> bytes:
    return csv_of([COLUMNS, *([quoted(cell) for cell in row.values()] for row in table_of(version))]).encode()


def back(data: bytes, media_type: str, **how: Any) -> FileRead:
    return read(File("budget", data, media_type, Profile(), **how), "INR")


def again(found: FileRead) -> str:
    assert found.command is not None, found.faults
    return drafted(SetBudget.model_validate_json(found.command.model_dump_json(), strict=True)).content_hash


class TestEveryVersion:
    @settings(max_examples=either(short=40, long=600), derandomize=True, database=None, deadline=None)
    @given(budgets())
    def test_reads_back_from_csv_as_it_was(self, version: SetBudget) -> None:
        fact = drafted(version)
        found = back(as_csv(fact), CSV)
        assert (found.left_out, found.faults, again(found)) == ([], [], fact.content_hash)

    @settings(max_examples=either(short=40, long=600), derandomize=True, database=None, deadline=None)
    @given(budgets())
    def test_reads_back_from_a_workbook_as_it_was(self, version: SetBudget) -> None:
        fact = drafted(version)
        found = back(workbook_of(fact, "The Long Take"), XLSX)
        assert (found.left_out, found.faults, again(found)) == ([], [], fact.content_hash)

    @pytest.mark.parametrize("chart", Chart)
    def test_of_a_chart_reads_back_as_it_was(self, chart: Chart) -> None:
        fact = drafted(budget_of(chart, "INR"))
        assert again(back(as_csv(fact), CSV)) == again(back(workbook_of(fact, ""), XLSX)) == fact.content_hash


class TestACsv:
    EDITED = drafted(detailed(line("5", amount="2", fringes=("19",)), line("1"), fringes=(FUND,)))

    def edited(self, old: str, new: str) -> FileRead:
        text = as_csv(self.EDITED).decode()
        assert old in text
        return back(text.replace(old, new).encode(), CSV)

    def test_that_was_edited_says_where_its_sums_are_not_the_sums_of_their_parts(self) -> None:
        found = self.edited(",,12.25\r", ",,13.00\r")
        [apart] = found.differences
        assert (apart.of, apart.stated, apart.computed) == (ART, Decimal("13.00"), Decimal("12.25"))
        assert not found.reconciled

    def test_shows_text_that_looks_like_a_formula_and_never_runs_it(self) -> None:
        fact = drafted(detailed(line("5", description="=HYPERLINK(1)")))
        assert "'=HYPERLINK(1)" in as_csv(fact).decode()

    @pytest.mark.parametrize(
        ("old", "new", "says"),
        [
            ("line,2200", "line,2201", "row 6 is of the account 2201, which does not stand above it"),
            ("fringe_amount,", "bonus,", "row 8 is of the kind 'bonus', which is none of a budget's"),
            (",,12.25\r", ",,12.x\r", "'12.x' is no amount"),
        ],
    )
    def test_says_what_no_budget_says(self, old: str, new: str, says: str) -> None:
        with pytest.raises(CannotBeRead, match=says):
            self.edited(old, new)

    def test_names_every_field_that_cannot_be(self) -> None:
        found = self.edited("fringe,19,Provident fund", "fringe,19!,Provident fund")
        assert [each.pointer for each in found.faults] == ["/fringes/0/code"]
        assert found.command is None

    def test_names_what_the_rules_refuse(self) -> None:
        [fault] = self.edited(",,19,", ",,21,").faults
        assert fault.rule.startswith("2200, line 1 (Crew) names fringe 21, which the budget does not say.")


class TestAWorkbook:
    def test_has_the_same_bytes_for_the_same_version(self) -> None:
        fact = drafted(detailed(line("5")))
        assert workbook_of(fact, "The Long Take") == workbook_of(fact, "The Long Take")

    def test_follows_an_edit_by_formulas(self) -> None:
        """They were compared with what LibreOffice makes of them; here they are only there."""
        fact = drafted(detailed(line("5", amount="2"), line("1")))
        with zipfile.ZipFile(io.BytesIO(workbook_of(fact, "The Long Take"))) as packed:
            top, accounts, detail = (packed.read(f"xl/worksheets/sheet{number}.xml").decode() for number in (1, 2, 3))
        place = next(at for at, row in enumerate(table_of(fact), 2) if row["kind"] == "line")
        assert f"<f>ROUND(F{place}*G{place}*I{place}*J{place},2)</f><v>10.0</v>" in detail
        assert f"<f>SUM($V${place}:$V${place + 1})</f><v>11.0</v>" in detail
        assert f"<f>SUM(Detail!$V${place}:$V${place + 1})</f><v>11.0</v>" in accounts
        assert f"<f>Detail!$V${place - 1}</f><v>11.0</v>" in top

    def test_keeps_figures_that_a_spreadsheet_cannot_as_text(self) -> None:
        fact = drafted(detailed(line("999999999999999.99")))
        data = workbook_of(fact, "The Long Take")
        rows = CalamineWorkbook.from_filelike(io.BytesIO(data)).get_sheet_by_name("Detail").to_python()
        [rate] = [row[COLUMNS.index("rate")] for row in rows if row[0] == "line"]
        assert rate == "999999999999999.99"
        assert again(back(data, XLSX)) == fact.content_hash

    def test_is_read_by_the_sheet_that_is_named(self) -> None:
        data = workbook_of(drafted(detailed(line("5"))), "The Long Take")
        with pytest.raises(CannotBeRead, match="has no sheet Costs; its sheets are Top sheet, Accounts, Detail"):
            back(data, XLSX, sheet="Costs")

    @pytest.mark.parametrize(("media_type", "data"), [(XLSX, b"PK\x03\x04"), (XLSX, b"kind,code"), (CSV, b"PK\x00")])
    def test_or_a_csv_that_is_none_is_said_to_be_none(self, media_type: str, data: bytes) -> None:
        with pytest.raises(CannotBeRead, match="the file is no"):
            back(data, media_type)

    def test_that_unpacks_to_too_much_is_not_unpacked(self) -> None:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as bomb, bomb.open("xl/a.xml", "w") as member:
            for _ in range(201):
                member.write(bytes(1024 * 1024))
        with pytest.raises(CannotBeRead, match="unpacks to more than 200 MiB"):
            back(packed.getvalue(), XLSX)


class TestAPdf:
    def test_has_the_same_bytes_for_the_same_version_and_others_for_another(self) -> None:
        one, other = (pdf.top_sheet(drafted(detailed(line(rate))), "The <Long> #Take_") for rate in ("5", "6"))
        assert one == pdf.top_sheet(drafted(detailed(line("5"))), "The <Long> #Take_")
        assert one != other
        assert one.startswith(b"%PDF-")

    def test_of_a_title_that_no_font_has_is_there_all_the_same(self) -> None:
        """Cuneiform, which no font of a machine has, unless somebody put it there."""
        sheet = pdf.top_sheet(drafted(detailed(line("5"))), "\U00012000 \U00013000")
        assert sheet.startswith(b"%PDF-")


class TestCharts:
    @pytest.mark.parametrize(
        ("chart", "code", "name"),
        [
            (Chart.FEATURE, "2200", "Art direction / set design"),
            (Chart.FEATURE_XX_00, "22-00", "Art direction / set design"),
            (Chart.DOCUMENTARY, "4000", "Crew"),
            (Chart.COMMERCIAL, "G", "Set construction crew"),
        ],
    )
    def test_have_the_codes_that_productions_of_the_kind_know(self, chart: Chart, code: str, name: str) -> None:
        fact = drafted(budget_of(chart, "INR"))
        assert {account.code: account.name for account in fact.accounts}[code] == name
        assert fact.totals.net_total == 0

    def test_of_a_commercial_are_marked_up_on_sections_a_to_k(self) -> None:
        fee = drafted(budget_of(Chart.COMMERCIAL, "INR")).charges[-1]
        assert fee.base is not None
        assert "".join(fee.base.accounts) == "ABCDEFGHIJK"

    def test_of_a_series_are_amortised_and_made_for_every_episode(self) -> None:
        assert [each.name for each in budget_of(Chart.SERIES, "INR").sub_budgets] == ["amortised", "pattern"]
