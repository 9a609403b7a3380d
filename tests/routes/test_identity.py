"""Who gets in: a provider's tokens, keys of systems, and how often anybody may knock."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
import pytest

from events.ids import PersonId
from service import oidc
from service.deciders.approval import Approve
from service.deciders.company import OPERATOR, AdmitMember, DismissMember, FoundCompany
from service.deciders.production import OpenProduction
from service.embedded import Server
from service.handling import Answer, Wish
from service.identity import SIZE_AT_MOST
from service.oidc import Oidc
from service.problems import MEDIA_TYPE
from service.rates import STREAMS_AT_MOST, Limits, Rates, TooOften
from service.serving import served
from service.settings import Settings
from tests.bad_tokens import ED, GOOD, USELESS, bad_tokens, claims
from tests.clients import NO_TLS
from tests.conftest import Urls
from tests.deciders.rounds import FRESH, last
from tests.deciders.stories import ADMINISTRATOR, ART, AUDITOR, LINE_PRODUCER, LOCKED, MAYA, spend
from tests.provider import AUDIENCE, Publisher, provider, publishing, signed_in
from tests.routes.world import AT, FEED, World, address, body, opened_world
from tests.spec import MORNING
from tests.storms.processes import free_port

FLAGS = f"{AT}/flags"


async def ask(world: World, borne: str, path: str = FLAGS) -> httpx2.Response:
    return await world.client.get(path, headers=[(b"authorization", b"Bearer " + borne.encode())])


def told(answer: httpx2.Response, status: int, name: str) -> dict[str, Any]:
    """The problem of that name."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    said: dict[str, Any] = answer.json()
    assert said["type"] == f"urn:greenlight:problem:{name}"
    return said


@pytest.fixture(scope="module")
async def published() -> AsyncIterator[Publisher]:
    async with publishing(*GOOD) as publisher:
        publisher.publish(*GOOD, *USELESS)
        yield publisher


@pytest.fixture(scope="module")
async def joined(server: Server, published: Publisher) -> AsyncIterator[World]:
    """A production whose company signs in with a provider; Maya is linked."""
    async with opened_world(server, oidc=Oidc(published.issuer, AUDIENCE)) as opened:
        await opened.play(LOCKED)
        await opened.doors.identities.link("acme", MAYA, published.issuer, "maya-sso", opened.time.now)
        yield opened


@pytest.fixture
def sent(joined: World, monkeypatch: pytest.MonkeyPatch) -> list[Wish]:
    """The wishes that come in, which are handled all the same."""
    wishes: list[Wish] = []
    handle = joined.doors.handling.handle

    async def seen(wish: Wish) -> Answer:
        wishes.append(wish)
        return await handle(wish)

    monkeypatch.setattr(joined.doors.handling, "handle", seen)
    return wishes


def token(world: World, issuer: str, **said: Any) -> str:
    now = int(world.time.now.timestamp())
    return ED.signed(claims(issuer, iat=now, exp=now + 600, auth_time=now - 60) | said)


