"""Every example in the OpenAPI document is what happened when somebody sent it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from events.envelope import CannotTake
from events.group_commit import OutcomeUnknown
from service import api_keys, rates
from service import app as application
from service.deciders.command import Command
from service.deciders.company import AcceptInvitation, AdmitMember, CompanyIsMissing, FoundCompany, InviteMember
from service.directory import By
from service.embedded import Server
from service.handling import Wish
from service.oidc import Believed
from service.problems import MEDIA_TYPE, slug
from service.rates import TooOften
from service.routes import views
from service.routes.commands import BODY_BYTES, COMPANY_COMMANDS, PRODUCTION_COMMANDS, refusals
from service.routes.openapi import EXAMPLES, OF_THE_DOORS
from service.spreadsheets import CSV
from tests.deciders.ladders import RUNGS, Rung
from tests.deciders.rounds import away, delegated
from tests.deciders.stories import (
    ADMINISTRATOR,
    BOND_COMPANY,
    BONDER,
    DIRECTOR,
    DRAFTED,
    FOUNDED,
    GUESTS,
    MAYA,
    OPENED,
    OPENING,
    PRIYA,
    STRANGER,
)
from tests.routes.golden import WRITING, held
from tests.routes.walk import WALK, Example, Look
from tests.routes.world import AT, COMPANY, FEED, World, address, body, opened_world
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
                case Look(person, view, limit, below, asked):
                    path = below or ("/v1/inbox" if view == "inbox" else view.replace("_", "-"))
                    answers[view] = await world.read(person, path, limit=limit, **asked)
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
            world.time.now += timedelta(days=rung.later)
            answer = await world.post(person, address(kind), body(rung.command), company=company)
            world.time.now -= timedelta(days=rung.later)

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


async def _of_two(world: World, patch: pytest.MonkeyPatch) -> Any:
    await _linked_before(world, patch)  # and here for another company
    if not await world.doors.identities.of(RIVAL):
        await world.doors.identities.link(RIVAL, MAYA, "https://sso.example", "maya-sso", world.time.now)
    return await world.client.get("/v1/inbox", headers={"Authorization": "Bearer a.b.c"})


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


def _by_key(path: str, content: bytes | None = None, **headers: str) -> Sent:
    """Sent with an API key that was made to log spend, and has an id that stays."""

    async def send(world: World, _: pytest.MonkeyPatch) -> Any:
        if "key" not in world.tokens:
            made = await world.doors.api_keys.create("acme", MAYA, ["log-spend"], world.time.now, timedelta(days=90))
            key_id, world.tokens["key"] = made
            admin = await asyncpg.connect(world.admin_url)
            await admin.execute("UPDATE api_keys SET key_id = 'K-1a2b3c4d' WHERE key_id = $1", key_id)
            await admin.close()
        borne = f"Bearer {world.tokens['key']}"
        if content is None:
            return await world.client.get(path, headers={"Authorization": borne})
        return await world.post(MAYA, path, content, Authorization=borne, **headers)

    return send


def _stalling(path: str) -> Sent:
    """Sent by somebody whose body does not come to its end."""

    async def part() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(30)

    async def send(world: World, patch: pytest.MonkeyPatch) -> Any:
        patch.setattr(application, "ANSWER_SECONDS", 0.2)
        return await world.client.post(path, content=part(), headers=await world.headers(MAYA))

    return send


def _twice(method: str, path: str, content: bytes | None = None) -> Sent:
    """Sent with two tokens."""

    async def send(world: World, _: pytest.MonkeyPatch) -> Any:
        carried = httpx2.Headers(await world.headers(MAYA))
        twice = [*carried.multi_items(), ("Authorization", "Bearer another")]
        return await world.client.request(method, path, content=content, headers=twice)

    return send


async def _streaming(world: World, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(rates, "STREAMS_AT_MOST", 0)
    await world.headers(ADMINISTRATOR)
    answer = await world.get(ADMINISTRATOR, FEED, accept="text/event-stream", at_least=None)
    told = re.sub(r"T-[0-9a-f]{8}", "T-1a2b3c4d", answer.text)
    return httpx2.Response(answer.status_code, headers={"content-type": answer.headers["content-type"]}, text=told)


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
    ("every command", "400", "HeaderComesTwice", _twice("POST", APPOINT_TO, APPOINT)),
    ("every command", "401", "TokenIsNeeded", _sent(Authorization="Bearer glt_of-yesterday")),
    ("every command", "403", "ScopeIsMissing", _by_key(APPOINT_TO, APPOINT)),
    ("every command", "403", "KeyActsForItsOwner", _by_key(f"{AT}/log-spend", b"{}", On_Behalf_Of="sam")),
    ("every command", "408", "BodyIsLate", _stalling(APPOINT_TO)),
    ("every command", "412", "VersionMismatch", _sent(If_Match='"1"')),
    ("every command", "413", "BodyIsTooLarge", _sent(b" " * (BODY_BYTES + 1))),
    ("every command", "415", "ContentTypeIsNotJson", _sent(Content_Type="text/plain")),
    ("every command", "422", "RequestIsMalformed", _sent(b'{"person": "sam", "role": 5, "from": "2026-11-02"}')),
    ("every command", "422", "KeyReused", _key_reused),
    ("every command", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(APPOINT_TO, APPOINT))),
    ("every command", "503", "OutcomeUnknown", _lost),
    ("every view", "400", "HeaderComesTwice", _twice("GET", f"{AT}/flags")),
    ("every view", "401", "TokenIsNeeded", lambda world, _: world.client.get(f"{AT}/flags")),
    ("every view", "403", "ScopeIsMissing", _by_key(f"{AT}/flags")),
    ("a production's view", "403", "ReadingNeedsARole", _asked("flags", STRANGER)),
    ("a production's view", "404", "ProductionIsMissing", _asked("/v1/acme/another-take/flags")),
    ("every view", "422", "RequestIsMalformed", _asked("flags", as_of="yesterday")),
    ("every view", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(f"{AT}/flags"))),
    ("every view", "429", "TooManyFailures", _too_often("failure", 30, 42, _as_nobody(f"{AT}/flags"))),
    ("every view", "503", "ViewIsBehind", _ahead),
    ("the feed", "400", "HeaderComesTwice", _twice("GET", FEED)),
    ("the feed", "401", "TokenIsNeeded", lambda world, _: world.client.get(FEED)),
    ("the feed", "403", "ReadingNeedsARole", _asked(FEED, at_least=None)),
    ("the feed", "403", "ScopeIsMissing", _by_key(FEED)),
    ("the feed", "404", "ProductionIsMissing", _asked(FEED, at_least=None, production="another-take")),
    ("the feed", "406", "NothingIsAcceptable", _asked(FEED, ADMINISTRATOR, at_least=None, accept="text/html")),
    ("the feed", "422", "RequestIsMalformed", _asked(FEED, ADMINISTRATOR, at_least=None, kind="SpendLoged")),
    ("the feed", "422", "CursorIsUnknown", _asked(FEED, ADMINISTRATOR, at_least=None, after=1000)),
    ("the feed", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key(FEED))),
    ("the feed", "429", "TooManyStreams", _streaming),
    ("the feed", "503", "EventCannotBeTaken", _not_taken),
    ("open-production", "422", "NameIsReserved", _sent(body(OPENING), "/v1/acme/inbox/open-production")),
    ("current_budget", "404", "BudgetIsMissing", _asked("current-budget", budget="v9")),
    ("budget", "404", "BudgetIsMissing", _asked("budgets/v9")),
    ("budget_account", "404", "BudgetIsMissing", _asked("budgets/v9/accounts/2200")),
    ("budget_account", "404", "AccountIsMissing", _asked("budgets/v1/accounts/9999")),
    ("cost_report_account", "404", "AccountIsMissing", _asked("cost-report/accounts/9999")),
    ("hot_costs_account", "404", "AccountIsMissing", _asked("hot-costs/2026-11-02/accounts/9999")),
    ("commitment", "404", "CommitmentIsMissing", _asked("commitment-register/PO-9999")),
    ("vendor", "404", "VendorIsMissing", _asked("vendors/nobody")),
    ("budget_account", "403", "FigureIsConfidential", _asked("budgets/v1/accounts/1100", DIRECTOR)),
    ("budget_total", "404", "BudgetIsMissing", _asked("budgets/v9/totals/charges")),
    ("budget_total", "403", "FigureIsConfidential", _asked("budgets/v1/totals/above_the_line", DIRECTOR)),
    ("budget_comparison", "404", "BudgetIsMissing", _asked("budgets/v9/compare", against="v1")),
    ("budget_copy", "404", "BudgetIsMissing", _asked("budgets/v9/copy")),
    ("budget_copy", "403", "FigureIsConfidential", _asked("budgets/v1/copy", DIRECTOR)),
    ("budget_what_if", "404", "BudgetIsMissing", _asked("budgets/v9/what-if")),
    ("budget_what_if", "403", "FigureIsConfidential", _asked("budgets/v1/what-if", DIRECTOR)),
    ("flags", "422", "CursorIsUnknown", _asked("flags", after="page-2")),
]


def _door(method: str, path: str, person: str = MAYA, content: Any = None, company: str = "acme") -> Sent:
    """Sent to a door of the company."""
    body = None if content is None else json.dumps(content).encode()
    return lambda world, _: world.request(person, method, f"/v1/{company}/{path}", body)


def _of_a_guest(method: str, path: str, content: Any = None) -> Sent:
    async def send(world: World, _: pytest.MonkeyPatch) -> Any:
        before = await world.doors.handling.company("acme")
        assert before is not None
        assert PRIYA in before.guests
        return await _door(method, path, PRIYA, content)(world, _)

    return send


def _accepting(email: str | None, later: int = 0, subject: str = "priya-sso") -> Sent:
    """Sent by somebody who signed in with a provider, which stands for any."""

    async def send(world: World, patch: pytest.MonkeyPatch) -> Any:
        async def believed(*_: Any) -> Believed:
            return Believed(subject, world.time.now, email)

        patch.setattr(world.doors.identity, "believed", believed)
        world.time.now += timedelta(days=later)
        try:
            return await world.client.post("/v1/acme/accept-invitation", headers={"Authorization": "Bearer a.b.c"})
        finally:
            world.time.now -= timedelta(days=later)

    return send


async def _too_many_keys(world: World, patch: pytest.MonkeyPatch) -> Any:
    patch.setattr(api_keys, "KEYS_AT_MOST", 0)
    return await _door("POST", "keys", MAYA, {"scopes": ["read"]})(world, patch)


async def _lost_acceptance(world: World, patch: pytest.MonkeyPatch) -> Any:
    async def lose(_: Any) -> Any:
        raise OutcomeUnknown("the connection was lost")

    patch.setattr(world.doors.log, "append", lose)
    return await _accepting(ZOES)(world, patch)


async def _linked_before(world: World, patch: pytest.MonkeyPatch) -> Any:
    if not await world.doors.identities.of("acme"):
        await world.doors.identities.link("acme", MAYA, "https://sso.example", "maya-sso", world.time.now)
    patch.setattr(world.doors.identity, "issuer", "https://sso.example")
    return await _accepting(ZOES, subject="maya-sso")(world, patch)


def _of_administrator(command: Command) -> Sent:
    return lambda world, _: world.send(ADMINISTRATOR, command)


BUDGET_FILE = """Acct,Description,Amt,X,Rate,Total
2200,Art Direction,,,,"165,001"
2201,Production Designer,1,1,"50,000","50,000"
2211,Art Director,1,1,"50,000","50,000"
2215,Assistant Art Director,1,1,"50,000","50,000"
2217,Set Construction Coordinator,1,1,"15,000","15,000"
"""
ZOES, TAKEN = "zoe@bank.example", "office@bank.example"
NAMED = {"name": "Maya Rao"}
DOORS: list[tuple[str, str, str, Sent]] = [
    ("every door", "400", "BodyIsNoJson", _sent(b"name: Maya", f"/v1/{COMPANY}/keys")),
    ("every door", "408", "BodyIsLate", _stalling(f"/v1/{COMPANY}/keys")),
    ("every door", "400", "HeaderComesTwice", _twice("GET", "/v1/acme/members")),
    ("every door", "413", "BodyIsTooLarge", _sent(b" " * (BODY_BYTES + 1), f"/v1/{COMPANY}/keys")),
    ("every door", "415", "ContentTypeIsNotJson", _sent(path=f"/v1/{COMPANY}/keys", Content_Type="text/plain")),
    ("every door", "401", "TokenIsNeeded", _as_nobody("/v1/acme/members")),
    ("every door", "403", "ScopeIsMissing", _by_key("/v1/acme/members")),
    ("every door", "404", "CompanyIsMissing", _door("GET", "members", company="rival")),
    ("every door", "422", "RequestIsMalformed", _asked("/v1/acme/members", at_least=None, state="guest")),
    ("every door", "429", "TooManyRequests", _too_often("request", 600, 1, _by_key("/v1/acme/members"))),
    ("correct_person", "403", "AdministratorAlone", _door("PUT", "people/sam", MAYA, NAMED)),
    ("correct_person", "404", "MemberIsMissing", _of_a_guest("PUT", "people/maya", NAMED)),
    ("correct_person", "409", "PersonIsErased", _door("PUT", "people/erik", ADMINISTRATOR, {"name": "Erik"})),
    ("correct_person", "409", "NameIsAMembers", _door("PUT", "people/priya", PRIYA, {"name": "maya  RAO"})),
    ("directory_changes", "403", "AdministratorAlone", _door("GET", "directory-changes")),
    ("erase_person", "403", "AdministratorAlone", _door("DELETE", "people/sam")),
    ("erase_person", "404", "MemberIsMissing", _door("DELETE", "people/nobody", ADMINISTRATOR)),
    ("chart", "404", "ProductionIsMissing", _door("GET", "another-take/charts/feature")),
    ("read_budget_file", "415", "ContentTypeIsNoSpreadsheet", lambda world, _: _file(world, "{}", "application/json")),
    ("read_budget_file", "422", "FileCannotBeRead", lambda world, _: _file(world, "Dear Maya")),
    ("make_key", "403", "KeysOfGuestsRead", _of_a_guest("POST", "keys", {"scopes": ["read", "log-spend"]})),
    ("make_key", "409", "TooManyKeys", _too_many_keys),
    ("make_key", "422", "RequestIsMalformed", _door("POST", "keys", MAYA, {"scopes": ["approve"], "owner": "sam"})),
    ("revoke_key", "404", "CredentialIsMissing", _door("DELETE", "keys/K-00000000")),
    ("revoke_token", "404", "CredentialIsMissing", _door("DELETE", "tokens/T-00000000")),
    ("unlink_identity", "403", "AdministratorAlone", _door("DELETE", "identities/I-00000000")),
    ("unlink_identity", "404", "CredentialIsMissing", _door("DELETE", "identities/I-00000000", ADMINISTRATOR)),
    ("accept_invitation", "403", "AddressIsNotVerified", _accepting(None)),
    ("accept_invitation", "404", "InvitationIsMissing", _accepting("somebody@bank.example")),
    ("accept_invitation", "409", "InvitationIsExpired", _accepting(ZOES, 14)),
    ("accept_invitation", "409", "SignInIsSomebodyElse", _linked_before),
    ("accept_invitation", "409", "AddressIsSomebodyElses", _accepting(TAKEN, subject="olga-sso")),
    ("admit-member", "409", "PersonIsErased", _of_administrator(AdmitMember(person="erik", name="Erik Holm"))),
    (
        "admit-member",
        "409",
        "NameIsAMembers",
        _of_administrator(AdmitMember(person="zack", name="Maya Rao", guest_of="First Bank")),
    ),
    (
        "invite-member",
        "409",
        "AddressIsSomebodyElses",
        _of_administrator(InviteMember(person="zita", name="Zita", email=ZOES)),
    ),
    ("accept_invitation", "503", "OutcomeUnknown", _lost_acceptance),
    ("inbox", "404", "CompanyIsMissing", _asked("/v1/inbox", company=RIVAL)),
    ("slate", "404", "CompanyIsMissing", _asked(f"/v1/{RIVAL}/slate")),
    ("inbox", "422", "CompanyIsNeeded", _of_two),
]
PROBLEMS += DOORS


@pytest.fixture(scope="module")
async def opened(shared: World) -> World:
    await shared.play([*OPENED, *GUESTS])
    await shared.play([(ADMINISTRATOR, InviteMember(person="zoe", name="Zoe Kahn", email=ZOES))])
    await shared.operate(FoundCompany(name="Rival Films"), RIVAL)
    await shared.operate(AdmitMember(person=MAYA), RIVAL)
    await shared.play([(ADMINISTRATOR, AdmitMember(person="erik", name="Erik Holm"))])
    await shared.doors.directory.erase(COMPANY, "erik", By(ADMINISTRATOR, shared.time.now))
    # Two who were invited to one address at one moment: the first of them is here.
    await shared.operate(InviteMember(person="olaf", name="Olaf", email=TAKEN))
    sent = [each for each, who in (await shared.doors.directory.invited(COMPANY, TAKEN)).items() if who == "olaf"]
    wish = Wish(COMPANY, None, AcceptInvitation(invitation=sent[0]), "olaf", "olaf", uuid4(), "api")
    await shared.doors.handling.handle(wish)
    await shared.operate(InviteMember(person="olga", name="Olga", email=TAKEN))
    return shared


class TestEveryProblemOfTheDoors:
    @pytest.mark.parametrize(
        ("whose", "status", "name", "sent"), PROBLEMS, ids=lambda value: value if isinstance(value, str) else ""
    )
    async def test_is_answered_as_its_example_says(
        self, whose: str, status: str, name: str, sent: Sent, opened: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        if whose.startswith("budget"):
            await opened.play(DRAFTED[len(OPENED) :])
        before = await opened.last_position()
        answer = await sent(opened, monkeypatch)
        problem = answer.json()
        assert (answer.status_code, answer.headers["content-type"]) == (int(status), MEDIA_TYPE)
        assert problem["type"] == f"urn:greenlight:problem:{slug(name)}"
        assert await opened.last_position() == before
        held(EXAMPLES, problem, "problems", whose, status, name)


async def _file(world: World, text: str, media_type: str = CSV) -> Any:
    headers = await world.headers(MAYA) | {"Content-Type": media_type}
    path = f"{AT}/read-budget-file?document=art.csv&tolerance=1"
    return await world.client.post(path, content=text.encode(), headers=headers)


#: Everything that a door says by chance, as it stands in the examples.
_CHANCE = {r"\b([KTI])-[0-9a-f]{8}": r"\1-1a2b3c4d", r"glk_\w{81}": f"glk_1a2b3c4d_{'5d' * 32}2f6a0c18"}


def _told_alike(answer: Any) -> Any:
    told = answer.text
    for chance, always in _CHANCE.items():
        told = re.sub(chance, always, told)
    return json.loads(told)


class TestEveryDoor:
    async def test_is_answered_as_its_example_says(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        await world.play([*FOUNDED[:3], (ADMINISTRATOR, AdmitMember(person=BONDER, guest_of=BOND_COMPANY))])
        await world.play([(ADMINISTRATOR, InviteMember.model_validate(InviteMember.example))])
        monkeypatch.setattr(world.doors.identity, "issuer", "https://sso.example")
        shown: dict[str, dict[str, Any]] = {}

        async def show(name: str, person: str, method: str, path: str, content: Any = None) -> Any:
            answer = await _door(method, path, person, content)(world, monkeypatch)
            assert answer.status_code == (204 if not answer.content else 201 if method == "POST" else 200), answer.text
            shown[name] = ({} if content is None else {"request": content}) | (
                {"answer": _told_alike(answer)} if answer.content else {}
            )
            return answer.json() if answer.content else None

        await show("members", ADMINISTRATOR, "GET", "members")
        await show("correct_person", MAYA, "PUT", "people/maya", {"name": "Maya Rao-Lal", "email": "maya@acme.example"})
        await world.play([(MAYA, delegated(ADMINISTRATOR)), (MAYA, away(ADMINISTRATOR))])
        await show("delegations", MAYA, "GET", "delegations")
        made = await show("make_key", MAYA, "POST", "keys", {"scopes": ["read", "log-spend"], "days": 90})
        await show("keys", MAYA, "GET", "keys")
        await show("revoke_key", MAYA, "DELETE", f"keys/{made['key_id']}")
        tokens = await show("tokens", MAYA, "GET", "tokens")
        accepted = await _accepting("PRIYA@firstbank.example")(world, monkeypatch)
        assert accepted.status_code == 200, accepted.text
        shown["accept_invitation"] = {"answer": accepted.json()}
        [link] = (await show("identities", ADMINISTRATOR, "GET", "identities"))["identities"]
        await show("unlink_identity", ADMINISTRATOR, "DELETE", f"identities/{link['identity_id']}")
        await show("directory_changes", ADMINISTRATOR, "GET", "directory-changes")
        await show("erase_person", ADMINISTRATOR, "DELETE", "people/priya")
        await world.play([*FOUNDED[3:], *OPENED[len(FOUNDED) :]])
        await show("chart", MAYA, "GET", "the-long-take/charts/documentary")
        shown["read_budget_file"] = {"request": BUDGET_FILE, "answer": (await _file(world, BUDGET_FILE)).json()}
        await show("revoke_token", MAYA, "DELETE", f"tokens/{tokens['tokens'][0]['token_id']}")

        assert {*shown} == {*OF_THE_DOORS}
        for name, told in shown.items():
            if told:
                held(EXAMPLES, told, "doors", name)


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
        assert {*stands} - {*expected} == {"doors", "problems", "views"}
        assert {*stands["views"]} == looks
        in_file = {(w, s, n) for w, by in stands["problems"].items() for s, names in by.items() for n in names}
        assert in_file == {(whose, status, name) for whose, status, name, _ in PROBLEMS}


def _without_the_gone(stands: dict[str, Any], expected: dict[str, set[str]], looks: set[str]) -> dict[str, Any]:
    kept = {name: stands[name] for name in (*expected, "doors", "problems", "views")}
    for name, declared in expected.items():
        kept[name]["refusals"] = {each: told for each, told in kept[name]["refusals"].items() if each in declared}
    kept["views"] = {name: shown for name, shown in kept["views"].items() if name in looks}
    return kept
