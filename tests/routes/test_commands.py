"""What a command is answered over HTTP: where it stands now, once for ever, and to whom at all."""

import asyncio
import json
import re
from datetime import timedelta

import asyncpg
import pytest
import structlog
from starlette.types import Message, Receive, Scope, Send

from events.team import Role
from service.app import AnsweredInTime
from service.deciders.company import AdmitMember, DismissMember, FoundCompany, ReinstateMember, SuspendMember
from service.deciders.production import OpenProduction
from service.deciders.team import Appoint
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    ART,
    AUDITOR,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    OPENING,
    STRANGER,
    appoint,
    spend,
)
from tests.routes.world import AT, CORRELATION, World, address, body

SPEND = spend(ART, "1000", "KS-1")
LOG_SPEND = f"{AT}/log-spend"
VIEWS = ("current-budget", "approval-status", "funding", "spend-register", "audit-trail", "flags")


@pytest.fixture(scope="module")
async def locked(shared: World) -> World:
    """A locked budget; what these tests add is spend on it."""
    await shared.play(LOCKED)
    await shared.operate(FoundCompany(name="Rival Films"), "rival")
    await shared.operate(AdmitMember(person="rita", may_open_productions=True), "rival")
    return shared


async def version(world: World) -> int:
    found: int = await world.doors.database.pool.fetchval("SELECT version FROM streams WHERE stream_id = $1", AT[4:])
    return found


class TestAnAcceptedCommand:
    async def test_says_where_it_stands(self, locked: World) -> None:
        before = await version(locked)
        answer = await locked.send(LINE_PRODUCER, spend(ART, "10", "KS-10"))

        said = answer.json()
        assert answer.status_code == 201
        assert (said["stream"], said["version"], said["dry_run"]) == ("acme/the-long-take", before + 1, False)
        assert [event["type"] for event in said["events"]] == ["SpendLogged"]
        assert [event["version"] for event in said["events"]] == [before + 1]
        assert said["position"] == await locked.last_position()
        assert answer.headers["etag"] == f'"{said["version"]}"'
        assert answer.headers["position"] == str(said["position"])
        assert "idempotency-replayed" not in answer.headers
        stored = "SELECT link FROM events WHERE stream_id = $1 AND version = $2"
        link = await locked.doors.database.pool.fetchval(stored, said["stream"], said["version"])
        assert said["link"] == link.hex()

    async def test_that_changes_nothing_says_so(self, locked: World) -> None:
        before = await locked.last_position()
        answer = await locked.send(MAYA, appoint(AUDITOR, Role.AUDITOR))
        assert (answer.status_code, answer.json()["events"]) == (201, [])
        assert (await version(locked), await locked.last_position()) == (answer.json()["version"], before)

    async def test_keeps_its_callers_correlation(self, locked: World) -> None:
        answer = await locked.send(LINE_PRODUCER, spend(ART, "11", "KS-11"))
        trail = await locked.read(AUDITOR, "audit-trail", correlation_id=CORRELATION, limit=500)
        assert trail["entries"][-1]["command_id"] == answer.json()["command_id"]
        assert {entry["correlation_id"] for entry in trail["entries"]} == {CORRELATION}

    async def test_without_a_correlation_gets_one(self, locked: World) -> None:
        await locked.send(LINE_PRODUCER, spend(ART, "12", "KS-12"), Correlation_Id="no uuid")
        trail = await locked.read(AUDITOR, "audit-trail", limit=500)
        assert trail["entries"][-1]["correlation_id"] != CORRELATION


