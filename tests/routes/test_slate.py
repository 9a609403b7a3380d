"""The slate over HTTP: every production as its own views have it, and none to whoever may not read it."""

from decimal import Decimal
from random import Random
from typing import Any

import pytest

from events.ids import PersonId
from events.team import Role
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember
from service.deciders.production import OpenProduction
from tests.deciders.commitments import bought, estimate, invoice
from tests.deciders.rounds import COVERED, adopted, delegated, policy, transfer
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    ASSOCIATE_PRODUCER,
    AUDITOR,
    DIRECTOR,
    FINANCIER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STRANGER,
    appoint,
    equity,
    spend,
    usd,
)
from tests.projections.histories import ACTS, wished
from tests.routes.world import World, address, body
from tests.spec import Story

SLATE = "/v1/acme/slate"
NAMES = ("total_budget", "actual_to_date", "commitments", "efc", "variance")
BUSY: Story = [
    *adopted(COVERED, policy()),
    *bought((ART, "1000")),
    invoice("400"),
    (LINE_PRODUCER, spend("9999", "70")),
    (LINE_PRODUCER, estimate("210000")),
    (PRODUCER, transfer("60000")),
]


async def slate(world: World, person: PersonId = MAYA, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = await world.read(person, SLATE, **asked)
    return found


async def beside(world: World, name: str, currency: str, *further: tuple[PersonId, Command]) -> None:
    """Another production of the company, in which these things happen."""
    opened = OpenProduction.model_validate(OpenProduction.example | {"currency": currency}, strict=False)
    for person, command in ((MAYA, opened), *further):
        answer = await world.post(person, address(type(command), production=name), body(command))
        assert answer.status_code == 201, answer.text


async def agrees(world: World, line: dict[str, Any], person: PersonId = AUDITOR) -> None:
    """A line says what the cost report and the finance plan say at its version."""
    report, funding = [await world.get(person, line[name], at_least=None) for name in ("cost_report", "funding")]
    total, cover = report.json()["total"], {each["basis"]: each["cash"] for each in funding.json()["cover"]}
    assert {name: line[name] for name in NAMES} == {name: total[name] for name in NAMES}
    assert line["budget"] == report.json()["budget"]
    for basis, cash in cover.items():
        assert Decimal(line[f"funding_{basis}"]) == Decimal(cash)


class TestTheSlate:
    async def test_has_a_line_for_each_production(self, world: World) -> None:
        await world.play(BUSY)

        [line] = (await slate(world))["productions"]

        assert [line[name] for name in ("production", "title", "kind", "stage", "currency", "budget", "locked")] == [
            *("the-long-take", "The Long Take", "feature", "development", "INR", "v1", True)
        ]
        assert (line["actual_to_date"], line["commitments"]) == ("470.00", "600.00")
        await agrees(world, line)

    async def test_counts_the_rounds_that_wait(self, world: World) -> None:
        await world.play([*LOCKED, (PRODUCER, transfer("60000"))])
        [line] = (await slate(world))["productions"]
        rounds = (await world.read(AUDITOR, "approval-status"))["rounds"]
        assert line["open_rounds"] == sum(each["state"] == "open" for each in rounds) == 1

    async def test_sums_by_currency_and_never_across(self, world: World) -> None:
        await world.play(BUSY)
        await beside(world, "next-door", "USD", (MAYA, equity(usd("500"))))

        found = await slate(world)

        sums = {each["currency"]: each for each in found["sums"]}
        assert {currency: each["productions"] for currency, each in sums.items()} == {"INR": 1, "USD": 1}
        lines = {each["currency"]: each for each in found["productions"]}
        assert lines["USD"]["budget"] is None
        for currency, line in lines.items():
            await agrees(world, line, MAYA)
            assert {name: sums[currency][name] for name in NAMES} == {name: line[name] for name in NAMES}
        await beside(world, "third", "INR")
        [rupees, _] = (await slate(world))["sums"]
        assert rupees["productions"] == 2

    async def test_is_a_spreadsheet_too(self, world: World) -> None:
        await world.play(BUSY)
        answer = await world.get(MAYA, SLATE, accept="text/csv")
        [head, line] = answer.text.splitlines()
        assert head.startswith("total_budget,funding_committed,funding_closed,funding_received,actual_to_date")
        assert ",the-long-take,The Long Take,feature," in line
        assert "position" in answer.headers


class TestWhoReadsIt:
    async def test_sees_the_productions_whose_cost_they_may_read(self, world: World) -> None:
        """As the cost report says of each: shown, withheld, or not there."""
        await world.play([*LOCKED, (OPERATOR, AdmitMember(person="rita", reads_confidential=True))])
        await beside(
            world,
            "next-door",
            "USD",
            (MAYA, appoint(DIRECTOR, Role.LINE_PRODUCER)),
            (MAYA, appoint("rita", Role.DIRECTOR)),
        )
        people = (MAYA, NOOR, AUDITOR, DIRECTOR, FINANCIER, ASSOCIATE_PRODUCER, ADMINISTRATOR, STRANGER, "rita")
        met = set()
        for person in people:
            answers = {
                production: await world.get(person, f"/v1/acme/{production}/cost-report")
                for production in ("the-long-take", "next-door")
            }
            kinds = {
                name: (each.status_code, each.json().get("type", "").rpartition(":")[2])
                for name, each in answers.items()
            }
            found = await slate(world, person)
            shown = {each["production"] for each in found["productions"]}
            assert shown == {name for name, (status, _) in kinds.items() if status == 200}, person
            assert found["withheld"] == sum(kind == "figure-is-confidential" for _, kind in kinds.values()), person
            met |= {*kinds.values()}
        assert {status for status, _ in met} == {200, 403}
        assert {kind for _, kind in met} == {"", "figure-is-confidential", "reading-needs-a-role"}

    async def test_sees_what_those_see_for_whom_they_act(self, world: World) -> None:
        await world.play(LOCKED)
        assert (await slate(world, STRANGER))["productions"] == []
        await world.play([(MAYA, delegated(STRANGER))])
        assert [each["production"] for each in (await slate(world, STRANGER))["productions"]] == ["the-long-take"]

    async def test_sees_nothing_of_another_company(self, world: World) -> None:
        await world.play(LOCKED)
        answer = await world.get(MAYA, "/v1/rival/slate")
        assert answer.status_code == 404


class TestWhateverHappened:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    async def test_a_line_agrees_with_the_views_of_its_production(self, world: World, seed: int) -> None:
        dice = Random(seed)
        await world.play(BUSY)
        acts = [act for act, weight in ACTS.items() for _ in range(weight)]
        for place in range(80):
            loaded = await world.doors.handling.production("acme/the-long-take")
            assert loaded.state is not None
            person, command = wished((dice.choice(acts), dice.randrange(999), dice.randrange(999)), loaded.state)
            await world.send(person, command)
            if place % 20 == 19:
                [line] = (await slate(world))["productions"]
                await agrees(world, line)
