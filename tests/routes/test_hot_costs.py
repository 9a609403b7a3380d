"""Hot costs over HTTP: by the day on which money was spent, against what a day of shooting may cost."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from service.deciders.budget import BudgetGlobal
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    DIRECTOR,
    EDITING,
    FEATURE,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    TODAY,
    locked,
    recode,
    reverse,
    spend,
)
from tests.projections.histories import ACTS, wished
from tests.routes.world import World
from tests.spec import Story

DAY = timedelta(days=1)
YESTERDAY, BEFORE = TODAY - DAY, TODAY - 2 * DAY
DAYS = (BudgetGlobal(name="SHOOT_DAYS", value=Decimal(24)),)
#: 262,000.00 for art over 24 days: 10,916.67 a day.
SHOT: Story = [
    *locked(FEATURE.model_copy(update={"globals": DAYS})),
    (LINE_PRODUCER, spend(ART, "12000", "D-1", spent_on=BEFORE)),
    (LINE_PRODUCER, spend(ART, "5000", "D-2", spent_on=TODAY)),
    (LINE_PRODUCER, spend(EDITING, "70", "D-3", spent_on=TODAY)),
]


async def sheets(world: World, **asked: Any) -> dict[str, Any]:
    days = {"from": BEFORE.isoformat(), "to": TODAY.isoformat()}
    found: dict[str, Any] = await world.read(AUDITOR, "hot-costs", **days | asked)
    return found


def figures(found: dict[str, Any]) -> list[str]:
    return [found[name] for name in ("spent", "to_date", "budget_of_day", "over")]


def art(day: dict[str, Any]) -> list[str]:
    [account] = [each for each in day["accounts"] if each["code"] == ART]
    return figures(account)


class TestASheet:
    async def test_is_of_the_day_of_spending_against_the_budget_of_a_day(self, world: World) -> None:
        await world.play(SHOT)

        found = await sheets(world)

        assert [each["day"] for each in found["days"]] == [BEFORE.isoformat(), TODAY.isoformat()]
        assert [art(each) for each in found["days"]] == [
            ["12000.00", "12000.00", "10916.67", "1083.33"],
            ["5000.00", "17000.00", "10916.67", "-5916.67"],
        ]
        assert [each["elsewhere"] for each in found["days"]] == ["0.00", "70.00"]
        assert (found["shoot_days"], found["shoot_days_by"], found["why"]) == ("24", "budget", None)

    async def test_takes_back_and_moves_what_was_spent_that_day(self, world: World) -> None:
        story: Story = [*SHOT, (LINE_PRODUCER, recode("S-000001", EDITING)), (ACCOUNTANT, reverse("S-000002"))]
        await world.play(story)
        first, second = (await sheets(world))["days"]
        assert (art(first)[0], first["elsewhere"], art(second)[:2]) == ("0.00", "12000.00", ["0.00", "0.00"])

    async def test_is_measured_by_the_days_that_are_asked_for(self, world: World) -> None:
        await world.play(SHOT)
        found = await sheets(world, days=20)
        assert art(found["days"][0]) == ["12000.00", "12000.00", "13100.00", "-1100.00"]
        assert (found["shoot_days"], found["shoot_days_by"]) == ("20", "asked")

    @pytest.mark.parametrize(
        ("story", "why"),
        [
            (LOCKED, "v1 has no global SHOOT_DAYS; name them with `days`."),
            (FUNDED, "No budget is in force; name them with `days` once one is."),
            (
                locked(FEATURE.model_copy(update={"globals": (BudgetGlobal(name="SHOOT_DAYS", value=Decimal(0)),)})),
                "v1 says that SHOOT_DAYS is 0; name them with `days`.",
            ),
        ],
    )
    async def test_has_no_budget_where_nobody_says_the_days_and_says_why(
        self, world: World, story: Story, why: str
    ) -> None:
        await world.play([*story, (LINE_PRODUCER, spend(ART, "9000", spent_on=TODAY))])
        found = await sheets(world)
        assert (found["shoot_days"], found["why"]) == (None, why)
        assert (found["days"][0]["budget_of_day"], found["days"][0]["over"]) == (None, None)

    async def test_is_of_the_accounts_that_are_asked_for(self, world: World) -> None:
        await world.play(SHOT)
        found = await sheets(world, account=EDITING)
        assert [[each["code"] for each in day["accounts"]] for day in found["days"]] == [[EDITING], [EDITING]]
        assert [(day["spent"], day["elsewhere"]) for day in found["days"]] == [
            ("0.00", "12000.00"),
            ("70.00", "5000.00"),
        ]

    async def test_is_as_of_then(self, world: World) -> None:
        await world.play(SHOT)
        before = await sheets(world)
        await world.play([(ACCOUNTANT, reverse("S-000001"))])
        then = await sheets(world, as_of=before["version"])
        assert {**then, "position": 0} == {**before, "position": 0}
        assert (await sheets(world))["days"] != then["days"]

    async def test_is_a_spreadsheet_too(self, world: World) -> None:
        await world.play(SHOT)
        asked = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
        answer = await world.get(AUDITOR, "hot-costs", accept="text/csv", **asked)
        [head, *lines] = answer.text.splitlines()
        assert head == "spent,to_date,budget_of_day,over,code,name,total_budget,day"
        assert f"5000.00,17000.00,10916.67,-5916.67,{ART},Art Direction,262000.00,{TODAY}" in lines

    @pytest.mark.parametrize(("days", "problem"), [(-1, 422), (92, 422), (91, 200)])
    async def test_is_of_some_days_at_a_time(self, world: World, days: int, problem: int) -> None:
        await world.play(LOCKED)
        asked = {"from": TODAY.isoformat(), "to": (TODAY + days * DAY).isoformat()}
        assert (await world.get(AUDITOR, "hot-costs", **asked)).status_code == problem

    async def test_is_for_those_who_may_read_every_figure(self, world: World) -> None:
        await world.play(SHOT)
        asked = {"from": TODAY.isoformat(), "to": TODAY.isoformat()}
        for path, more in (("hot-costs", asked), (f"hot-costs/{TODAY}/accounts/{ART}", {})):
            refused = await world.get(DIRECTOR, path, **more)
            assert refused.json()["type"] == "urn:greenlight:problem:figure-is-confidential"


class TestADayOfAnAccount:
    async def test_is_explained_by_entries_that_add_up(self, world: World) -> None:
        await world.play([*SHOT, (LINE_PRODUCER, recode("S-000003", ART))])
        found = await world.read(AUDITOR, f"hot-costs/{TODAY}/accounts/{ART}")
        assert figures(found["account"]) == ["5070.00", "17070.00", "10916.67", "-5846.67"]
        parts = [(each["figure"], each["spend"], each["line"], each["amount"]) for each in found["parts"]]
        assert parts == [
            ("before", "S-000001", "spend", "12000.00"),
            ("spent", "S-000002", "spend", "5000.00"),
            ("spent", "S-000003", "recoded_in", "70.00"),
        ]

    async def test_that_the_budget_does_not_have_is_on_no_sheet(self, world: World) -> None:
        await world.play(SHOT)
        days = {"from": str(TODAY), "to": str(TODAY)}
        answer = await world.get(AUDITOR, "hot-costs", **days, account="7777")
        assert (answer.status_code, answer.json()["type"].rsplit(":", 1)[-1]) == (404, "account-is-missing")

    async def test_that_the_budget_does_not_have_is_missing(self, world: World) -> None:
        await world.play(SHOT)
        answer = await world.get(AUDITOR, f"hot-costs/{TODAY}/accounts/7777")
        assert (answer.status_code, answer.json()["type"]) == (404, "urn:greenlight:problem:account-is-missing")


class TestWhateverHappened:
    @pytest.mark.parametrize("seed", [1, 2])
    async def test_the_days_come_to_the_cost_and_the_entries_to_the_days(self, world: World, seed: int) -> None:
        dice = Random(seed)
        await world.play(SHOT)
        acts = [
            act for act in ("log spend", "log foreign spend", "reverse spend", "recode spend") for _ in range(ACTS[act])
        ]
        for _ in range(40):
            loaded = await world.doors.handling.production("acme/the-long-take")
            assert loaded.state is not None
            person, command = wished((dice.choice(acts), dice.randrange(999), dice.randrange(999)), loaded.state)
            await world.send(person, command)
        report, found = await world.read(AUDITOR, "cost-report"), await sheets(world)
        spent = [Decimal(day["spent"]) + Decimal(day["elsewhere"]) for day in found["days"]]
        assert sum(spent) == Decimal(report["total"]["actual_to_date"])
        for day in found["days"]:
            for account in day["accounts"]:
                told = await world.read(AUDITOR, f"hot-costs/{day['day']}/accounts/{account['code']}")
                assert told["account"] == account
                parts = {name: Decimal(0) for name in ("spent", "before")}
                for part in told["parts"]:
                    parts[part["figure"]] += Decimal(part["amount"])
                assert parts["spent"] == Decimal(account["spent"])
                assert parts["spent"] + parts["before"] == Decimal(account["to_date"])
