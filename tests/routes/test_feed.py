"""The feed in pages: what happened in a company, once and in order, for those who may read it, as CloudEvents."""

import json
from typing import Any

import asyncpg
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from events import codec
from events.append import GENESIS_HEAD, Append
from events.codec import SCHEMA_VERSIONS
from events.log import Log
from events.production import Stage
from service.deciders.company import AdmitMember, FoundCompany
from service.deciders.stage import EnterStage
from service.routes.listing import acceptable
from tests.deciders.stories import ADMINISTRATOR, AUDITOR, MAYA, OPENED, OPENING, SPENT, STRANGER
from tests.events.logbook import Alone, named
from tests.events.logbook import sent as command
from tests.routes.test_bad_input import problem
from tests.routes.world import FEED, World, body

RIVAL = "rival"


@pytest.fixture(scope="module")
async def spent(shared: World) -> World:
    """A company with a production under way and one that was only opened, and another company."""
    await shared.operate(FoundCompany(name="Rival Films"), RIVAL)
    await shared.operate(AdmitMember(person="rita", administrator=True, may_open_productions=True), RIVAL)
    await shared.play(SPENT)
    await shared.operate(AdmitMember(person=ADMINISTRATOR, reads_confidential=True))
    for person, company in ((MAYA, "acme"), ("rita", RIVAL)):
        opened = await shared.post(person, f"/v1/{company}/second-take/open-production", body(OPENING), company)
        assert opened.status_code == 201
    return shared


async def page(world: World, person: str = ADMINISTRATOR, **asked: Any) -> dict[str, Any]:
    return await world.read(person, FEED, at_least=None, **asked)


async def whole(world: World, person: str = ADMINISTRATOR, after: Any = 0, **asked: Any) -> list[dict[str, Any]]:
    """Every event after a position, page by page."""
    events: list[dict[str, Any]] = []
    while True:
        found = await page(world, person, after=after, **asked)
        events += found["events"]
        after = found["next"]
        if after == found["position"]:
            return events


async def refused(world: World, person: str, status: int, *named: str, **asked: Any) -> dict[str, Any]:
    return problem(await world.get(person, FEED, at_least=None, **asked), *named, status=status)


async def ids(world: World, where: str = "true") -> list[str]:
    """The company's events as the log has them."""
    rows = await world.doors.database.pool.fetch(
        "SELECT event_id::text FROM events WHERE (stream_id = 'acme' OR stream_id LIKE 'acme/%')"
        f" AND {where} ORDER BY position"
    )
    return [row["event_id"] for row in rows]


class TestThePages:
    @pytest.mark.parametrize("limit", [1, 7, 500])
    async def test_together_are_what_the_log_has_of_the_company(self, spent: World, limit: int) -> None:
        told = await whole(spent, limit=limit)

        assert [event["id"] for event in told] == await ids(spent)
        assert {event["subject"] for event in told} == {"acme", "acme/the-long-take", "acme/second-take"}

    async def test_say_how_far_they_are_complete(self, spent: World) -> None:
        last = await spent.last_position()
        first, end = await page(spent, limit=3), await page(spent, after=last)

        assert (len(first["events"]), first["next"] < last, first["position"]) == (3, True, last)
        assert (end["events"], end["next"], end["position"]) == ([], last, last)
        assert (await spent.get(ADMINISTRATOR, FEED, at_least=None)).headers["position"] == str(last)

    async def test_may_begin_after_any_event(self, spent: World) -> None:
        told = await whole(spent)
        for place in (0, 5, len(told) - 1):
            assert await whole(spent, after=told[place]["position"]) == told[place + 1 :]

    async def test_stop_before_an_append_in_flight(self, world: World) -> None:
        """Whose position lies below one that its sender knows of already: nothing is skipped, nobody refused."""
        await world.operate(FoundCompany(name="Acme Pictures"))
        await world.operate(AdmitMember(person=ADMINISTRATOR, administrator=True))
        slow = await asyncpg.connect(world.url)
        async with slow.transaction():
            await Log(Alone(slow)).append(Append("acme/slow", GENESIS_HEAD, (command("slow", *named("a")),)))
            await world.operate(AdmitMember(person=MAYA))
            known = await world.last_position()
            before, ahead = await page(world), await page(world, after=known)
        await slow.close()

        assert (before["next"], before["position"]) == (2, 2)
        assert (ahead["events"], ahead["next"]) == ([], known)
        after = await page(world, after=before["next"])
        assert [event["subject"] for event in after["events"]] == ["acme/slow", "acme"]

    async def test_go_on_from_where_they_ended_though_positions_were_drawn_in_vain(self, world: World) -> None:
        await world.operate(FoundCompany(name="Acme Pictures"))
        await world.operate(AdmitMember(person=ADMINISTRATOR, administrator=True))
        vain = await asyncpg.connect(world.url)
        transaction = vain.transaction()
        await transaction.start()
        await Log(Alone(vain)).append(Append("acme/vain", GENESIS_HEAD, (command("vain", *named(*"abc")),)))
        await transaction.rollback()
        await vain.close()

        end = await page(world, after=(await page(world))["next"])
        assert (end["events"], end["next"], end["position"]) == ([], 2, 2)


