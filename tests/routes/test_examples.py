"""Every example in the OpenAPI document is what happened when somebody sent it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from events.envelope import CannotTake
from events.group_commit import OutcomeUnknown
from service.deciders.command import Command
from service.deciders.company import AdmitMember, CompanyIsMissing, FoundCompany
from service.embedded import Server
from service.problems import MEDIA_TYPE, slug
from service.rates import TooOften
from service.routes import views
from service.routes.commands import BODY_BYTES, COMPANY_COMMANDS, PRODUCTION_COMMANDS, refusals
from service.routes.openapi import EXAMPLES
from tests.deciders.ladders import RUNGS, Rung
from tests.deciders.stories import ADMINISTRATOR, MAYA, OPENED, OPENING, STRANGER
from tests.routes.golden import WRITING, held
from tests.routes.walk import WALK, Example, Look
from tests.routes.world import AT, FEED, World, address, body, opened_world
from tests.spec import Story

pytestmark = [pytest.mark.golden, pytest.mark.filterwarnings("error")]

ROUTED = (*COMPANY_COMMANDS, *PRODUCTION_COMMANDS)
RIVAL = "rival"
CLIMBED = [
    *(rung for rung in RUNGS if type(rung.command) in ROUTED),
    Rung("OpenProduction: in another company", [], MAYA, OPENING, CompanyIsMissing()),
]
#: Of each pair of command and refusal the first rung, which is the example shown.
SHOWN = {(type(rung.command), type(rung.refusal)): rung for rung in reversed(CLIMBED)}


def _begins(story: Story, longer: Story) -> bool:
    return longer[: len(story)] == story


def _chains() -> list[list[Rung]]:
    """The rungs by the longest stories that there are, each chain in the order in which its story comes to them."""
    stories = {repr(rung.given): rung.given for rung in CLIMBED}.values()
    longest = [story for story in stories if not any(story is not other and _begins(story, other) for other in stories)]
    chains: list[list[Rung]] = [[] for _ in longest]
    for rung in sorted(CLIMBED, key=lambda rung: len(rung.given)):
        chains[next(place for place, story in enumerate(longest) if _begins(rung.given, story))].append(rung)
    return chains


@pytest.fixture(scope="module")
async def told(server: Server) -> AsyncIterator[dict[str, Any]]:
    """What was answered in the walk, by command and by view."""
    answers: dict[str, Any] = {}
    async with opened_world(server) as world:
        for step in WALK:
            match step:
                case Example(person, kind, request):
                    answer = await world.post(person, address(kind), step.raw)
                    assert answer.status_code == 201, answer.text
                    answers[kind.__name__] = {"request": request, "answer": answer.json()}
                case Look(person, "events", limit):
                    answers["events"] = await world.read(person, FEED, at_least=None, limit=limit)
                case Look(person, view, limit):
                    path = "/v1/inbox" if view == "inbox" else view.replace("_", "-")
                    answers[view] = await world.read(person, path, limit=limit)
                case _:
                    await world.play([step])
        yield answers


class TestEveryCommand:
    @pytest.mark.parametrize("command", ROUTED, ids=lambda command: command.__name__)
    def test_is_answered_as_its_example_says(self, command: type[Command], told: dict[str, Any]) -> None:
        held(EXAMPLES, told[command.__name__]["request"], command.__name__, "request")
        held(EXAMPLES, told[command.__name__]["answer"], command.__name__, "answer")

    @pytest.mark.parametrize("view", [step.view for step in WALK if isinstance(step, Look)])
    def test_leads_to_a_view_as_its_example_says(self, view: str, told: dict[str, Any]) -> None:
        held(EXAMPLES, told[view], "views", view)


class TestEveryRefusal:
    @pytest.mark.parametrize("chain", _chains(), ids=lambda chain: chain[-1].name)
    async def test_is_answered_as_its_example_says(self, chain: list[Rung], world: World) -> None:
        await self.somewhere_else(world)
        told = 0
        for rung in chain:
            await world.play(rung.given[told:])
            told, before, kind = len(rung.given), await world.last_position(), type(rung.command)
            person, company = (rung.person, "acme") if rung.given else (MAYA, RIVAL)
            answer = await world.post(person, address(kind), body(rung.command), company=company)

            problem = answer.json()
            assert (answer.status_code, answer.headers["content-type"]) == (rung.refusal.status, MEDIA_TYPE), rung.name
            assert problem["type"] == f"urn:greenlight:problem:{slug(type(rung.refusal).__name__)}", rung.name
            assert (problem["detail"], problem["otherwise"]) == (str(rung.refusal), rung.refusal.advice())
            assert await world.last_position() == before
            if SHOWN[kind, type(rung.refusal)] is rung:
                held(EXAMPLES, problem, kind.__name__, "refusals", type(rung.refusal).__name__)

    async def somewhere_else(self, world: World) -> None:
        """A company of its own, for whose members the other one does not exist."""
        await world.operate(FoundCompany(name="Rival Films"), RIVAL)
        await world.operate(AdmitMember(person=MAYA, may_open_productions=True), RIVAL)


Sent = Callable[[World, pytest.MonkeyPatch], Awaitable[Any]]
APPOINT_TO = f"{AT}/appoint"
APPOINT = json.dumps({"person": STRANGER, "role": "accountant", "from_on": "2026-11-02"}).encode()


async def _key_reused(world: World, _: pytest.MonkeyPatch) -> Any:
    held_already = APPOINT.replace(b"sam", b"maya").replace(b"accountant", b"executive_producer")
    await world.post(MAYA, APPOINT_TO, held_already, Idempotency_Key="appoint-1")
    return await world.post(MAYA, APPOINT_TO, APPOINT, Idempotency_Key="appoint-1")


async def _lost(world: World, patch: pytest.MonkeyPatch) -> Any:
    async def lose(_: Any) -> Any:
        raise OutcomeUnknown("the connection was lost")

    patch.setattr(world.doors.log, "append", lose)
    return await world.post(MAYA, APPOINT_TO, APPOINT)


async def _not_taken(world: World, patch: pytest.MonkeyPatch) -> Any:
    async def unknown(*_: Any) -> Any:
        raise CannotTake("BudgetReopened", 31, "acme/the-long-take", 27, "UnknownEvent: schema version 1")

    patch.setattr(world.doors.log, "page", unknown)
    return await world.get(ADMINISTRATOR, FEED, at_least=None)


async def _ahead(world: World, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(views, "PATIENCE_SECONDS", 0.05)
    return await world.get(MAYA, "flags", at_least=1000)


def _sent(content: bytes = APPOINT, path: str = APPOINT_TO, **headers: str) -> Sent:
    return lambda world, _: world.post(MAYA, path, content, **headers)


def _asked(path: str, person: str = MAYA, **asked: Any) -> Sent:
    return lambda world, _: world.get(person, path, **asked)


def _as_nobody(path: str) -> Sent:
    return lambda world, _: world.client.get(path)


def _by_key(path: str, content: bytes | None = None) -> Sent:
    """Sent with an API key that was made to log spend, and has an id that stays."""

    async def send(world: World, _: pytest.MonkeyPatch) -> Any:
        if "key" not in world.tokens:
            made = await world.doors.api_keys.create("acme", MAYA, ["log-spend"], world.time.now, timedelta(days=90))
            pool, (key_id, world.tokens["key"]) = world.doors.database.pool, made
            await pool.execute("UPDATE api_keys SET key_id = 'K-1a2b3c4d' WHERE key_id = $1", key_id)
        borne = f"Bearer {world.tokens['key']}"
        if content is None:
            return await world.client.get(path, headers={"Authorization": borne})
        return await world.post(MAYA, path, content, Authorization=borne)

    return send


def _too_often(what: str, limit: int, seconds: int, sent: Sent) -> Sent:
    """Sent when the limit is reached."""

    async def reached(_: str) -> None:
        raise TooOften(limit, seconds)

    async def send(world: World, patch: pytest.MonkeyPatch) -> Any:
        patch.setattr(world.doors.rates, what, reached)
        return await sent(world, patch)

    return send


PROBLEMS: list[tuple[str, str, str, Sent]] = [
    ("every command", "400", "BodyIsNoJson", _sent(b"account: 2200")),
    ("every command", "401", "TokenIsNeeded", _sent(Authorization="Bearer glt_of-yesterday")),
    ("every command", "403", "ScopeIsMissing", _by_key(APPOINT_TO, APPOINT)),
    ("every command", "412", "VersionMismatch", _sent(If_Match='"1"')),
    ("every command", "413", "BodyIsTooLarge", _sent(b" " * (BODY_BYTES + 1))),
    ("every command", "415", "ContentTypeIsNotJson", _sent(Content_Type="text/plain")),
    ("every command", "422", "RequestIsMalformed", _sent(b'{"person": "sam", "role": 5, "from": "2026-11-02"}')),
    ("every command", "422", "KeyReused", _key_reused),
    ("every command", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(APPOINT_TO, APPOINT))),
    ("every command", "503", "OutcomeUnknown", _lost),
    ("every view", "401", "TokenIsNeeded", lambda world, _: world.client.get(f"{AT}/flags")),
    ("every view", "403", "ScopeIsMissing", _by_key(f"{AT}/flags")),
    ("a production's view", "403", "ReadingNeedsARole", _asked("flags", STRANGER)),
    ("a production's view", "404", "ProductionIsMissing", _asked("/v1/acme/another-take/flags")),
    ("every view", "422", "RequestIsMalformed", _asked("flags", as_of="yesterday")),
    ("every view", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(f"{AT}/flags"))),
    ("every view", "429", "TooManyFailures", _too_often("failure", 30, 42, _as_nobody(f"{AT}/flags"))),
    ("every view", "503", "ViewIsBehind", _ahead),
    ("the feed", "401", "TokenIsNeeded", lambda world, _: world.client.get(FEED)),
    ("the feed", "403", "ReadingNeedsARole", _asked(FEED, at_least=None)),
    ("the feed", "403", "ScopeIsMissing", _by_key(FEED)),
    ("the feed", "404", "ProductionIsMissing", _asked(FEED, at_least=None, production="another-take")),
    ("the feed", "422", "RequestIsMalformed", _asked(FEED, ADMINISTRATOR, at_least=None, kind="SpendLoged")),
    ("the feed", "422", "CursorIsUnknown", _asked(FEED, ADMINISTRATOR, at_least=None, after=1000)),
    ("the feed", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(FEED))),
    ("the feed", "503", "EventCannotBeTaken", _not_taken),
    ("open-production", "422", "NameIsReserved", _sent(body(OPENING), "/v1/acme/inbox/open-production")),
    ("current_budget", "404", "BudgetIsMissing", _asked("current-budget", budget="v9")),
    ("flags", "422", "CursorIsUnknown", _asked("flags", after="page-2")),
]


@pytest.fixture(scope="module")
async def opened(shared: World) -> World:
    await shared.play(OPENED)
    return shared


class TestEveryProblemOfTheDoors:
    @pytest.mark.parametrize(
        ("whose", "status", "name", "sent"), PROBLEMS, ids=lambda value: value if isinstance(value, str) else ""
    )
    async def test_is_answered_as_its_example_says(
        self, whose: str, status: str, name: str, sent: Sent, opened: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = await opened.last_position()
        answer = await sent(opened, monkeypatch)
        problem = answer.json()
        assert (answer.status_code, answer.headers["content-type"]) == (int(status), MEDIA_TYPE)
        assert problem["type"] == f"urn:greenlight:problem:{slug(name)}"
        assert await opened.last_position() == before
        held(EXAMPLES, problem, "problems", whose, status, name)


class TestNothingElse:
    def test_is_in_the_file(self) -> None:
        """Every refusal that a route declares has its example, and no example is of something gone."""
        looks = {step.view for step in WALK if isinstance(step, Look)}
        stands = json.loads(EXAMPLES.read_text())
        expected = {command.__name__: {refusal.__name__ for refusal in refusals(command)} for command in ROUTED}
        if WRITING:
            stands = _without_the_gone(stands, expected, looks)
            EXAMPLES.write_text(json.dumps(stands, indent=1, ensure_ascii=False, sort_keys=True) + "\n")
        assert {name: {*stands[name]["refusals"]} for name in stands if name in expected} == expected
        assert {*stands} - {*expected} == {"problems", "views"}
        assert {*stands["views"]} == looks
        in_file = {(w, s, n) for w, by in stands["problems"].items() for s, names in by.items() for n in names}
        assert in_file == {(whose, status, name) for whose, status, name, _ in PROBLEMS}


def _without_the_gone(stands: dict[str, Any], expected: dict[str, set[str]], looks: set[str]) -> dict[str, Any]:
    kept = {name: stands[name] for name in (*expected, "problems", "views")}
    for name, declared in expected.items():
        kept[name]["refusals"] = {each: told for each, told in kept[name]["refusals"].items() if each in declared}
    kept["views"] = {name: shown for name, shown in kept["views"].items() if name in looks}
    return kept