class TestATokenOfTheProvider:
    async def test_opens_to_the_person_its_subject_is_linked_to(
        self, joined: World, published: Publisher, sent: list[Wish]
    ) -> None:
        borne = token(joined, published.issuer)
        signed_in_at = joined.time.now.replace(microsecond=0) - timedelta(seconds=60)

        assert (await ask(joined, borne)).status_code == 200
        await joined.post(MAYA, address(Approve), b'{"round": "A-9", "content_hash": "' + b"0" * 64 + b'"}',
                          Authorization=f"Bearer {borne}")  # fmt: skip
        [wish] = sent
        assert (wish.actor, wish.source, wish.credential, wish.authenticated_at) == (MAYA, "api", None, signed_in_at)

    async def test_of_a_recent_sign_in_approves_what_an_old_one_may_not(
        self, server: Server, published: Publisher
    ) -> None:
        async with opened_world(server, oidc=Oidc(published.issuer, AUDIENCE)) as world:
            await world.play(FRESH)
            await world.doors.identities.link("acme", MAYA, published.issuer, "maya-sso", world.time.now)
            wish = body(last(FRESH, "A-2"))

            async def approves(signed_in: int) -> httpx2.Response:
                at = int(world.time.now.timestamp()) - signed_in * 60
                borne = token(world, published.issuer, auth_time=at)
                return await world.post(MAYA, address(Approve), wish, Authorization=f"Bearer {borne}")

            told(await approves(16), 403, "credentials-are-not-fresh")
            assert (await approves(14)).status_code == 201

    async def test_opens_to_nobody_once_its_subject_is_unlinked(self, joined: World, published: Publisher) -> None:
        borne = token(joined, published.issuer, sub="theo-sso")
        told(await ask(joined, borne), 401, "token-is-needed")
        link = await joined.doors.identities.link("acme", MAYA, published.issuer, "theo-sso", joined.time.now)
        assert (await ask(joined, borne)).status_code == 200
        await joined.doors.identities.unlink(link, joined.time.now)
        told(await ask(joined, borne), 401, "token-is-needed")

    async def test_opens_to_nobody_whom_another_issuer_calls_so(self, joined: World, published: Publisher) -> None:
        await joined.doors.identities.link("acme", MAYA, "https://other.example", "ines-sso", joined.time.now)

        told(await ask(joined, token(joined, published.issuer, sub="ines-sso")), 401, "token-is-needed")

    async def test_opens_to_members_alone(self, joined: World, published: Publisher) -> None:
        await joined.operate(AdmitMember(person="gone"))
        await joined.doors.identities.link("acme", "gone", published.issuer, "gone-sso", joined.time.now)
        borne = token(joined, published.issuer, sub="gone-sso")
        told(await ask(joined, borne), 403, "reading-needs-a-role")
        await joined.operate(DismissMember(person="gone"))
        told(await ask(joined, borne), 401, "token-is-needed")

    async def test_is_no_secret_and_a_subject_is_none(self, joined: World) -> None:
        for borne in ("maya-sso", f"{AUDIENCE}.maya-sso.x"):
            told(await ask(joined, borne), 401, "token-is-needed")

    async def test_is_nothing_where_no_provider_is_named(self, world: World, published: Publisher) -> None:
        await world.play(LOCKED)
        await world.doors.identities.link("acme", MAYA, published.issuer, "maya-sso", world.time.now)

        told(await ask(world, token(world, published.issuer)), 401, "token-is-needed")

    async def test_that_is_bad_is_answered_alike_at_once_and_with_one_look_at_the_keys(
        self, server: Server, published: Publisher
    ) -> None:
        async with opened_world(server, oidc=Oidc(published.issuer, AUDIENCE)) as world:
            await world.play(LOCKED)
            await world.doors.identities.link("acme", MAYA, published.issuer, "maya-sso", MORNING)
            world.time.now = MORNING  # when the bad ones are bad
            published.asked.clear()
            assert (await ask(world, ED.signed(claims(published.issuer)))).status_code == 200
            bad = {what: borne for what, (borne, _) in bad_tokens(published.issuer).items() if "\n" not in borne}
            bad["huge"] = "x" * (SIZE_AT_MOST + 1)
            bad["huge and else sound"] = ED.signed(claims(published.issuer, spare="x" * SIZE_AT_MOST))
            answers, took = set[str](), list[tuple[float, str]]()
            for what, borne in bad.items():
                began = time.thread_time()  # of the processor, which is not kept by what others do
                answer = await ask(world, borne)
                took.append((time.thread_time() - began, what))
                told(answer, 401, "token-is-needed")
                answers.add(answer.text)

            assert len(bad) > 120
            assert len(answers) == 1  # nobody learns what was wrong
            assert published.asked["/jwks"] == 1
            *_, third, _, _ = sorted(took)
            assert third[0] < 0.05, sorted(took)[-5:]  # whatever else the loop did in a turn


OPENING = b'{"title": "The Long Take", "kind": "feature", "currency": "INR", "time_zone": "Asia/Kolkata"}'


def calling(at: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=at, verify=NO_TLS)