class TestTheSameKey:
    async def test_with_the_same_request_gets_the_first_answer_again(self, locked: World) -> None:
        first = await locked.send(LINE_PRODUCER, SPEND, Idempotency_Key="once")
        await locked.send(LINE_PRODUCER, spend(ART, "1", "KS-between"))
        again = await locked.send(LINE_PRODUCER, SPEND, Idempotency_Key="once")

        assert again.headers["idempotency-replayed"] == "true"
        assert (again.status_code, again.json()) == (201, first.json())
        assert again.headers["etag"] == first.headers["etag"]
        assert again.headers["position"] == first.headers["position"]

    async def test_many_at_once_happens_once(self, locked: World) -> None:
        before = await version(locked)
        sent = [locked.send(LINE_PRODUCER, spend(ART, "2", "KS-many"), Idempotency_Key="many") for _ in range(10)]
        answers = await asyncio.gather(*sent)
        assert {answer.status_code for answer in answers} == {201}
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
        assert await version(locked) == before + 1

    async def test_with_another_request_is_refused(self, locked: World) -> None:
        await locked.send(LINE_PRODUCER, spend(ART, "3", "KS-3"), Idempotency_Key="used")
        before = await locked.last_position()
        answer = await locked.send(LINE_PRODUCER, spend(ART, "4", "KS-3"), Idempotency_Key="used")
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:greenlight:problem:key-reused")
        assert await locked.last_position() == before

    async def test_of_somebody_else_is_another_key(self, locked: World) -> None:
        before = await version(locked)
        await locked.send(LINE_PRODUCER, spend(ART, "5", "KS-5"), Idempotency_Key="theirs")
        answer = await locked.send(ACCOUNTANT, spend(ART, "6", "KS-6"), Idempotency_Key="theirs")
        assert (answer.status_code, await version(locked)) == (201, before + 2)

    async def test_of_a_refused_command_may_come_again_mended(self, locked: World) -> None:
        wrong = await locked.send(LINE_PRODUCER, spend(ART, "7", "KS-7", currency="USD"), Idempotency_Key="mended")
        right = await locked.send(LINE_PRODUCER, spend(ART, "7", "KS-7"), Idempotency_Key="mended")
        assert (wrong.status_code, right.status_code) == (409, 201)


class TestIfMatch:
    async def test_of_the_version_now_lets_it_through(self, locked: World) -> None:
        etag = f'"{await version(locked)}"'
        answer = await locked.send(LINE_PRODUCER, spend(ART, "20", "KS-20"), If_Match=etag)
        assert answer.status_code == 201

    async def test_of_a_version_gone_is_refused_with_both(self, locked: World) -> None:
        before, now = await locked.last_position(), await version(locked)
        answer = await locked.send(LINE_PRODUCER, spend(ART, "21", "KS-21"), If_Match='"1"')
        assert (answer.status_code, answer.json()["figures"]) == (412, {"seen": 1, "actual": now})
        assert await locked.last_position() == before

    async def test_is_asked_after_the_key(self, locked: World) -> None:
        """A retry of a success is no conflict, though its success itself moved the stream on."""
        sent = {"If_Match": f'"{await version(locked)}"', "Idempotency_Key": "matched"}
        first = await locked.send(LINE_PRODUCER, spend(ART, "22", "KS-22"), **sent)
        again = await locked.send(LINE_PRODUCER, spend(ART, "22", "KS-22"), **sent)
        assert (first.status_code, again.status_code) == (201, 201)
        assert (again.headers["idempotency-replayed"], again.json()) == ("true", first.json())


class TestADryRun:
    async def test_answers_what_would_happen_and_appends_nothing(self, locked: World) -> None:
        before, now = await locked.last_position(), await version(locked)
        answer = await locked.post(LINE_PRODUCER, f"{LOG_SPEND}?dry_run=true", body(spend(ART, "900000", "KS-30")))

        said = answer.json()
        assert (answer.status_code, said["dry_run"], said["link"]) == (200, True, None)
        assert "etag" not in answer.headers  # there is no such version to decide on
        assert [event["type"] for event in said["events"]] == ["SpendLogged", "AccountOverspent"]
        assert said["version"] == now + 2
        assert (await locked.last_position(), await version(locked)) == (before, now)

    async def test_is_refused_as_the_command_would_be(self, locked: World) -> None:
        answer = await locked.post(AUDITOR, f"{LOG_SPEND}?dry_run=true", body(SPEND))
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:greenlight:problem:role-may-not")

    async def test_leaves_its_key_unused(self, locked: World) -> None:
        await locked.post(LINE_PRODUCER, f"{LOG_SPEND}?dry_run=true", body(spend(ART, "31")), Idempotency_Key="dry")
        answer = await locked.send(LINE_PRODUCER, spend(ART, "32", "KS-32"), Idempotency_Key="dry")
        assert answer.status_code == 201


