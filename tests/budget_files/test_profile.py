"""Files of other tools: what is read off them, what is left out and why, and where they do not add."""

from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from events.budget import Level
from service.budget_files.profile import Profile, Section
from service.budget_files.reading import CannotBeRead, File, FileRead, read
from service.budget_files.table import COLUMNS
from service.deciders.budget import SetBudget
from service.deciders.budget_detail import BudgetAccount
from service.spreadsheets import CSV, XLSX, csv_of
from tests.forms import either

DATA = Path(__file__).parent.parent / "data"
DOCUMENTARY = Profile(
    sections={
        "Production staff": Section(code="1000", level=Level.ABOVE_THE_LINE),
        "PERSONNEL/FACILITIES": Section(code="2000", level=Level.PRODUCTION),
        "SUPPLIES": Section(code="3000", level=Level.PRODUCTION),
        "OTHER PRODUCTION COSTS": Section(code="4000", level=Level.OTHER),
    }
)
KINDS = ("budget", "rate", "global", "fringe", "sub_budget", "account", "line", "fringe_amount", "charge", "credit")
DETAIL = "Acct,Description,Amt,Units,X,Rate,Total\n"


def of(text: str, profile: Profile | None = None, currency: str = "INR", **how: Any) -> FileRead:
    return read(File("file.csv", text.encode(), CSV, profile or Profile(), **how), currency)


def command(found: FileRead) -> SetBudget:
    assert found.command is not None, found.faults
    return found.command


def accounts(found: FileRead) -> dict[str, BudgetAccount]:
    return {account.code: account for account in command(found).accounts}


def apart(found: FileRead) -> list[tuple[str, str, str, bool]]:
    return [(each.of, str(each.stated), str(each.computed), each.accepted) for each in found.differences]


class TestTheDocumentary:
    FOUND = of((DATA / "documentary_lines.csv").read_text(), DOCUMENTARY, "USD")

    def test_adds_up_to_its_sections(self) -> None:
        assert (self.FOUND.rows, self.FOUND.left_out, self.FOUND.differences) == (37, [], [])
        totals = self.FOUND.totals
        assert totals is not None
        assert (totals.above_the_line, totals.production, totals.other) == (219_200, 168_600 + 15_500, 91_000)
        assert totals.grand_total == 494_300

    def test_has_its_benefits_as_a_fringe_on_one_row(self) -> None:
        [fringe] = command(self.FOUND).fringes
        assert (fringe.name, fringe.percent) == ("Benefits package", Decimal(15))
        carrying = [x.description for a in command(self.FOUND).accounts for x in a.lines if fringe.code in x.fringes]
        assert carrying == ["Associate Producer"]

    def test_reads_four_by_two_as_two_factors_and_words_as_the_unit(self) -> None:
        lines = {x.description: x for account in command(self.FOUND).accounts for x in account.lines}
        honoraria, fee = lines["Advisors' Honoraria"], lines["Executive Producer"]
        assert (honoraria.amount, honoraria.multiplier, honoraria.rate) == ("4", "2", Decimal(500))
        assert (fee.amount, fee.unit, fee.rate) == ("1", "flat fee", Decimal(40000))


class TestTheTopSheetOfAFeature:
    FOUND = of((DATA / "feature_top_sheet.csv").read_text())

    def test_adds_up_to_its_grand_total(self) -> None:
        assert (self.FOUND.left_out, self.FOUND.differences, self.FOUND.reconciled) == ([], [], True)
        assert self.FOUND.totals is not None
        assert self.FOUND.totals.grand_total == 61_240_772
        assert len(command(self.FOUND).stated) == 7

    def test_has_each_account_at_the_level_whose_subtotal_closes_it(self) -> None:
        levels = {account.code: account.level for account in command(self.FOUND).accounts}
        assert [levels[code] for code in ("1900", "2000", "5400", "6500")] == list(Level)
        assert accounts(self.FOUND)["6500"].amount == 0

    def test_has_its_charges_with_their_percentages_and_the_amount_of_a_wrong_label(self) -> None:
        charges = {each.name: each for each in command(self.FOUND).charges}
        assert {name: (each.code, each.percent) for name, each in charges.items()} == {
            "Contingency": ("8000", Decimal("5.0")),
            "Overhead": ("8200", None),
            "Completion Bond": ("8100", Decimal("3.0")),
        }
        [label] = self.FOUND.labels
        assert (label.of, label.stated, label.computed) == ("8100", 5_238_328, Decimal("1571498.40"))