class TestTheWalk:
    async def test_of_somebody_who_signs_in_with_a_real_provider(
        self, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        port = free_port()
        monkeypatch.setattr(oidc, "PAUSE_SECONDS", 0.2)
        monkeypatch.setenv("OIDC_ISSUER", f"http://localhost:{port}")
        monkeypatch.setenv("OIDC_AUDIENCE", AUDIENCE)
        async with served(urls.service, "127.0.0.1", 0, settings=Settings()) as (_, at, doors), calling(at) as client:

            async def get(borne: str) -> int:
                answer = await client.get("/v1/inbox", headers={"Authorization": f"Bearer {borne}"})
                return answer.status_code

            for command in (FoundCompany(name="Acme"), AdmitMember(person="maya", may_open_productions=True)):
                key = type(command).__name__
                await doors.handling.handle(Wish("acme", None, command, OPERATOR, key, uuid4(), "cli"))
            async with provider(port) as issuer:
                first = await signed_in(issuer, "maya@acme.example")
                assert await get(first) == 401
                await doors.identities.link("acme", "maya", issuer, "maya@acme.example", datetime.now(UTC))
                assert await get(first) == 200
                said = {
                    "Authorization": f"Bearer {first}",
                    "Idempotency-Key": "1",
                    "Content-Type": "application/json",
                }
                opening = await client.post(address(OpenProduction), content=OPENING, headers=said)
                assert opening.status_code == 201, opening.text
                assert await get(await signed_in(issuer, "theo@acme.example")) == 401
            assert await get(first) == 200  # the provider is down
            async with provider(port) as issuer:  # and comes back with another key
                second = await signed_in(issuer, "maya@acme.example")
                await asyncio.sleep(0.3)
                assert await get(second) == 200
                assert await get(first) == 401


class Keyring:
    """A world and the keys that are made in it."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def key(self, *scopes: str, owner: PersonId = LINE_PRODUCER, days: int = 90) -> tuple[str, str]:
        now = self.world.time.now
        return await self.world.doors.api_keys.create("acme", owner, scopes, now, timedelta(days=days))

    async def log(self, key: str, document: str = "KEY-1") -> httpx2.Response:
        command = spend(ART, "1", document)
        return await self.world.post(
            LINE_PRODUCER, address(type(command)), body(command), Authorization=f"Bearer {key}"
        )


@pytest.fixture
def ring(joined: World) -> Keyring:
    return Keyring(joined)


class TestAHeader:
    async def test_that_comes_twice_is_refused(self, joined: World) -> None:
        one = [*httpx2.Headers(await joined.headers(MAYA)).multi_items()]
        for name in ("authorization", "idempotency-key"):
            twice = [*one, (name, "Bearer another" if name == "authorization" else "another")]
            answer = await joined.client.post(address(Approve), headers=twice, content=b"{}")
            told(answer, 400, "header-comes-twice")
        told(await joined.client.get(FLAGS, headers=[*one, ("Authorization", "Bearer x")]), 400, "header-comes-twice")

    @pytest.mark.parametrize(("proxies", "status"), [(None, 429), ("127.0.0.1", 401)])
    async def test_of_a_proxy_is_believed_where_the_operator_names_one(
        self, urls: Urls, monkeypatch: pytest.MonkeyPatch, proxies: str | None, status: int
    ) -> None:
        monkeypatch.setenv("GREENLIGHT_FAILURES_A_MINUTE", "1")
        if proxies is not None:
            monkeypatch.setenv("FORWARDED_ALLOW_IPS", proxies)
        async with served(urls.service, "127.0.0.1", 0, settings=Settings()) as (_, at, _), calling(at) as client:
            said = [
                (await client.get("/v1/inbox", headers={"X-Forwarded-For": f"192.0.2.{n}"})).status_code
                for n in range(2)
            ]
        assert said == [401, status]


class TestStreams:
    async def test_of_one_credential_are_so_many_at_a_time(self) -> None:
        rates = Rates(Limits())
        with ExitStack() as opened:
            for _ in range(STREAMS_AT_MOST):
                opened.enter_context(rates.stream("T-1"))
            with pytest.raises(TooOften), rates.stream("T-1"):
                pass
            with rates.stream("T-2"):
                pass
        with rates.stream("T-1"):
            pass


class TestAKey:
    async def test_acts_for_its_owner_and_nobody_else(self, ring: Keyring) -> None:
        _, key = await ring.key("log-spend")
        command = spend(ART, "1", "KEY-9")
        answer = await ring.world.post(
            f"{LINE_PRODUCER}/{MAYA}", address(type(command)), body(command), Authorization=f"Bearer {key}"
        )
        told(answer, 403, "key-acts-for-its-owner")

    async def test_logs_for_its_owner_and_every_reader_sees_that_a_key_did(
        self, ring: Keyring, sent: list[Wish]
    ) -> None:
        key_id, key = await ring.key("log-spend", "read")

        answer = await ring.log(key)

        assert answer.status_code == 201, answer.text
        version = answer.json()["version"]
        [recorded] = await ring.world.doors.log.read_stream("acme/the-long-take", version - 1, version)
        around = recorded.metadata
        assert (around.actor, around.source, around.credential) == (LINE_PRODUCER, "key", key_id)
        assert sent[0].authenticated_at is None
        trail = await ring.world.read(AUDITOR, "audit-trail", actor=LINE_PRODUCER, kind="SpendLogged")
        assert [entry["credential"] for entry in trail["entries"]][-1] == key_id
        feed = await ring.world.get(ADMINISTRATOR, FEED, at_least=None, kind="SpendLogged")
        assert [event.get("credential") for event in feed.json()["events"]][-1] == key_id

    async def test_goes_nowhere_that_its_scopes_do_not_name(self, ring: Keyring) -> None:
        key_id, key = await ring.key("log-spend")

        said = told(await ask(ring.world, key), 403, "scope-is-missing")
        assert said["figures"] == {"asked": "read", "scopes": ["log-spend"]}
        assert said["detail"] == f"{key_id} may not read; its scopes are log-spend."
        told(await ask(ring.world, key, FEED), 403, "scope-is-missing")
        told(await ask(ring.world, key, "/v1/inbox"), 403, "scope-is-missing")
        reading = (await ring.key("read"))[1]
        assert (await ask(ring.world, reading)).status_code == 200
        told(await ring.log(reading), 403, "scope-is-missing")

    async def test_never_approves_even_if_its_row_says_so(self, ring: Keyring) -> None:
        key_id, key = await ring.key("log-spend", owner=MAYA)
        admin = await asyncpg.connect(ring.world.admin_url)
        await admin.execute("UPDATE api_keys SET scopes = '{approve,lock-budget,log-spend}' WHERE key_id = $1", key_id)
        await admin.close()
        for command in ("approve", "lock-budget", "unlock-budget", "reject", "appoint"):
            answer = await ring.world.post(MAYA, f"{AT}/{command}", b"{}", Authorization=f"Bearer {key}")
            assert told(answer, 403, "scope-is-missing")["figures"]["scopes"] == ["log-spend"]

    async def test_may_no_more_than_its_owner(self, ring: Keyring) -> None:
        told(await ring.log((await ring.key("log-spend", owner=AUDITOR))[1]), 403, "role-may-not")

    async def test_ends_with_its_owners_membership(self, ring: Keyring) -> None:
        await ring.world.operate(AdmitMember(person="temp"))
        _, key = await ring.key("read", owner="temp")
        told(await ask(ring.world, key), 403, "reading-needs-a-role")
        await ring.world.operate(DismissMember(person="temp"))
        told(await ask(ring.world, key), 401, "token-is-needed")

    async def test_expires(self, ring: Keyring) -> None:
        _, key = await ring.key("read", days=1)
        now = ring.world.time.now
        assert (await ask(ring.world, key)).status_code == 200
        ring.world.time.now = now + timedelta(days=1)
        told(await ask(ring.world, key), 401, "token-is-needed")
        ring.world.time.now = now

    async def test_ends_at_once_when_revoked(self, ring: Keyring) -> None:
        key_id, key = await ring.key("read")
        assert (await ask(ring.world, key)).status_code == 200
        assert await ring.world.doors.api_keys.revoke(key_id, ring.world.time.now)
        told(await ask(ring.world, key), 401, "token-is-needed")

    async def test_that_was_tampered_with_is_refused_without_a_look(
        self, ring: Keyring, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, key = await ring.key("read")
        looked: list[Any] = []
        pool = ring.world.doors.identity._pool
        fetch = pool.fetch

        async def seen(*asked: Any) -> Any:
            looked.append(asked)
            return await fetch(*asked)

        monkeypatch.setattr(pool, "fetch", seen)
        turned = str.maketrans("0123456789abcdef", "123456789abcdef0")
        first, middle, last = key[:20], key[20:-1], key[-1]
        ends, within = first + middle + last.translate(turned), first + middle.translate(turned) + last
        for wrong in (ends, within, key[:-8], key + "0", key.upper(), "glk_", "glk_1_2"):
            told(await ask(ring.world, wrong), 401, "token-is-needed")
        assert looked == []
        assert (await ask(ring.world, key)).status_code == 200
        assert sum("api_keys" in asked[0] for asked in looked) == 1


@asynccontextmanager
async def limited(server: Server, **limits: int) -> AsyncIterator[World]:
    async with opened_world(server, limits=Limits(**limits)) as world:
        await world.play(LOCKED)
        yield world


def calling_from(world: World, host: str) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=world.app, client=(host, 5000))
    return httpx2.AsyncClient(transport=transport, base_url="http://greenlight.test")


class TestHowOften:
    async def test_an_address_may_fail_is_limited_for_its_failures_alone(self, server: Server) -> None:
        async with limited(server, failures_a_minute=3) as world, calling_from(world, "10.0.0.2") as stranger:
            statuses = [(await stranger.get(FLAGS)).status_code for _ in range(5)]
            assert statuses == [401, 401, 401, 429, 429]
            answer = await stranger.get(FLAGS)
            said = told(answer, 429, "too-many-failures")
            assert 0 < int(answer.headers["retry-after"]) <= 60
            assert answer.headers["retry-after"] in said["otherwise"]
            good = await world.headers(AUDITOR)
            assert (await stranger.get(FLAGS, headers=good)).status_code == 200
            async with calling_from(world, "10.0.0.3") as other:
                assert (await other.get(FLAGS)).status_code == 401

    async def test_a_network_of_ipv6_fails_as_one(self, server: Server) -> None:
        async with limited(server, failures_a_minute=1) as world:
            for host, status in (("2001:db8::1", 401), ("2001:db8::ffff:2", 429), ("2001:db8:0:1::1", 401)):
                async with calling_from(world, host) as stranger:
                    assert (await stranger.get(FLAGS)).status_code == status, host

    async def test_a_credential_may_ask_is_limited_by_the_second(self, server: Server) -> None:
        async with opened_world(server, limits=Limits(requests_a_second=5)) as world:
            await world.operate(FoundCompany(name="Acme"))
            await world.operate(AdmitMember(person=MAYA))
            mine, others = (
                await world.headers(MAYA),
                await world.doors.tokens.create("acme", MAYA, world.time.now, timedelta(hours=1)),
            )
            asked = [await world.client.get("/v1/inbox", headers=mine) for _ in range(40)]
            limited = [answer for answer in asked if answer.status_code == 429]
            assert limited
            told(limited[0], 429, "too-many-requests")
            assert limited[0].headers["retry-after"] == "1"
            assert (await ask(world, others[1], "/v1/inbox")).status_code == 200
            await asyncio.sleep(1.1)
            assert (await world.client.get("/v1/inbox", headers=mine)).status_code == 200


class TestAHugeHeader:
    async def test_is_answered_at_once(self, urls: Urls) -> None:
        async with served(urls.service, "127.0.0.1", 0) as (_, at, _):
            port = int(at.rsplit(":", 1)[1])
            for size in (10_000, 60_000, 1_000_000, 10_000_000):
                began = time.process_time()  # the service is in this process; whoever waits is given up by the knock
                status = await asyncio.to_thread(knock, port, size)
                assert status in (400, 401, 431), (size, status)
                assert time.process_time() - began < 2, size


def knock(port: int, size: int) -> int:
    """Send a token of so many bytes; the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as wire:
        wire.settimeout(10)
        with suppress(BrokenPipeError, ConnectionResetError):  # answered before it was sent
            wire.sendall(b"GET /v1/inbox HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + b"x" * size + b"\r\n\r\n")
        return int(wire.recv(100).split()[1])
