"""The scripted shoot: the cost report of each of its twelve weeks, held to the cent by a golden file."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from service.deciders.company import AdmitMember, FoundCompany
from service.demo import CAST, top_sheet
from service.demo_shoot import weeks
from service.embedded import Server
from tests.routes.golden import WRITING
from tests.routes.world import AT, World, opened_world

pytestmark = pytest.mark.golden

GOLDEN = Path(__file__).parent / "data" / "shoot"
PEOPLE = {part: person for part, (person, _, _) in CAST.items()}
FIGURES = (
    *("budget", "overages", "moved", "total_budget", "actual_period", "actual_to_date"),
    *("commitments", "total_cost", "etc", "efc", "variance"),
)


async def sent(world: World, part: str, command: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await world.post(PEOPLE[part], f"{AT}/{command}", json.dumps(body).encode())
    assert answer.status_code == 201, (command, body, answer.text)
    found: dict[str, Any] = answer.json()
    return found


async def begun(world: World) -> None:
    """A feature whose budget is locked and whose money is committed."""
    await world.operate(FoundCompany(name="Acme Pictures"))
    for part, (person, name, _) in CAST.items():
        right = part == "executive producer"
        await world.operate(AdmitMember(person=person, name=name, administrator=right, may_open_productions=right))
    ep = "executive producer"
    title = {"title": "The Long Take", "kind": "feature", "currency": "INR", "time_zone": "Asia/Kolkata"}
    await sent(world, ep, "open-production", title)
    for person, _, roles in CAST.values():
        for role in roles:
            await sent(world, ep, "appoint", {"person": person, "role": role, "from_on": "2026-01-01"})
    equity = {"kind": "equity", "party": "Prasad Film Fund", "amount": {"amount": "70000000", "currency": "INR"}}
    await sent(world, ep, "secure-funding", equity | {"rests_on": "signed_agreement", "document": "Agreement"})
    answer = await sent(world, "line producer", "set-budget", top_sheet())
    await sent(world, "producer", "submit-budget", {"budget": "v1"})
    yes = {"round": "A-1", "content_hash": answer["events"][0]["data"]["content_hash"]}
    await sent(world, ep, "approve", yes)
    await sent(world, ep, "lock-budget", {"budget": "v1"})


async def approved(world: World, answer: dict[str, Any]) -> None:
    """What the command asks for is approved by the executive producer."""
    for event in answer["events"]:
        if event["type"] == "ApprovalRequested":
            seen = {name: event["data"][name] for name in ("round", "content_hash")}
            await sent(world, "executive producer", "approve", seen)


def text(report: dict[str, Any]) -> str:
    """The report as a person compares two of them: the rows in which there is something, and the totals."""
    accounts = [each for level in report["levels"] for each in level["accounts"]]
    rows = [(each["code"], each) for each in (*accounts, *report["charges"], *report["outside"])]
    rows += [(level["level"], level) for level in report["levels"]] + [("total", report["total"])]
    lines = [f"{report['posted_from']} to {report['posted_to']}", " ".join(("account", *FIGURES))]
    lines += [" ".join((name.replace(" ", ""), *(row[each] for each in FIGURES))) for name, row in rows]
    return "\n".join(lines) + "\n"


async def test_costs_every_week_what_the_golden_says(server: Server) -> None:
    told: dict[str, str] = {}
    async with opened_world(server) as world:
        await begun(world)
        for week in weeks():
            for part, command, body in week.sent:
                await approved(world, await sent(world, part, command, body))
            period = {"posted_from": week.monday, "posted_to": week.sunday}
            told[f"week-{week.number:02}.txt"] = text(await world.read("ines", "cost-report", **period))
    if WRITING:
        GOLDEN.mkdir(exist_ok=True)
        for name, said in told.items():
            (GOLDEN / name).write_text(said)
    assert told == {place.name: place.read_text() for place in sorted(GOLDEN.glob("*.txt"))}


async def test_in_weekly_periods_is_closed_and_issued_and_read_at_the_end_as_it_was(server: Server) -> None:
    async with opened_world(server) as world:
        await begun(world)
        for week in weeks():
            first = {"first_on": str(week.monday)} if week.number == 1 else {}
            await sent(world, "accountant", "open-period", first | {"last_on": str(week.sunday)})
            for part, command, body in week.sent:
                await approved(world, await sent(world, part, command, body))
            period = f"PER-{week.number}"
            total = (await world.read("ines", "cost-report", period=period))["total"]
            expected = [{"cost": total["actual_to_date"]}]
            await sent(world, "accountant", "close-period", {"period": period, "expected": expected})
            await sent(world, "line producer", "issue-cost-report", {"period": period})
        issued = [await world.read("ines", f"cost-reports/CR-{number}") for number in range(1, 13)]
    assert {f"week-{n:02}.txt": text(each) for n, each in enumerate(issued, 1)} == {
        place.name: place.read_text() for place in sorted(GOLDEN.glob("*.txt"))
    }
    assert [each["compared_with"] for each in issued] == [None, *(f"CR-{number}" for number in range(1, 12))]
    moved = sum(Decimal(each["total"]["period_variance"]) for each in issued[1:])
    assert moved == Decimal(issued[-1]["total"]["efc"]) - Decimal(issued[0]["total"]["efc"]) != 0
