"""A provider's tokens: which are believed, and how its keys are had. What they open is tested at the doors."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from jwt.algorithms import RSAAlgorithm

from service import oidc
from service.identity import SIZE_AT_MOST
from service.oidc import Identities, Keys, NotBelieved, Oidc, Provider
from tests.bad_tokens import EC, ED, GOOD, NOW, OTHER, RSA, USELESS, bad_tokens, claims
from tests.clients import NO_TLS
from tests.provider import AUDIENCE, Key, Publisher, publishing
from tests.spec import MORNING


@dataclass
class Desk:
    """A provider that publishes, and a reader of its tokens with a clock of its own."""

    publisher: Publisher
    keys: Keys
    provider: Provider
    passed: float = 0.0

    async def believed(self, token: str, now: datetime = MORNING) -> oidc.Believed:
        return await self.provider.believed(token, now)

    def token(self, key: Key = ED, **said: Any) -> str:
        return key.signed(claims(self.publisher.issuer, **said))

    @property
    def looks(self) -> int:
        return self.publisher.asked["/jwks"]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    async with publishing(*GOOD) as publisher, httpx2.AsyncClient(verify=NO_TLS) as client:
        told = Oidc(publisher.issuer, AUDIENCE)
        keys = Keys(told, client, lambda: opened.passed)
        opened = Desk(publisher, keys, Provider(told, keys))
        yield opened
        await keys.close()


class TestAToken:
    @pytest.mark.parametrize("key", GOOD, ids=lambda key: key.algorithm)
    async def test_that_a_key_of_the_provider_signed_is_believed(self, key: Key, desk: Desk) -> None:
        believed = await desk.believed(desk.token(key))

        assert believed == oidc.Believed("maya-sso", MORNING - timedelta(seconds=60), None)

    @pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+jwt", "application/at+jwt"])
    async def test_may_say_that_it_is_one(self, typ: str | None, desk: Desk) -> None:
        await desk.believed(ED.signed(claims(desk.publisher.issuer), typ=typ))

    @pytest.mark.parametrize(
        "said",
        [
            {"exp": NOW - 29},
            {"iat": NOW + 30},
            {"nbf": NOW + 30},
            {"exp": NOW + 0.5},
            {"aud": [AUDIENCE, "payroll"]},
            {"auth_time": None},
        ],
        ids=str,
    )
    async def test_at_the_edge_of_what_is_allowed_is_believed(self, said: dict[str, Any], desk: Desk) -> None:
        await desk.believed(desk.token(**said))

    async def test_without_a_time_of_signing_in_says_none(self, desk: Desk) -> None:
        assert (await desk.believed(desk.token(auth_time=None))).authenticated_at is None

    async def test_of_an_rsa_key_for_ps256_is_believed_in_ps256_alone(self, desk: Desk) -> None:
        desk.publisher.publish(RSA.jwk | {"alg": "PS256"})

        await desk.believed(desk.token(Key("rsa", "PS256", RSA.private)))
        with pytest.raises(NotBelieved, match="alg"):
            await desk.believed(desk.token(RSA))

    @pytest.mark.parametrize("what", bad_tokens("http://127.0.0.1:1"))
    async def test_that_is_bad_is_not_believed_and_for_its_reason(self, what: str, desk: Desk) -> None:
        desk.publisher.publish(*GOOD, *USELESS)
        token, why = bad_tokens(desk.publisher.issuer)[what]

        with pytest.raises(NotBelieved) as told:
            await desk.believed(token)

        assert why in str(told.value)
        assert len(token) < SIZE_AT_MOST


class TestKeys:
    @pytest.mark.parametrize("jwk", USELESS, ids=lambda jwk: str(jwk.get("kid")))
    async def test_of_no_use_are_left_out_and_keep_none_out(self, jwk: dict[str, Any], desk: Desk) -> None:
        desk.publisher.publish(jwk, ED)

        assert await desk.keys.named("ed") is not None
        assert await desk.keys.named(str(jwk.get("kid"))) is None

    async def test_that_are_known_need_no_look_for_five_minutes(self, desk: Desk) -> None:
        for _ in range(100):
            await desk.believed(desk.token())
        desk.passed = oidc.REFRESH_SECONDS - 1
        await desk.believed(desk.token())

        assert desk.looks == 1

    async def test_of_nobody_are_looked_for_once_a_minute_however_many_are_asked_for(self, desk: Desk) -> None:
        async def storm(minute: int) -> None:
            asked = [desk.believed(desk.token(Key(f"kid-{minute}-{n}", "EdDSA", OTHER.private))) for n in range(500)]
            assert all(isinstance(e, NotBelieved) for e in await asyncio.gather(*asked, return_exceptions=True))

        await storm(0)
        desk.passed = oidc.PAUSE_SECONDS - 1
        await storm(1)
        assert desk.looks == 1
        desk.passed = oidc.PAUSE_SECONDS
        await storm(2)
        assert desk.looks == 2

    async def test_that_are_new_are_known_with_the_next_look(self, desk: Desk) -> None:
        await desk.believed(desk.token())
        new = Key.made("new")
        desk.publisher.publish(ED, new)

        with pytest.raises(NotBelieved):
            await desk.believed(desk.token(new))
        desk.passed = oidc.PAUSE_SECONDS
        await desk.believed(desk.token(new))

    async def test_that_left_are_refused_after_the_next_look(self, desk: Desk) -> None:
        await desk.believed(desk.token(EC))
        desk.publisher.publish(ED)
        desk.passed = oidc.REFRESH_SECONDS
        await desk.believed(desk.token(EC))  # nobody waits for the look that this begins
        await looked(desk, 2)

        with pytest.raises(NotBelieved, match="none of the provider's"):
            await desk.believed(desk.token(EC))

    async def test_that_nobody_asked_about_for_long_are_looked_at_before_they_are_believed(self, desk: Desk) -> None:
        await desk.believed(desk.token(EC))
        desk.publisher.publish(ED)
        desk.passed = oidc.STALE_SECONDS

        told = await asyncio.gather(*(desk.believed(desk.token(EC)) for _ in range(5)), return_exceptions=True)
        assert [type(each) for each in told] == [NotBelieved] * 5

    async def test_that_are_known_serve_on_while_the_provider_is_down_or_tells_nonsense(self, desk: Desk) -> None:
        await desk.believed(desk.token())
        for nonsense in (None, b"", b"[]", b'{"keys": {}}', b"<html>", LONG, MANY):
            desk.publisher.documents.pop("/jwks", None)
            if nonsense is not None:
                desk.publisher.documents["/jwks"] = nonsense
            desk.passed += oidc.STALE_SECONDS
            before = desk.looks
            await desk.believed(desk.token())
            assert desk.looks == before + 1
        desk.publisher.publish(OTHER)
        desk.passed += oidc.STALE_SECONDS

        await desk.believed(OTHER.signed(claims(desk.publisher.issuer)))

    async def test_that_are_known_serve_at_once_while_a_look_hangs(self, desk: Desk) -> None:
        await desk.believed(desk.token())
        desk.publisher.answers.clear()
        desk.passed = oidc.REFRESH_SECONDS
        unknown = asyncio.create_task(desk.believed(desk.token(Key.made("new"))))
        await asyncio.sleep(0.1)

        async with asyncio.timeout(1):
            for _ in range(100):
                await desk.believed(desk.token())
        assert not unknown.done()
        desk.publisher.answers.set()
        with pytest.raises(NotBelieved):
            await unknown

    async def test_are_given_up_when_the_provider_is_silent(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(oidc, "LOOK_SECONDS", 0.2)
        desk.publisher.answers.clear()

        async with asyncio.timeout(2.5):
            with pytest.raises(NotBelieved):
                await desk.believed(desk.token())

    async def test_come_from_where_the_operator_says_without_a_discovery(self) -> None:
        async with publishing(ED) as publisher, httpx2.AsyncClient(verify=NO_TLS) as client:
            issuer = "https://sso.example"
            told = Oidc(issuer, AUDIENCE, f"{publisher.issuer}/jwks")
            await Provider(told, Keys(told, client)).believed(ED.signed(claims(issuer)), MORNING)

            assert publisher.asked == {"/jwks": 1}

    @pytest.mark.parametrize(
        "said",
        [
            {"issuer": "https://evil.example"},
            {"jwks_uri": "http://0.0.0.0:{port}/jwks"},
            {"jwks_uri": "file:///etc/passwd"},
            {"jwks_uri": "ftp://127.0.0.1/jwks"},
            {"jwks_uri": 5},
        ],
        ids=str,
    )
    async def test_are_not_had_from_a_discovery_that_is_wrong(self, said: dict[str, Any], desk: Desk) -> None:
        port = desk.publisher.issuer.rsplit(":", 1)[1]
        said = {name: value.format(port=port) if isinstance(value, str) else value for name, value in said.items()}
        found = {"issuer": desk.publisher.issuer, "jwks_uri": f"{desk.publisher.issuer}/jwks"} | said
        desk.publisher.documents["/.well-known/openid-configuration"] = json.dumps(found).encode()

        assert await desk.keys.named("ed") is None
        assert desk.looks == 0


#: What would change the keys, if it were not more than a provider has to say.
MANY = json.dumps({"keys": [OTHER.jwk] * (oidc.KEYS_AT_MOST + 1)}).encode()
LONG = json.dumps({"keys": [OTHER.jwk]}).encode() + b" " * oidc.DOCUMENT_BYTES


async def looked(desk: Desk, times: int) -> None:
    """Wait until a look that nobody waits for has ended."""
    async with asyncio.timeout(60):
        while desk.looks < times or desk.keys._looking is not None:
            await asyncio.sleep(0.01)


class TestAProvider:
    @pytest.mark.parametrize(
        "url", ["https://sso.example", "https://sso.example:8443/realms/film", "http://127.0.0.1:9"]
    )
    def test_is_named_by_an_address_that_is_guarded(self, url: str) -> None:
        Oidc(url, AUDIENCE)

    @pytest.mark.parametrize(
        "url",
        [
            "http://sso.example",
            "http://10.0.0.1",
            "http://localhost.evil.example",
            "http://127.0.0.1@evil",
            "sso",
            "https://",
        ],
    )
    def test_is_not_named_by_another(self, url: str) -> None:
        with pytest.raises(ValueError, match="must be an https address"):
            Oidc(url, AUDIENCE)
        with pytest.raises(ValueError, match="must be an https address"):
            Oidc("https://sso.example", AUDIENCE, url)


def test_an_rsa_key_of_the_library_is_published_as_a_provider_would() -> None:
    """The helper tells the public part alone."""
    assert {*RSA.jwk} >= {"kty", "n", "e", "kid"}
    assert "d" not in RSA.jwk
    assert RSAAlgorithm.from_jwk(RSA.jwk) == RSA.private.public_key()


class TestIdentities:
    async def test_stand_for_one_person_at_a_time(self, doors: Any) -> None:
        links: Identities = doors.identities
        now = datetime.now(UTC)
        first = await links.link("acme", "maya", "https://sso.example", "m-1", now)

        with pytest.raises(oidc.AlreadyLinked):
            await links.link("acme", "theo", "https://sso.example", "m-1", now)
        await links.link("acme", "theo", "https://other.example", "m-1", now)
        assert await links.unlink(first, now)
        assert not await links.unlink(first, now)
        await links.link("acme", "theo", "https://sso.example", "m-1", now)

        told = [(each.person, each.unlinked_at is None) for each in await links.of("acme")]
        assert sorted(told) == [("maya", False), ("theo", True), ("theo", True)]

    @pytest.mark.parametrize("subject", ["", " ", "m" * 256, "ma ya", "ma\x00ya", "m\u0430ya", "maya\n"])
    async def test_have_a_subject_that_a_token_can_have(self, subject: str, doors: Any) -> None:
        with pytest.raises(ValueError, match="255 signs"):
            await doors.identities.link("acme", "maya", "https://sso.example", subject, datetime.now(UTC))