class TestAnotherCompany:
    @pytest.mark.parametrize("view", VIEWS)
    async def test_has_productions_that_do_not_exist_for_others(self, locked: World, view: str) -> None:
        theirs = await locked.client.get(f"{AT}/{view}", headers=await locked.headers("rita", "rival"))
        none = await locked.client.get(f"/v1/rival/no-such/{view}", headers=await locked.headers("rita", "rival"))
        assert (theirs.status_code, theirs.json()) == (404, none.json())

    async def test_takes_no_command_of_others(self, locked: World) -> None:
        before = await locked.last_position()
        theirs = await locked.post("rita", LOG_SPEND, body(SPEND), company="rival")
        none = await locked.post("rita", "/v1/rival/no-such/log-spend", body(SPEND), company="rival")
        assert (theirs.status_code, theirs.json()) == (404, none.json())
        assert await locked.last_position() == before

    @pytest.mark.parametrize("company", ["acme", "no-company"])
    async def test_is_as_missing_as_one_that_was_never_founded(self, locked: World, company: str) -> None:
        for kind, content in ((OpenProduction, body(OPENING)), (AdmitMember, b'{"person": "rita"}')):
            answer = await locked.post("rita", address(kind, company, "second-take"), content, company="rival")
            assert (answer.status_code, answer.json()["type"]) == (404, "urn:greenlight:problem:company-is-missing")

    async def test_shares_no_inbox(self, locked: World) -> None:
        answer = await locked.client.get("/v1/inbox", headers=await locked.headers(MAYA, "rival"))
        assert answer.status_code == 401  # maya is no member there


class TestReading:
    @pytest.mark.parametrize("view", VIEWS)
    async def test_needs_a_role_on_the_production(self, locked: World, view: str) -> None:
        answer = await locked.get(STRANGER, view)
        assert (answer.status_code, answer.json()["type"]) == (403, "urn:greenlight:problem:reading-needs-a-role")

    @pytest.mark.parametrize("view", VIEWS)
    async def test_is_open_to_administrators_of_the_company(self, locked: World, view: str) -> None:
        assert (await locked.get(ADMINISTRATOR, view)).status_code == 200

    async def test_begins_on_the_day_of_the_role_as_the_production_counts_days(self, world: World) -> None:
        """Half past midnight in Kolkata is still yesterday in UTC: what counts to decide counts to read."""
        await world.play(LOCKED)
        world.time.now = world.time.now.replace(hour=19)
        tomorrow = (world.time.now + timedelta(days=1)).date()
        await world.send(MAYA, Appoint(person=STRANGER, role=Role.ACCOUNTANT, from_on=tomorrow))
        decided = await world.send(STRANGER, spend(ART, "40", "KS-40"))
        assert (decided.status_code, (await world.get(STRANGER, "flags")).status_code) == (201, 200)

    async def test_ends_with_membership(self, world: World) -> None:
        await world.play(LOCKED)
        assert (await world.get(AUDITOR, "flags")).status_code == 200
        await world.send(ADMINISTRATOR, DismissMember(person=AUDITOR))
        assert (await world.get(AUDITOR, "flags")).status_code == 401

    async def test_waits_while_a_member_is_suspended(self, world: World) -> None:
        await world.play(LOCKED)
        await world.send(ADMINISTRATOR, SuspendMember(person=AUDITOR))
        assert (await world.get(AUDITOR, "flags")).status_code == 401
        await world.send(ADMINISTRATOR, ReinstateMember(person=AUDITOR))
        assert (await world.get(AUDITOR, "flags")).status_code == 200


