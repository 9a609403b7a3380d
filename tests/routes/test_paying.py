"""Queries and payments over HTTP: the register of spend and the inbox say what became of each entry."""

from decimal import Decimal
from typing import Any

from tests.deciders.documents import PAYROLL
from tests.deciders.paying import DEARER, PAID, QUERIED, QUESTION, answer, ask, pay, reconcile, undo, void
from tests.deciders.rounds import PAYING, says
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    DIRECTOR,
    EDITING,
    LINE_PRODUCER,
    LOCKED,
    PRODUCER,
    recode,
    reverse,
)
from tests.routes.world import World


async def lines(world: World, **asked: Any) -> list[dict[str, Any]]:
    shown: list[dict[str, Any]] = (await world.read(AUDITOR, "spend-register", **asked))["lines"]
    return shown


async def became(world: World, spend: str = "S-000001", **asked: Any) -> tuple[Any, ...]:
    """What the first line of an entry says became of it."""
    line = (await lines(world, spend=spend, **asked))[0]
    named = ("payment", "paid_on", "method", "reference", "paid", "statement", "statement_line", "found_on")
    return tuple(line[name] for name in named)


NOTHING = (None,) * 7
BY_TRANSFER = ("2026-11-02", "transfer", "NEFT 42", "50000.00")


class TestTheRegister:
    async def test_follows_a_payment_until_it_is_found_and_back(self, world: World) -> None:
        await world.play(PAID)
        assert await became(world) == ("paid", *BY_TRANSFER, None, None, None)
        await world.play([(ACCOUNTANT, reconcile())])
        assert await became(world) == ("reconciled", *BY_TRANSFER, "HDFC 2026-11", "118", "2026-11-30")
        await world.play([(ACCOUNTANT, undo())])
        assert await became(world) == ("paid", *BY_TRANSFER, None, None, None)
        await world.play([(ACCOUNTANT, reconcile()), (ACCOUNTANT, void())])
        assert await became(world) == ("not_asked", *NOTHING)

    async def test_shows_it_as_of_then(self, world: World) -> None:
        await world.play(PAID)
        version = (await world.read(AUDITOR, "spend-register"))["version"]
        await world.play([(ACCOUNTANT, void())])

        assert (await became(world, as_of=version))[0] == "paid"
        assert (await became(world, as_of=version - 1))[0] == "not_asked"

    async def test_goes_on_from_what_the_policy_says(self, world: World) -> None:
        await world.play(PAYING)
        assert (await became(world))[0] == "waiting"
        await world.play([*says(PAYING, PRODUCER, "A-3")[len(PAYING) :]])
        assert (await became(world))[0] == "released"
        await world.play([(ACCOUNTANT, pay())])
        assert (await became(world))[0] == "paid"
        await world.play([(ACCOUNTANT, void())])
        assert (await became(world))[0] == "released"

    async def test_is_sought_by_it(self, world: World) -> None:
        await world.play([*PAID, (PRODUCER, ask("S-000002"))])

        assert {line["spend"] for line in await lines(world, payment="paid")} == {"S-000001"}
        assert {line["spend"] for line in await lines(world, queried="true")} == {"S-000002"}
        assert {line["spend"] for line in await lines(world, queried="false")} == {"S-000001", "S-000003"}

    async def test_shows_every_entry_of_a_batch_as_paid(self, world: World) -> None:
        await world.play([*LOCKED, (ACCOUNTANT, PAYROLL), (ACCOUNTANT, pay("S-000002"))])

        assert [(line["payment"], line["paid"]) for line in await lines(world)] == 3 * [("paid", "66200.00")]

    async def test_shows_an_exchange_difference_with_the_entry_that_it_is_of(self, world: World) -> None:
        await world.play(DEARER)
        entry, posted = await lines(world)
        assert (entry["amount"], entry["difference_of"]) == ("8000.00", None)
        assert (posted["amount"], posted["kind"], posted["payment"]) == ("130.50", "exchange_difference", "paid")
        assert (posted["difference_of"], posted["running_total"]) == ("S-000001", "8130.50")
        await world.play([(ACCOUNTANT, void())])
        voided = await lines(world, spend="S-000002")
        assert [(line["amount"], line["state"], line["difference_of"]) for line in voided] == [
            ("130.50", "reversed", "S-000001"),
            ("-130.50", "reversed", "S-000001"),
        ]

    async def test_agrees_with_the_budget_and_the_cost_report(self, world: World) -> None:
        await world.play([*DEARER, (LINE_PRODUCER, recode("S-000001", EDITING))])
        budget = (await world.read(AUDITOR, "current-budget"))["shown"]
        report = await world.read(AUDITOR, "cost-report")

        for view, name in ((budget, "spent"), (report, "actual_to_date")):
            of_levels = [each for level in view["levels"] for each in level["accounts"]]
            told = {each["code"]: each[name] for each in of_levels if Decimal(each[name])}
            assert told == {ART: "130.50", EDITING: "8000.00"}
        assert [each["total"] for each in (await world.read(AUDITOR, "vendors"))["vendors"]] == ["8130.50"]


class TestTheInbox:
    async def test_shows_a_query_to_whom_it_asks_until_it_is_answered(self, world: World) -> None:
        await world.play(QUERIED)
        [query] = (await world.read(LINE_PRODUCER, "/v1/inbox"))["queries"]
        assert (query["query"], query["spend"], query["question"]) == ("Q-1", "S-000001", QUESTION)
        assert (query["from_person"], query["production"]) == (PRODUCER, "acme/the-long-take")
        for person in (PRODUCER, ACCOUNTANT, DIRECTOR):
            assert (await world.read(person, "/v1/inbox"))["queries"] == []
        assert (await lines(world, spend="S-000001"))[0]["query"] == "Q-1"

        await world.play([(LINE_PRODUCER, answer())])

        assert (await world.read(LINE_PRODUCER, "/v1/inbox"))["queries"] == []
        assert (await lines(world, spend="S-000001"))[0]["query"] is None

    async def test_shows_none_about_what_is_reversed(self, world: World) -> None:
        await world.play([*QUERIED, (ACCOUNTANT, reverse("S-000001"))])

        assert (await world.read(LINE_PRODUCER, "/v1/inbox"))["queries"] == []

    async def test_shows_whoever_is_asked_no_figures_beside_the_question(self, world: World) -> None:
        await world.play([*PAID, (PRODUCER, ask(person=DIRECTOR))])

        [query] = (await world.read(DIRECTOR, "/v1/inbox"))["queries"]
        assert "50000" not in str(query).replace(",", "")