class TestAnEvent:
    async def test_is_a_cloud_event_to_an_independent_reader(self, spent: World) -> None:
        for event in await whole(spent):
            read = JSONFormat().read(None, json.dumps(event))

            assert isinstance(read, CloudEvent)
            assert (read.get_id(), read.get_type(), read.get_subject()) == (
                event["id"],
                event["type"],
                event["subject"],
            )
            assert read.get_time() is not None
            assert read.get_data() == event["data"]
            assert read.get_extension("position") == event["position"]

    async def test_says_all_that_the_log_knows_of_it(self, spent: World) -> None:
        history = await spent.doors.log.read_stream("acme/the-long-take")
        for recorded, event in zip(history, await whole(spent, production="the-long-take"), strict=True):
            kind, around = type(recorded.event).__name__, recorded.metadata

            assert event["type"] == f"greenlight.{kind}"
            assert event["dataschema"] == f"urn:greenlight:event:{kind}:{SCHEMA_VERSIONS[kind]}"
            assert event["source"] == "urn:greenlight:company:acme"
            assert (event["position"], event["version"]) == (str(recorded.position), recorded.version)
            assert (event["actor"], event["command"]) == (around.actor, around.command)
            assert event["commandid"] == str(around.command_id)
            assert event["time"] == around.at.isoformat().replace("+00:00", "Z")
            assert event.get("reason") == (around.reason and around.reason.replace("\n", " "))
            assert codec.decode(kind, SCHEMA_VERSIONS[kind], json.dumps(event["data"])) == recorded.event

    async def test_has_no_line_break_in_what_is_known_around_it(self, world: World) -> None:
        """The specification allows them in `data` alone."""
        await world.play([*OPENED, (MAYA, EnterStage(stage=Stage.PRE_PRODUCTION, reason="Money is in.\nWe go."))])
        [event] = await whole(world, kind="StageEntered")

        assert event["reason"] == "Money is in. We go."


class TestAFilter:
    async def test_by_production_leaves_the_rest_out(self, spent: World) -> None:
        told = await whole(spent, production="the-long-take", limit=7)

        assert [event["id"] for event in told] == await ids(spent, "stream_id = 'acme/the-long-take'")

    async def test_by_kind_leaves_the_rest_out(self, spent: World) -> None:
        told = await whole(spent, kind="SpendLogged,ProductionOpened", limit=2)

        assert [event["id"] for event in told] == await ids(spent, "type IN ('SpendLogged', 'ProductionOpened')")
        both = await whole(spent, kind="ProductionOpened", production="second-take")
        assert [event["subject"] for event in both] == ["acme/second-take"]

    async def test_by_a_kind_that_there_is_not_is_told_the_nearest(self, spent: World) -> None:
        said = await refused(spent, ADMINISTRATOR, 422, "query kind", kind="SpendLogged,budgetapproved")
        assert said["errors"][0]["rule"] == "'budgetapproved' is no kind of event, the nearest is BudgetApproved"

    async def test_by_a_kind_like_none_is_told_them_all(self, spent: World) -> None:
        for kind in ("", "#"):
            said = await refused(spent, ADMINISTRATOR, 422, "query kind", kind=kind)
            assert said["errors"][0]["rule"].endswith("the kinds are listed in /asyncapi.json")