class TestDetail:
    def test_behind_an_account_is_under_it_whatever_its_codes_are(self) -> None:
        found = of(
            DETAIL + "2200,Art,,,,,\n2201,Designer,1,4,2,100,800\n2299,Allow,,,,,50\nAccount Total for 2200,,,,,,850\n"
        )
        assert [*accounts(found)] == ["2200"]
        assert [(x.description, x.rate) for x in accounts(found)["2200"].lines] == [
            ("Designer", Decimal(100)),
            ("Allow", Decimal(50)),
        ]

    def test_whose_account_total_is_something_else_says_so(self) -> None:
        text = DETAIL + "2200,Art,,,,,\n2201,Designer,1,4,2,100,800\n,Total for 2200,,,,,801\n"
        assert apart(of(text)) == [("2200", "801.00", "800.00", False)]
        assert apart(of(text, tolerance=Decimal(1))) == [("2200", "801.00", "800.00", True)]
        assert of(text, tolerance=Decimal(1)).reconciled

    def test_whose_printed_total_is_something_else_is_named_by_its_row_and_its_account(self) -> None:
        found = of(DETAIL + "2200,Art,,,,,\n2201,Designer,1,4,2,100,850\n2202,Drafts,1,1,1,9,9\n")
        assert apart(found) == [("row 3", "850", "800.00", False), ("2200", "859.00", "809.00", False)]
        assert (found.reconciled, found.totals and found.totals.grand_total) == (False, Decimal("809.00"))

    def test_may_be_of_fees_and_is_no_charge_for_it(self) -> None:
        found = of(DETAIL + "6800,General,,,,,\n,Legal fees,,,,,50\n,Grand Total,,,,,50\n,Production fee 10%,,,,,5\n")
        assert [x.description for x in accounts(found)["6800"].lines] == ["Legal fees"]
        assert [(each.name, each.percent) for each in command(found).charges] == [("Production fee", Decimal(10))]

    def test_never_gets_a_line_that_balances_it(self) -> None:
        found = of(DETAIL + "2200,Art,,,,,\n2201,Designer,1,4,2,100,800\n,Grand Total,,,,,9999\n")
        assert len(accounts(found)["2200"].lines) == 1
        assert command(found).charges == ()
        assert apart(found) == [("grand_total", "9999.00", "800.00", False)]

    def test_of_codes_of_letters_is_at_the_level_that_the_file_says(self) -> None:
        text = "Code;Name;Level;Total\nB 04;Art;PROD;5\nC;Cut;Post-Production;6\n"
        assert {code: account.level for code, account in accounts(of(text)).items()} == {
            "B 04": Level.PRODUCTION,
            "C": Level.POST,
        }

    def test_without_levels_and_subtotals_is_at_the_level_of_its_range(self) -> None:
        text = "Account,Description,Budget\n" + "".join(f"{code},X,1\n" for code in ("1900", "20-00", "5999", "6000"))
        assert [account.level for account in accounts(of(text)).values()] == list(Level)


class TestAmounts:
    @pytest.mark.parametrize(
        ("typed", "amount"),
        [
            ("1234.5", "1234.5"),
            ("1,234.50", "1234.50"),
            ("12,34,567", "1234567"),
            ("1 234 567.00", "1234567.00"),
            ("1'234", "1234"),
            ("$1,234", "1234"),
            ("₹ 5", "5"),
            ("INR 5.00", "5.00"),
            ("5 EUR", "5"),
            (".5", "0.5"),
        ],
    )
    def test_are_read_as_people_type_them(self, typed: str, amount: str) -> None:
        found = of(f'Account,Description,Total\n2200,Art,"{typed}"\n')
        assert accounts(found)["2200"].amount == Decimal(amount)

    @pytest.mark.parametrize("typed", ["12,50", "1.234,50", "5-", "1,23", "twelve", "1.2.3", "5 5"])
    def test_that_may_be_something_else_are_left_out_with_their_row(self, typed: str) -> None:
        found = of(f'Account,Description,Total\n1100,Story,1\n2200,Art,"{typed}"\n')
        [left_out] = found.left_out
        assert (left_out.row, left_out.why) == (3, f"total: '{typed}' is no amount; write one such as 1,234.50")
        assert [*accounts(found)] == ["1100"]

    @pytest.mark.parametrize("typed", ["-5", "(5)"])
    def test_below_zero_are_a_fault_of_the_command(self, typed: str) -> None:
        found = of(f"Account,Description,Total\n2200,Art,{typed}\n")
        assert found.faults[0].pointer == "/accounts/0/amount"


