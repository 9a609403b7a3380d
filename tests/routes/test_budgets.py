"""A budget version in full, what each of its figures is made of, how it differs from another, and variants of it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from events.budget import TotalName
from events.money import ExchangeRate
from projections import budget_document
from service.deciders.budget import SetBudget
from service.deciders.budget_detail import BudgetFringe, BudgetGlobal, BudgetPart
from tests.deciders.stories import (
    ART,
    AUDITOR,
    BOND,
    CONTINGENCY,
    DIRECTOR,
    FUNDED,
    INSURANCE,
    LINE_PRODUCER,
    REBATE,
    STORY,
    budget,
    detailed,
    line,
)
from tests.deciders.test_budget_detail import budgets, drafted
from tests.forms import either
from tests.routes.world import World

CAMERA = detailed(
    line("3200", description="Operators", amount="2", units="WEEKS", unit="weeks", fringes=("19",), currency="USD"),
    line("0.5", description="Batteries", amount="3", sub_budget="pattern"),
    globals=(BudgetGlobal(name="WEEKS", value=Decimal("4.5")),),
    fringes=(BudgetFringe(code="19", name="Pension", percent=Decimal("12.5"), cut_off=Decimal(20_000)),),
    sub_budgets=(BudgetPart(name="pattern", times="8"),),
    rates=(ExchangeRate("USD", "INR", Decimal("83.25")),),
)


async def explained(world: World, figure: str) -> dict[str, Any]:
    return await world.read(AUDITOR, f"budgets/v1/{figure}")


class TestAVersion:
    async def test_says_all_that_was_set_line_by_line(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, CAMERA), (LINE_PRODUCER, budget("210000"))])

        whole = await world.read(AUDITOR, "budgets/v1")
        now = await world.read(AUDITOR, "current-budget", budget="v1")

        art = next(each for each in whole["accounts"] if each["code"] == ART)
        assert [each["description"] for each in art["lines"]] == ["Operators", "Batteries"]
        assert (art["lines"][0]["units"], art["lines"][0]["globals"]) == ("4.5", {"units": "WEEKS"})
        assert whole["globals"] == [{"name": "WEEKS", "value": "4.5", "used_by": [f"{ART}, line 1 (Operators)"]}]
        assert art["fringes"] == [{"fringe": "19", "base": "20000.00", "amount": "2500.00"}]
        assert (whole["content_hash"], whole["withheld"]) == (now["shown"]["content_hash"], None)
        assert whole["totals"]["grand_total"] == now["shown"]["grand_total"]

    async def test_is_missing_where_there_is_none(self, world: World) -> None:
        await world.play(FUNDED)
        answer = await world.get(AUDITOR, "budgets/v1")
        assert (answer.status_code, answer.json()["detail"]) == (404, "The production has no budget v1.")

    async def test_leaves_out_what_its_reader_may_not_read(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, CAMERA), (LINE_PRODUCER, budget("210000"))])

        whole = await world.get(DIRECTOR, "budgets/v1")
        compared = await world.read(DIRECTOR, "budgets/v2/compare", against="v1")
        refused = await world.get(DIRECTOR, f"budgets/v1/accounts/{STORY}")

        shown = {each["code"] for each in whole.json()["accounts"]}
        assert STORY not in shown
        assert whole.headers["Withheld"] == whole.json()["withheld"]
        assert {each["code"] for each in compared["changed"]} <= shown | {BOND, CONTINGENCY}
        assert compared["totals"] == []
        assert (refused.status_code, refused.json()["type"]) == (403, "urn:greenlight:problem:figure-is-confidential")


class TestAnExplanation:
    async def test_of_an_account_is_its_lines_and_fringes(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, CAMERA)])

        told = await explained(world, f"accounts/{ART}")

        assert [(part["what"], part["amount"]) for part in told["parts"]] == [
            ("Line 1, Operators: 2 x WEEKS (4.5) weeks x 3,200 USD at 1 USD = 83.25 INR = 2,397,600.00", "2397600.00"),
            ("Line 2, Batteries: 3 x 0.5 INR = 1.50, 8 times as pattern", "12.00"),
            ("Pension: 12.5 % of 20,000.00, up to 20,000.00 of each person's pay", "2500.00"),
        ]
        assert told["amount"] == "2400112.00"

    async def test_of_a_charge_is_its_percentage_and_base(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])

        [part] = (await explained(world, f"accounts/{CONTINGENCY}"))["parts"]

        every = "above the line, production, post, other"
        assert part["what"] == f"Contingency: 10 % of 380,000.00 ({every} less {INSURANCE})"
        assert (await explained(world, f"accounts/{REBATE}"))["parts"][0]["what"] == "State rebate: flat"

    async def test_of_the_net_total_takes_the_credits_off(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])

        told = await explained(world, "totals/net_total")

        assert [(part["what"], part["amount"]) for part in told["parts"]] == [
            ("Grand total", "460000.00"),
            ("Credits", "-60000.00"),
        ]

    async def test_is_of_one_figure_that_is_there(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])
        for asked, status in (("accounts/9999", 404), ("totals/sum", 422), (f"accounts/{ART}", 200)):
            assert (await world.get(AUDITOR, f"budgets/v1/{asked}")).status_code == status

    @settings(max_examples=either(short=40, long=400), deadline=None)
    @given(budgets())
    def test_adds_up_to_the_figure(self, version: Any) -> None:
        fact = drafted(version)
        figures = [*((row.code, None) for row in budget_document.rows(fact)), *((None, name) for name in TotalName)]
        for account, total in figures:
            amount, parts = budget_document.explained(fact, account, total)
            assert sum(part.amount for part in parts) == amount


class TestAComparison:
    async def test_tells_what_came_went_and_changed_and_what_of_the_totals(self, world: World) -> None:
        less = budget("210000").model_copy(update={"credits": ()})
        more = CAMERA.model_copy(update={"accounts": tuple(a for a in CAMERA.accounts if a.code != INSURANCE)})
        more = more.model_copy(update={"charges": ()})
        await world.play([*FUNDED, (LINE_PRODUCER, less), (LINE_PRODUCER, more)])

        told = await world.read(AUDITOR, "budgets/v2/compare", against="v1")

        assert [each["code"] for each in told["added"]] == [REBATE]
        assert {each["code"] for each in told["removed"]} >= {INSURANCE, CONTINGENCY, BOND}
        [art] = told["changed"]
        assert (art["before"], art["after"], art["difference"]) == ("210000.00", "2400112.00", "2190112.00")
        assert art["beside_the_amount"] is True
        totals = {each["total"]: each["difference"] for each in told["totals"]}
        assert (totals["production"], totals["other"]) == ("2190112.00", "-20000.00")

    async def test_of_a_version_with_itself_is_empty(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, CAMERA)])
        told = await world.read(AUDITOR, "budgets/v1/compare", against="v1")
        assert (told["added"], told["removed"], told["changed"]) == ([], [], [])


class TestACopy:
    async def test_is_what_sets_the_version_again(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, CAMERA)])
        copy = await world.read(AUDITOR, "budgets/v1/copy")
        assert copy["accounts"][1]["lines"][0]["units"] == "WEEKS"

        def sent(**changes: str) -> SetBudget:
            return SetBudget.model_validate_json(json.dumps(copy | changes), strict=True)

        again = await world.send(LINE_PRODUCER, sent())
        await world.send(LINE_PRODUCER, sent(scenario="low"))

        assert again.json()["events"] == []
        v1, v2 = [await world.read(AUDITOR, f"budgets/{each}") for each in ("v1", "v2")]
        assert (v1["content_hash"], v2["budget"]) == (v2["content_hash"], "v2")
        now = await world.read(AUDITOR, "current-budget")
        assert (now["drafts"], [each["scenario"] for each in now["versions"]]) == (["v1", "v2"], ["main", "low"])

    async def test_is_raised_and_leaves_lines_out(self, world: World) -> None:
        tagged = detailed(
            line("100", groups=("stunts",)), line("9", groups=("unit-2",)), line("10", location="goa"), line("1.05")
        )
        await world.play([*FUNDED, (LINE_PRODUCER, tagged)])

        asked = {"percent": "-10", "without_group": ["stunts", "unit-2"], "without_location": "goa"}
        copy = await world.read(AUDITOR, "budgets/v1/copy", **asked)
        otherwise = await world.read(AUDITOR, "budgets/v1/what-if", **asked)

        assert [each["rate"] for each in copy["accounts"][1]["lines"]] == ["0.95"]
        story, art = otherwise["changed"][:2]
        assert (story["before"], story["after"]) == ("100000.00", "90000.00")
        assert (art["code"], art["before"], art["after"]) == (ART, "120.05", "0.95")
        total = next(each for each in otherwise["totals"] if each["total"] == "grand_total")
        assert Decimal(total["difference"]) == sum(
            Decimal(each["difference"]) for each in otherwise["changed"] if each["code"] != REBATE
        )

    async def test_is_sent_back_with_the_figure_when_a_line_would_be_too_large(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, detailed(line("999999999999999")))])

        told = await world.get(AUDITOR, "budgets/v1/what-if", percent="999")

        assert (told.status_code, told.json()["type"]) == (422, "urn:greenlight:problem:line-is-too-large")
        assert told.json()["otherwise"] == "Send a smaller percentage."

    @pytest.mark.parametrize("percent", ["-100.5", "1000", "5%", ""])
    async def test_takes_a_percentage_that_leaves_nothing_negative(self, world: World, percent: str) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])

        told = await world.get(AUDITOR, "budgets/v1/copy", percent=percent)

        assert (told.status_code, [each["pointer"] for each in told.json()["errors"]]) == (422, ["query percent"])