class TestWhoMayRead:
    async def test_is_whoever_holds_a_role_on_the_production_that_is_named(self, spent: World) -> None:
        assert {event["subject"] for event in await whole(spent, AUDITOR, production="the-long-take")} == {
            "acme/the-long-take"
        }
        await refused(spent, AUDITOR, 403, production="second-take")
        await refused(spent, STRANGER, 403, production="the-long-take")

    async def test_is_an_administrator_for_the_whole_company(self, spent: World) -> None:
        for person in (AUDITOR, MAYA, STRANGER):
            said = await refused(spent, person, 403)
            assert "production=" in said["otherwise"]

    async def test_is_nobody_of_another_company(self, spent: World) -> None:
        for asked in ({}, {"production": "the-long-take"}, {"production": "second-take"}):
            theirs = await spent.client.get(FEED, params=asked, headers=await spent.headers("rita", RIVAL))
            none = await spent.client.get(
                "/v1/no-such/events", params=asked, headers=await spent.headers("rita", RIVAL)
            )
            assert (theirs.status_code, theirs.content) == (404, none.content)

    async def test_is_nobody_without_a_token(self, spent: World) -> None:
        assert (await spent.client.get(FEED)).status_code == 401


class TestWhatIsAccepted:
    @pytest.mark.parametrize(
        ("accept", "given"),
        [
            ("", "application/json"),
            ("application/json", "application/json"),
            ("text/*;q=0.1, */*;q=0.2", "application/json"),
            ("text/html, application/*;q=0.5, text/event-stream;q=0.4", "application/json"),
        ],
    )
    async def test_is_weighed(self, spent: World, accept: str, given: str) -> None:
        answer = await spent.client.get(FEED, headers=await spent.headers(ADMINISTRATOR) | {"Accept": accept})
        assert (answer.status_code, answer.headers["content-type"]) == (200, given)

    @pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "*/*;q=0, text/csv", "application/xml"])
    async def test_that_is_nothing_the_feed_can_be_is_told(self, spent: World, accept: str) -> None:
        answer = await spent.client.get(FEED, headers=await spent.headers(ADMINISTRATOR) | {"Accept": accept})
        said = problem(answer, status=406)
        assert said["type"] == "urn:greenlight:problem:nothing-is-acceptable"

    @pytest.mark.parametrize(
        "accept", ["text/*", "text/event-stream, */*;q=0.5", "application/json;q=0.5, text/event-stream"]
    )
    def test_may_be_a_stream(self, accept: str) -> None:
        assert acceptable(accept, "application/json", "text/event-stream") == "text/event-stream"


class TestBadInput:
    @pytest.mark.parametrize(
        ("asked", "named"),
        [
            ({"after": "yesterday"}, "query after"),
            ({"after": "-1"}, "query after"),
            ({"after": str(2**62)}, "query after"),
            ({"after": "1000000"}, "query after"),
            ({"limit": "0"}, "query limit"),
            ({"limit": "501"}, "query limit"),
            ({"production": "The Long Take"}, "query production"),
            ({"at_leats": "5"}, "query at_leats"),
            ({"kinds": "SpendLogged"}, "query kinds"),
        ],
        ids=str,
    )
    async def test_is_named(self, spent: World, asked: dict[str, str], named: str) -> None:
        await refused(spent, ADMINISTRATOR, 422, named, **asked)

    @pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
    async def test_said_twice_is_named(self, spent: World, accept: str) -> None:
        headers = await spent.headers(ADMINISTRATOR) | {"Accept": accept}
        problem(await spent.client.get(f"{FEED}?kind=A&kind=B", headers=headers), "query kind")

    @pytest.mark.parametrize("last", ["yesterday", "-1", "1000000"])
    async def test_of_a_stream_is_told_before_it_begins(self, spent: World, last: str) -> None:
        headers = await spent.headers(ADMINISTRATOR) | {"Accept": "text/event-stream", "Last-Event-ID": last}
        problem(await spent.client.get(FEED, headers=headers), "header Last-Event-ID")


class TestAnEventOfANewerVersion:
    async def test_stops_the_feed_before_it_and_says_so(self, world: World) -> None:
        await world.operate(FoundCompany(name="Acme Pictures"))
        await world.operate(AdmitMember(person=ADMINISTRATOR, administrator=True))
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        await admin.execute("UPDATE events SET type = 'StudioSold' WHERE position = 2")
        await admin.close()

        first = await page(world)
        said = await refused(world, ADMINISTRATOR, 503, after=first["next"])

        assert (len(first["events"]), first["next"]) == (1, 1)
        assert "StudioSold" in said["detail"]