class TestRoles:
    @pytest.mark.parametrize(
        ("person", "status"), [(LINE_PRODUCER, 200), (ACCOUNTANT, 200), (MAYA, 403), (AUDITOR, 403)]
    )
    async def test_are_those_of_the_productions_own_appointments(self, locked: World, person: str, status: int) -> None:
        answer = await locked.post(person, f"{LOG_SPEND}?dry_run=true", body(SPEND))
        assert answer.status_code == status
        if status == 403:
            assert answer.json()["figures"]["may"] == ["line_producer", "accountant"]


async def test_what_the_answer_holds_is_what_was_sent(locked: World) -> None:
    answer = await locked.send(LINE_PRODUCER, spend(ART, "50.5", "KS-50", memo="Ünïcode, “quotes” and a\nline"))
    [event] = answer.json()["events"]
    assert (event["data"]["net"], event["data"]["cost"]) == ("50.50", {"amount": "50.50", "currency": "INR"})
    assert event["data"]["memo"] == "Ünïcode, “quotes” and a\nline"
    assert json.loads(answer.content)["events"][0]["data"]["vendor"] == "kala-sets"


class TestTheLog:
    async def test_tells_each_request_in_one_line_without_a_secret(self, locked: World) -> None:
        headers = await locked.headers(LINE_PRODUCER)
        content = body(spend(ART, "60", "KS-60", memo="Between us"))
        with structlog.testing.capture_logs() as lines:
            await locked.post(LINE_PRODUCER, f"{LOG_SPEND}?dry_run=true", content)
            await locked.client.get(f"{AT}/flags?account=2200", headers={"Authorization": "Bearer glt_not-ours"})

        told = [(line["method"], line["path"], line["status"], line["person"]) for line in lines]
        assert told == [("POST", LOG_SPEND, 200, "acme/lena"), ("GET", f"{AT}/flags", 401, None)]
        assert {name for line in lines for name in line} == {
            "event",
            "log_level",
            "method",
            "path",
            "status",
            "person",
            "ms",
        }
        assert not re.search(f"glt_|{re.escape(headers['Idempotency-Key'])}|Between us|dry_run|2200", str(lines))


class TestTime:
    async def test_that_runs_out_is_told_to_a_command_and_to_a_view_and_the_retry_finds_the_truth(
        self, locked: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("service.app.ANSWER_SECONDS", 0.3)
        headers = await locked.headers(LINE_PRODUCER)
        command = spend(ART, "10", "KS-11")
        where = address(type(command))
        admin = await asyncpg.connect(locked.admin_url)
        async with admin.transaction():
            await admin.execute("LOCK TABLE streams, tokens")
            late = await locked.client.post(where, content=body(command), headers=headers)
            view = await locked.client.get(f"{AT}/flags", headers=headers)
        await admin.close()
        monkeypatch.undo()
        again = await locked.client.post(where, content=body(command), headers=headers)

        assert (late.status_code, late.json()["title"]) == (503, "Outcome unknown")
        assert (view.status_code, view.json()["title"]) == (503, "Database is away")
        assert late.headers["Retry-After"] == view.headers["Retry-After"] == "1"
        assert again.status_code == 201

    async def test_is_not_counted_once_an_answer_has_begun(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("service.app.ANSWER_SECONDS", 0.05)
        sent: list[str] = []

        async def slow(scope: Scope, receive: Receive, send: Send) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await asyncio.sleep(0.2)
            await send({"type": "http.response.body", "body": b"late"})

        async def send(message: Message) -> None:
            sent.append(message["type"])

        await AnsweredInTime(slow)({"type": "http"}, None, send)  # type: ignore[arg-type]

        assert sent == ["http.response.start", "http.response.body"]