class TestWhatIsLeftOut:
    @pytest.mark.parametrize(
        ("row", "why"),
        [
            (",Somewhere,1,1,1,5,5", "it stands in no account"),
            ("2200,Art,1,1,1,,", "it has neither a rate nor a total"),
        ],
    )
    def test_is_told_with_its_row_and_why(self, row: str, why: str) -> None:
        found = of(f"{DETAIL}{row}\n1100,Story,,,,,1\n")
        assert [(each.row, each.why) for each in found.left_out] == [(2, why)]

    def test_is_a_section_or_a_level_that_nobody_explained(self) -> None:
        found = of("Section,Description,Total\nCamera,Lenses,5\n")
        assert [each.why for each in found.left_out] == [
            "section: 'Camera' has no account; say it in the profile's sections"
        ]
        found = of("Account,Description,Level,Total\n1,X,Z,5\n")
        assert [each.why for each in found.left_out] == ["level: 'Z' is none; say it in the profile's levels"]
        assert of("Account,Description,Level,Total\n1,X,Z,5\n", Profile(levels={"z": Level.POST})).left_out == []

    def test_is_a_fringe_of_a_row_that_is_not_there(self) -> None:
        text = "Section,Description,Quantity,Unit,Total\nSUPPLIES,Benefits,15%,of Nobody,5\n"
        assert "no row of its account above it is called so" in of(text, DOCUMENTARY).left_out[0].why


CELLS = st.sampled_from(
    [
        *("", "", "2200", "22-01", "8000", "Art", "Total", "Grand Total", "Total Production", "Account Total for 2200"),
        *("5", "1,234.50", "-5", "(7)", "12,50", "15%", "of Art", "4 x 2", "flat", "Contingency : 5%"),
        *("State rebate 10 %", "ATL", "SUPPLIES", "Nowhere", "USD", "=1+1", "'", "\u200b", "9" * 40, "1e5", "NaN"),
        *("-", ".", "x", "%", "٣"),
    ]
)
HEADINGS = ["Section", "Account", "Description", "Level", "Amount", "Units", "Unit", "X", "Rate", "Currency", "Total"]


class TestAnyFile:
    @settings(max_examples=either(short=300, long=20_000), derandomize=True, database=None, deadline=None)
    @given(st.permutations(HEADINGS), st.lists(st.lists(CELLS, max_size=12), max_size=12))
    def test_is_read_or_said_to_be_unreadable_and_no_row_of_it_is_lost(
        self, headings: list[str], rows: list[list[str]]
    ) -> None:
        found = of(csv_of([headings, *rows]), DOCUMENTARY)
        assert found.rows == sum(any(cell.strip() for cell in row) for row in rows)
        assert (found.command is None) == bool(found.faults)
        for each in found.left_out:
            assert each.why

    @settings(max_examples=either(short=100, long=5_000), derandomize=True, database=None, deadline=None)
    @given(st.binary(max_size=200), st.sampled_from([CSV, XLSX]))
    def test_of_any_bytes_is_no_fault_of_ours(self, data: bytes, media_type: str) -> None:
        with suppress(CannotBeRead):
            read(File("file", data, media_type, Profile()), "INR")

    @settings(max_examples=either(short=200, long=10_000), derandomize=True, database=None, deadline=None)
    @given(st.lists(st.lists(CELLS | st.sampled_from([*KINDS]), min_size=1, max_size=22), max_size=8))
    def test_of_our_own_table_is_read_or_said_to_be_unreadable(self, rows: list[list[str]]) -> None:
        with suppress(CannotBeRead):
            of(csv_of([COLUMNS, *rows]))


class TestColumns:
    def test_are_found_under_what_the_profile_calls_them(self) -> None:
        profile = Profile(account="Konto", description="Bezeichnung", total="Summe")
        found = of("Kalkulation,,\n\nKonto;Bezeichnung;Summe\n2200;Szenenbild;5\n".replace("n,,", "n;;"), profile)
        assert accounts(found)["2200"].name == "Szenenbild"

    def test_that_nothing_heads_are_asked_for(self) -> None:
        with pytest.raises(CannotBeRead, match="say in a profile what the columns are called"):
            of("2200,Art,5\n")

    def test_are_read_from_what_windows_wrote(self) -> None:
        data = "Account,Description,Total\n2200,Décor,5\n".encode("cp1252")
        found = read(File("file.csv", data, CSV, Profile()), "INR")
        assert accounts(found)["2200"].name == "Décor"
