"""The cost report over HTTP: its arithmetic, its periods, what is behind each figure, and that all views agree."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from events.ids import PersonId
from events.money import ExchangeRate
from service.deciders.production import Production
from service.deciders.spend import LogSpend
from tests.deciders.commitments import amend, bought, close, estimate, invoice, requisition, ruled
from tests.deciders.paying import pay, void
from tests.deciders.rounds import COVERED, adopted, draw, overage, policy, transfer
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    CONTINGENCY,
    DIRECTOR,
    EDITING,
    FEATURE,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    PRODUCER,
    STORY,
    TODAY,
    locked,
    recode,
    reverse,
    spend,
)
from tests.projections.histories import ACTS, wished
from tests.routes.world import World
from tests.spec import Story

WEEK = timedelta(days=7)
FIGURES = (
    *("budget", "overages", "moved", "total_budget", "actual_period", "actual_to_date"),
    *("commitments", "total_cost", "etc", "efc", "variance"),
    *("currency_variance", "actual_later", "pending", "requisitioned", "available"),
)


async def report(world: World, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = await world.read(AUDITOR, "cost-report", **asked)
    return found


def rows(shown: dict[str, Any]) -> dict[str, dict[str, Decimal]]:
    """Figures by account."""
    accounts = [each for level in shown["levels"] for each in level["accounts"]]
    every = [*accounts, *shown["charges"], *shown["outside"]]
    return {each["code"]: {name: Decimal(each[name]) for name in FIGURES} for each in every}


def assert_explained(found: dict[str, Any]) -> None:
    """The parts of every figure that is a sum of facts add up to it."""
    parts: dict[str, Decimal] = {}
    for part in found["parts"]:
        parts[part["figure"]] = parts.get(part["figure"], Decimal(0)) + Decimal(part["amount"])
    assert parts == {name: Decimal(found["account"][name]) for name in parts}
    named = ("budget", "overages", "moved", "actual_to_date", "actual_later")
    for figure in (*named, "commitments", "pending", "requisitioned", "currency_variance"):
        assert figure in parts or Decimal(found["account"][figure]) == 0, figure


def foreign(net: str, document: str, rate: str = "84", **more: Any) -> tuple[PersonId, LogSpend]:
    """Dollars, spent at a rate."""
    spent = spend(ART, net, document, currency="USD", rate=ExchangeRate("USD", "INR", Decimal(rate)))
    return LINE_PRODUCER, spent.model_copy(update=more)


def figures(row: dict[str, Decimal], *names: str) -> list[str]:
    return [f"{row[name]:f}" for name in names]


def _budgeted_at(rate: str) -> Story:
    """A budget is in force that has a rate for dollars."""
    return locked(FEATURE.model_copy(update={"rates": (ExchangeRate("USD", "INR", Decimal(rate)),)}))


#: Changes take effect at once.
FREE: Story = adopted(COVERED, policy())


class TestTheReport:
    async def test_puts_cost_and_what_is_promised_against_the_budget_and_its_changes(self, world: World) -> None:
        story: Story = [*FREE, *bought((ART, "1000")), invoice("400"), (LINE_PRODUCER, requisition((ART, "5")))]
        changes: Story = [(PRODUCER, transfer("60000")), (PRODUCER, overage("5000")), (PRODUCER, draw("3000"))]
        await world.play([*story, *changes])

        shown = await report(world)
        found = rows(shown)

        assert figures(found[ART], "budget", "overages", "moved", "total_budget") == [
            *("200000.00", "5000.00", "63000.00", "268000.00")
        ]
        assert figures(found[ART], "actual_to_date", "commitments", "total_cost") == ["400.00", "600.00", "1000.00"]
        assert figures(found[ART], "efc", "etc", "variance") == ["268000.00", "267000.00", "0.00"]
        assert figures(found[CONTINGENCY], "budget", "moved", "efc") == ["38000.00", "-3000.00", "35000.00"]
        assert (shown["total"]["budget"], shown["total"]["total_budget"]) == ("460000.00", "465000.00")

    async def test_adds_up_by_level_and_in_all(self, world: World) -> None:
        await world.play([*FREE, *bought((ART, "1000")), invoice("400"), (LINE_PRODUCER, spend("9999", "70"))])

        shown = await report(world)

        for name in FIGURES:
            for level in shown["levels"]:
                assert Decimal(level[name]) == sum(Decimal(each[name]) for each in level["accounts"])
            assert Decimal(shown["total"][name]) == sum(row[name] for row in rows(shown).values())
        assert [each["code"] for each in shown["outside"]] == ["9999"]

    async def test_is_of_a_period_by_the_day_of_posting(self, world: World) -> None:
        late, story = TODAY + WEEK, [*LOCKED, (LINE_PRODUCER, spend(ART, "100", "KS-1"))]
        story = [*story, (LINE_PRODUCER, spend(ART, "20", "KS-2", posted_on=late))]
        story = [*story, (ACCOUNTANT, reverse("S-000001").model_copy(update={"posted_on": late}))]
        await world.play(story)

        first = rows(await report(world, posted_from=TODAY, posted_to=TODAY))[ART]
        second = rows(await report(world, posted_from=late, posted_to=late))[ART]
        before = rows(await report(world, posted_to=TODAY - WEEK))[ART]
        backwards = await world.get(AUDITOR, "cost-report", posted_from=str(late), posted_to=str(TODAY))
        assert (backwards.status_code, backwards.json()["errors"][0]["pointer"]) == (422, "query posted_to")

        assert figures(first, "actual_period", "actual_to_date") == ["100.00", "100.00"]
        assert figures(second, "actual_period", "actual_to_date") == ["-80.00", "20.00"]
        assert figures(before, "actual_period", "actual_to_date") == ["0.00", "0.00"]

    async def test_names_the_basis_of_what_is_to_come_and_the_sign_of_the_variance(self, world: World) -> None:
        await world.play([*LOCKED, *bought((ART, "1000")), invoice("400"), (LINE_PRODUCER, estimate("210000"))])

        inside = await report(world, etc="orders_inside", variance="under")
        outside = await report(world)

        assert (inside["etc_basis"], inside["variance_sign"]) == ("orders_inside", "under")
        assert figures(rows(inside)[ART], "etc", "variance") == ["209600.00", "-10000.00"]
        assert (outside["etc_basis"], outside["variance_sign"]) == ("orders_outside", "over")
        assert figures(rows(outside)[ART], "etc", "variance") == ["209000.00", "10000.00"]

    async def test_expects_the_larger_of_budget_and_cost_until_somebody_says_otherwise(self, world: World) -> None:
        await world.play([*LOCKED, (LINE_PRODUCER, spend(ART, "250000"))])
        over = rows(await report(world))[ART]
        await world.play([(ACCOUNTANT, estimate("240000"))])
        entered = await report(world)
        await world.play([(LINE_PRODUCER, estimate(None))])

        [art] = [each for level in entered["levels"] for each in level["accounts"] if each["code"] == ART]
        assert figures(over, "efc", "variance", "etc") == ["250000.00", "50000.00", "0.00"]
        assert (art["efc"], art["etc"], art["estimated"], art["below_cost"]) == ("240000.00", "-10000.00", True, True)
        assert rows(await report(world))[ART] == over

    async def test_is_as_of_then(self, world: World) -> None:
        await world.play([*LOCKED, *bought((ART, "1000"))])
        before = await report(world)
        await world.play([invoice("400"), (LINE_PRODUCER, estimate("1")), (LINE_PRODUCER, amend((ART, "700")))])

        then = await report(world, as_of=before["version"])

        assert {**then, "position": 0} == {**before, "position": 0}
        assert rows(await report(world))[ART] != rows(then)[ART]

    async def test_has_nothing_to_show_before_there_is_a_budget_but_spend(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, spend(ART, "10"))])

        shown = await report(world)

        assert (shown["budget"], shown["levels"], shown["total"]["variance"]) == (None, [], "10.00")
        assert [each["code"] for each in shown["outside"]] == [ART]

    async def test_is_a_spreadsheet_too(self, world: World) -> None:
        await world.play([*LOCKED, *bought((ART, "1000"))])

        answer = await world.get(AUDITOR, "cost-report", accept="text/csv")

        [head, *lines] = answer.text.splitlines()
        assert head.startswith("budget,overages,moved,total_budget,actual_period,actual_to_date,commitments,total_cost")
        assert any(",2200,Art Direction," in line and ",1000.00," in line for line in lines)

    async def test_is_for_those_who_may_read_every_figure(self, world: World) -> None:
        await world.play(LOCKED)

        refused = await world.get(DIRECTOR, "cost-report")

        assert (refused.status_code, refused.json()["type"]) == (403, "urn:greenlight:problem:figure-is-confidential")


class TestWhatIsAvailable:
    async def test_is_less_all_that_is_spent_promised_and_asked_to_be(self, world: World) -> None:
        late, story = TODAY + WEEK, [*adopted(COVERED, ruled()), (LINE_PRODUCER, requisition((ART, "300")))]
        story = [*story, (LINE_PRODUCER, spend(ART, "40", "KS-8")), *bought((ART, "200"), requisition="REQ-1")]
        await world.play([*story, (LINE_PRODUCER, spend(ART, "7", "KS-9", posted_on=late))])

        found = rows(await report(world, posted_to=TODAY))[ART]

        assert figures(found, "actual_to_date", "actual_later", "commitments", "pending", "requisitioned") == [
            *("40.00", "7.00", "0.00", "200.00", "100.00")
        ]
        assert figures(found, "total_budget", "available") == ["200000.00", "199653.00"]

    async def test_is_explained_order_by_order(self, world: World) -> None:
        story = [*adopted(COVERED, ruled()), (LINE_PRODUCER, requisition((ART, "300"))), *bought((ART, "200"))]
        await world.play([*story, (LINE_PRODUCER, spend(ART, "7", "KS-9", posted_on=TODAY + WEEK))])

        found = await world.read(AUDITOR, f"cost-report/accounts/{ART}", posted_to=TODAY.isoformat())

        assert_explained(found)
        held = [(each["figure"], each["commitment"], each["requisition"]) for each in found["parts"][-2:]]
        assert held == [("pending", "PO-0001", None), ("requisitioned", None, "REQ-1")]


class TestCurrency:
    async def test_is_what_the_actual_rate_makes_of_the_rate_in_force(self, world: World) -> None:
        await world.play([*_budgeted_at("80"), foreign("100", "D-1", "84.5"), (LINE_PRODUCER, spend(ART, "9"))])

        found = await world.read(AUDITOR, f"cost-report/accounts/{ART}")

        assert (found["account"]["actual_to_date"], found["account"]["currency_variance"]) == ("8459.00", "450.00")
        [part] = [each for each in found["parts"] if each["figure"] == "currency_variance"]
        assert (part["amount"], part["spent"]["amount"], part["spend"]) == ("450.00", "100.00", "S-000001")
        assert (part["rate"]["rate"], part["budget_rate"]["rate"]) == ("84.5", "80")

    async def test_leaves_out_tax_that_comes_back(self, world: World) -> None:
        taxed = {"tax": Decimal("18"), "recoverable_tax": Decimal("10")}
        await world.play([*_budgeted_at("80"), foreign("100", "D-1", "84", **taxed)])

        assert rows(await report(world))[ART]["currency_variance"] == Decimal(108 * 4)

    async def test_goes_with_the_entry_and_is_undone_with_it(self, world: World) -> None:
        story = [*_budgeted_at("80.123"), foreign("0.11", "D-1"), foreign("0.11", "D-2"), foreign("0.55", "D-3")]
        await world.play([*story, (LINE_PRODUCER, recode("S-000002", EDITING)), (ACCOUNTANT, reverse("S-000001"))])

        moved = rows(await report(world))
        await world.play([(ACCOUNTANT, reverse("S-000002")), (ACCOUNTANT, reverse("S-000003"))])
        undone = rows(await report(world))

        assert (moved[ART]["currency_variance"], moved[EDITING]["currency_variance"]) == (
            *(Decimal("2.13"), Decimal("0.43")),
        )
        assert (undone[ART]["currency_variance"], undone[EDITING]["currency_variance"]) == (0, 0)
        assert_explained(await world.read(AUDITOR, f"cost-report/accounts/{ART}"))

    async def test_is_none_where_the_budget_in_force_has_no_rate_and_says_so(self, world: World) -> None:
        await world.play([*LOCKED, foreign("100", "D-1")])
        told = await report(world)
        assert (rows(told)[ART]["currency_variance"], told["without_rate"]) == (0, ["USD"])

    async def test_holds_the_exchange_difference_of_a_payment_until_it_is_voided(self, world: World) -> None:
        story = [*_budgeted_at("80"), foreign("100", "D-1", "84.5")]
        await world.play([*story, (ACCOUNTANT, pay("S-000001", "8500.00", account=EDITING))])

        paid = await report(world)
        assert (rows(paid)[ART]["currency_variance"], rows(paid)[EDITING]["currency_variance"]) == (450, 50)
        assert paid["without_rate"] == []
        assert_explained(await world.read(AUDITOR, f"cost-report/accounts/{EDITING}"))
        await world.play([(ACCOUNTANT, void("S-000001"))])
        assert rows(await report(world))[EDITING]["currency_variance"] == 0

    async def test_is_of_what_is_posted_by_the_end_of_the_period(self, world: World) -> None:
        await world.play([*_budgeted_at("80"), foreign("100", "D-1", posted_on=TODAY + WEEK)])
        assert rows(await report(world, posted_to=TODAY))[ART]["currency_variance"] == 0
        assert rows(await report(world))[ART]["currency_variance"] == 400


class TestAnAccount:
    async def test_is_explained_by_facts_that_add_up(self, world: World) -> None:
        story: Story = [*FREE, *bought((ART, "1000"), (EDITING, "5")), invoice("400"), (PRODUCER, transfer("60000"))]
        story = [*story, (LINE_PRODUCER, spend(STORY, "90", "ST-1")), (LINE_PRODUCER, recode("S-000002", ART))]
        await world.play([*story, (LINE_PRODUCER, estimate("1")), (LINE_PRODUCER, estimate("2"))])

        found = await world.read(AUDITOR, f"cost-report/accounts/{ART}")

        assert_explained(found)
        assert [each["amount"] for each in found["estimates"]] == ["1.00", "2.00"]
        assert {part["spend"] for part in found["parts"]} == {None, "S-000001", "S-000002"}

    async def test_that_nobody_knows_is_missing(self, world: World) -> None:
        await world.play(LOCKED)
        answer = await world.get(AUDITOR, "cost-report/accounts/7777")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:greenlight:problem:account-is-missing")


class TestVendors:
    async def test_are_shown_by_what_is_spent_lately_and_in_all_and_what_is_to_come(self, world: World) -> None:
        old = TODAY - timedelta(days=40)
        story: Story = [*LOCKED, *bought((ART, "1000")), invoice("400")]
        story = [*story, (LINE_PRODUCER, spend(ART, "70", "KS-9", posted_on=old))]
        story = [*story, (LINE_PRODUCER, spend(EDITING, "30", "CH-1", vendor="cut-house", vendor_name="Cut House"))]
        story = [*story, (ACCOUNTANT, reverse("S-000003")), *bought((EDITING, "5"), number=2, vendor="new-house")]
        await world.play(story)

        shown = await world.read(AUDITOR, "vendors")
        then = await world.read(AUDITOR, "vendors", as_of=shown["version"] - 4)
        lines = {
            each["vendor"]: [each[name] for name in ("total", "recent", "entries", "open")] for each in shown["vendors"]
        }

        assert lines == {
            "kala-sets": ["470.00", "400.00", 2, "600.00"],
            "cut-house": ["0.00", "0.00", 1, "0.00"],
            "new-house": ["0.00", "0.00", 0, "5.00"],
        }
        assert (shown["total"], shown["recent"], shown["open"]) == ("470.00", "400.00", "605.00")
        assert next(iter(lines)) == "kala-sets"
        assert (then["total"], then["open"]) == ("500.00", "600.00")
        assert next(each["name"] for each in shown["vendors"] if each["vendor"] == "cut-house") == "Cut House"
        for each in shown["vendors"]:
            told = await world.read(AUDITOR, f"vendors/{each['vendor']}")
            assert told["vendor"] == each
        told = await world.read(AUDITOR, "vendors/kala-sets")
        parts = [(part["figure"], part["amount"], part["recent"], part["commitment"]) for part in told["parts"]]
        assert parts == [
            ("total", "400.00", True, None),
            ("total", "70.00", False, None),
            ("open", "600.00", False, "PO-0001"),
        ]

    async def test_that_nobody_dealt_with_are_missing(self, world: World) -> None:
        await world.play(LOCKED)
        answer = await world.get(AUDITOR, "vendors/kala-sets")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:greenlight:problem:vendor-is-missing")


class TestACommitment:
    async def test_is_explained_by_the_facts_that_moved_it(self, world: World) -> None:
        story: Story = [*LOCKED, *bought((ART, "1000")), invoice("400"), (LINE_PRODUCER, amend((ART, "900")))]
        await world.play(
            [*story, *bought((ART, "5"), number=2), (LINE_PRODUCER, close()), (ACCOUNTANT, reverse("S-000001"))]
        )

        found = await world.read(AUDITOR, "commitment-register/PO-0001")

        moved = [
            (each["type"], each["total"], each["relieved"], each["released"], each["balance"])
            for each in found["parts"]
        ]
        assert moved == [
            ("CommitmentDrafted", "1000.00", "0.00", "0.00", "1000.00"),
            ("CommitmentSubmitted", "0.00", "0.00", "0.00", "0.00"),
            ("CommitmentRelieved", "0.00", "400.00", "0.00", "-400.00"),
            ("CommitmentAmended", "-100.00", "0.00", "0.00", "-100.00"),
            ("CommitmentClosed", "0.00", "0.00", "500.00", "-500.00"),
            ("ReliefReversed", "0.00", "-400.00", "400.00", "0.00"),
        ]
        assert [each["spend"] for each in found["parts"]] == [None, None, "S-000001", None, None, "S-000001"]

    async def test_that_there_is_not_is_missing(self, world: World) -> None:
        await world.play(LOCKED)
        answer = await world.get(AUDITOR, "commitment-register/PO-0001")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:greenlight:problem:commitment-is-missing")

    async def test_is_explained_to_those_alone_who_may_read_every_figure(self, world: World) -> None:
        await world.play([*LOCKED, *bought((ART, "1000"))])
        for path in ("commitment-register/PO-0001", "commitment-register/DEAL-0001", "vendors/kala-sets"):
            refused = await world.get(DIRECTOR, path)
            assert refused.json()["type"] == "urn:greenlight:problem:figure-is-confidential"


class TestEveryView:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_agrees_with_the_others_at_every_version(self, world: World, seed: int) -> None:
        """Whatever happened: cost is the register's, commitments are theirs, and the budget is the budget's."""
        dice = Random(seed)
        await world.play([*FREE, *bought((ART, "1000"))])
        acts = [act for act, weight in ACTS.items() for _ in range(weight)]
        looked: dict[int | None, Production] = {}
        for place in range(90):
            loaded = await world.doors.handling.production("acme/the-long-take")
            assert loaded.state is not None
            person, command = wished((dice.choice(acts), dice.randrange(999), dice.randrange(999)), loaded.state)
            await world.send(person, command)
            if place % 15 == 0:
                looked[loaded.head.version] = loaded.state
        last = await world.doors.handling.production("acme/the-long-take")
        assert last.state is not None
        for version, production in {**looked, None: last.state}.items():
            shown = await report(world, as_of=version)
            spent = await world.read(AUDITOR, "spend-register", as_of=version, limit=1)
            promised = await world.read(AUDITOR, "commitment-register", as_of=version)
            budget = await world.read(AUDITOR, "current-budget", as_of=version)
            total, whom = shown["total"], await world.read(AUDITOR, "vendors", as_of=version)
            assert (whom["total"], whom["open"]) == (total["actual_to_date"], total["commitments"])
            assert Decimal(total["actual_to_date"]) == Decimal(spent["total"])
            assert Decimal(total["commitments"]) == Decimal(promised["committed"])
            if budget["in_force"] is not None:
                assert total["budget"] == budget["shown"]["grand_total"]
                assert total["total_budget"] == budget["shown"]["total_budget"]
            agree(production, shown)
            for each in whom["vendors"]:
                told = await world.read(AUDITOR, f"vendors/{each['vendor']}", as_of=version)
                assert told["vendor"] == each
            for each in promised["commitments"]:
                await assert_moved(world, each, version)


async def assert_moved(world: World, commitment: dict[str, Any], version: int | None) -> None:
    """What the facts moved adds up to what the register says."""
    told = await world.read(AUDITOR, f"commitment-register/{commitment['commitment']}", as_of=version)
    assert told["state"] == commitment["state"]
    for name in ("total", "in_progress", "relieved", "released", "balance", "held"):
        moved = sum((Decimal(each[name]) for each in told["parts"]), Decimal(0))
        assert moved == Decimal(told["figures"][name]) == Decimal(commitment[name]), name


def agree(production: Production, shown: dict[str, Any]) -> None:
    """The report adds up; and what is available is what orders are measured against, account by account and in all."""
    for row in rows(shown).values():
        assert row["total_budget"] == row["budget"] + row["overages"] + row["moved"]
        assert row["total_cost"] == row["actual_to_date"] + row["commitments"]
        assert row["variance"] == row["efc"] - row["total_budget"]
        assert row["etc"] == row["efc"] - row["total_cost"]
    measured = production.available
    assert (measured is None) == (shown["budget"] is None)
    if measured is None:
        return
    contingency = production.budgets.versions[measured.budget].contingency
    for code, row in rows(shown).items():
        if code not in contingency:  # of which alone nothing is measured, only of the whole
            assert row["available"] == measured.of(code).available, code
    assert set(measured.accounts) <= set(rows(shown))
    assert Decimal(shown["total"]["available"]) == measured.total.available
