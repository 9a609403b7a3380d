"""Whatever is sent: a problem document that names the field and the rule, never a fault, nothing appended."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from service.deciders.approval import Approve
from service.deciders.budget import SetBudget
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, DismissMember, FoundCompany
from service.deciders.financing import SecureFunding
from service.deciders.receipt import RecordReceipt
from service.deciders.spend import LogSpend
from service.problems import MEDIA_TYPE
from service.routes.commands import BODY_BYTES, COMPANY_COMMANDS, PRODUCTION_COMMANDS
from tests.deciders.stories import ADMINISTRATOR, LINE_PRODUCER, LOCKED, MAYA
from tests.routes.world import AT, World, address

ROUTED = (*COMPANY_COMMANDS, *PRODUCTION_COMMANDS)
LOG_SPEND = f"{AT}/log-spend"
VIEWS = ("current-budget", "approval-status", "funding", "spend-register", "audit-trail", "flags")
LISTS = ("spend-register", "audit-trail", "flags")


@pytest.fixture(scope="module")
async def locked(shared: World) -> World:
    await shared.play(LOCKED)
    return shared


@pytest.fixture(autouse=True)
async def _nothing_is_appended(locked: World) -> AsyncIterator[None]:
    before = await locked.last_position()
    yield
    assert await locked.last_position() == before


def sound(command: type[Command]) -> dict[str, Any]:
    """A body that can be read."""
    return command.example | ({"content_hash": "0" * 64} if "content_hash" in command.example else {})


def problem(answer: Any, *named: str, status: int = 422) -> dict[str, Any]:
    """The problem, which names the field and says what to do."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, MEDIA_TYPE), answer.text
    said: dict[str, Any] = answer.json()
    assert said["status"] == status
    assert said["type"].startswith("urn:greenlight:problem:")
    assert said["detail"].endswith(".")
    assert said["otherwise"].endswith(".")
    errors = said.get("errors", [])
    assert all(error["rule"] for error in errors)
    if named:
        assert {error["pointer"] for error in errors} == {*named}
        if said["type"] == "urn:greenlight:problem:request-is-malformed":
            assert all(error["pointer"] in said["detail"] for error in errors[:3])
    return said


def fields(model: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    yield from ((name, field.annotation) for name, field in model.model_fields.items())


async def send(world: World, command: type[Command], content: bytes | str | dict[str, Any], **headers: str) -> Any:
    if isinstance(content, dict):
        content = json.dumps(content)
    raw = content if isinstance(content, bytes) else content.encode()
    person = ADMINISTRATOR if command in COMPANY_COMMANDS else LINE_PRODUCER
    return await world.post(person, address(command), raw, **headers)


@pytest.mark.parametrize("command", ROUTED, ids=lambda command: command.__name__)
class TestEveryCommand:
    async def test_names_a_field_that_it_does_not_know(self, command: type[Command], locked: World) -> None:
        said = problem(await send(locked, command, sound(command) | {"colour": "red"}), "/colour")
        assert said["errors"] == [{"pointer": "/colour", "rule": "this field is not known here"}]

    async def test_names_every_field_that_is_missing(self, command: type[Command], locked: World) -> None:
        required = [f"/{name}" for name, field in command.model_fields.items() if field.is_required()]
        answer = await send(locked, command, {})
        assert not required or problem(answer, *required)

    @pytest.mark.parametrize("wrong", [5, 5.0, True, [], {}, float("nan")], ids=str)
    async def test_names_every_field_of_a_wrong_type(self, command: type[Command], wrong: Any, locked: World) -> None:
        """Each field by itself, with a value that is none of its type."""
        for name, kind in fields(command):
            takes = {type(None), list if "tuple" in str(kind) else None, dict if "dict" in str(kind) else None}
            takes |= {each for each in (bool, int) if each in (kind, *get_args(kind))}
            if type(wrong) in takes:
                continue
            answer = await send(locked, command, sound(command) | {name: wrong})
            said = problem(answer)
            assert all(error["pointer"].startswith(f"/{name}") for error in said["errors"]), said

    async def test_refuses_a_memo_of_a_megabyte(self, command: type[Command], locked: World) -> None:
        problem(await send(locked, command, sound(command) | {"reason": "x" * 1_000_000}), "/reason")

    @pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\u202eb", " \n "], ids=["nul", "escape", "turned", "blank"])
    async def test_refuses_text_that_cannot_be_read(self, command: type[Command], text: str, locked: World) -> None:
        problem(await send(locked, command, sound(command) | {"reason": text}), "/reason")

    async def test_refuses_half_a_character(self, command: type[Command], locked: World) -> None:
        raw = json.dumps(sound(command) | {"reason": "HERE"})
        for half in (rb"\ud800", rb"\udc00 \ud800", b"\xed\xa0\x80"):
            problem(await send(locked, command, raw.encode().replace(b"HERE", half)), "/reason")
        problem(await send(locked, command, raw.encode().replace(b"HERE", b"\xff\xfe")), status=400)

    @pytest.mark.parametrize(
        ("raw", "status"),
        [
            (b"", 400),
            (b"{", 400),
            (b"null", 422),
            (b"[]", 422),
            (b'"text"', 422),
            (b"5", 422),
            (b"[" * 10_000 + b"]" * 10_000, 400),
            (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, 400),
            (b"\xef\xbb\xbf{}", 400),
            ("{}".encode("utf-16"), 400),
            (b"account=2200&net=5", 400),
        ],
        ids=["empty", "broken", "null", "array", "text", "number", "deep", "deeper", "mark", "utf-16", "form"],
    )
    async def test_refuses_what_is_no_object(
        self, command: type[Command], raw: bytes, status: int, locked: World
    ) -> None:
        problem(await send(locked, command, raw), status=status)

    async def test_refuses_a_field_said_twice(self, command: type[Command], locked: World) -> None:
        """One reader would take the first value and another the last."""
        whole = json.dumps(sound(command) | {"reason": "One."})
        said = problem(await send(locked, command, f'{whole[:-1]}, "reason": "Two."}}'))
        assert said["errors"] == [{"pointer": "reason", "rule": "this field stands more than once in its object"}]

    async def test_refuses_another_content_type(self, command: type[Command], locked: World) -> None:
        for type_ in ("text/plain", "application/x-www-form-urlencoded", "application/xml", ""):
            problem(await send(locked, command, sound(command), Content_Type=type_), status=415)

    async def test_asks_for_a_token(self, command: type[Command], locked: World) -> None:
        problem(await locked.client.post(address(command), json=sound(command)), status=401)


def of(command: type[Command], **changes: Any) -> tuple[type[Command], dict[str, Any]]:
    return command, sound(command) | changes


def inr(amount: Any) -> dict[str, Any]:
    return {"amount": amount, "currency": "INR"}


A_LINE = {"code": "1100", "name": "Story", "level": "post", "amount": "5"}


class TestOneField:
    @pytest.mark.parametrize(
        ("sent", "pointer"),
        [
            (of(LogSpend, net=50000), "/net"),
            (of(LogSpend, net=50000.5), "/net"),
            (of(LogSpend, net="-5"), "/net"),
            (of(LogSpend, net="0"), "/net"),
            (of(LogSpend, net="1e3"), "/net"),
            (of(LogSpend, net="1_000"), "/net"),
            (of(LogSpend, net="1,000"), "/net"),
            (of(LogSpend, net=" 5"), "/net"),
            (of(LogSpend, net="\u0665"), "/net"),
            (of(LogSpend, net="NaN"), "/net"),
            (of(LogSpend, net="9" * 16), "/net"),
            (of(LogSpend, net="5.001"), "/net"),
            (of(LogSpend, net="5.5", currency="JPY", tax="0", recoverable_tax="0"), "/net"),
            (of(LogSpend, currency="XXX"), "/currency"),
            (of(LogSpend, currency="ZZZ"), "/currency"),
            (of(LogSpend, currency="inr"), "/currency"),
            (of(LogSpend, spent_on="2026-02-30"), "/spent_on"),
            (of(LogSpend, spent_on="2026-13-01"), "/spent_on"),
            (of(LogSpend, spent_on="2026-11-16T00:00:00Z"), "/spent_on"),
            (of(LogSpend, spent_on="1763251200"), "/spent_on"),
            (of(LogSpend, spent_on="tomorrow"), "/spent_on"),
            (of(LogSpend, kind="bribe"), "/kind"),
            (of(LogSpend, account="22/00"), "/account"),
            (of(LogSpend, account="2200\n"), "/account"),
            (of(LogSpend, vendor="Kala Sets"), "/vendor"),
            (of(LogSpend, receipt_sha256="F" * 64), "/receipt_sha256"),
            (of(LogSpend, recoverable_tax="9000.01"), "/recoverable_tax"),
            (of(LogSpend, rate={"source": "USD", "target": "INR", "rate": 84.5}), "/rate/rate"),
            (of(LogSpend, rate={"source": "USD", "target": "INR", "rate": "0"}), "/rate/rate"),
            (of(SecureFunding, amount=inr(36000000)), "/amount/amount"),
            (of(SecureFunding, amount=inr("-1")), "/amount"),
            (of(SecureFunding, amount={"amount": "1", "currency": "INR", "note": "x"}), "/amount/note"),
            (of(SecureFunding, expected_on=["2026-11-31"]), "/expected_on/0"),
            (of(RecordReceipt, credited=inr("0.001")), "/credited"),
            (of(SetBudget, accounts=[A_LINE, A_LINE | {"code": "1200", "amount": 5}]), "/accounts/1/amount"),
            (of(SetBudget, accounts=[A_LINE, A_LINE]), "/accounts"),
            (of(SetBudget, accounts=[]), "/accounts"),
            (of(SetBudget, stated={"grand_total": 5}), "/stated/grand_total"),
            (of(Approve, content_hash="0" * 63), "/content_hash"),
            (of(Approve, round="A-0"), "/round"),
            (of(AdmitMember, person="Maya Rao"), "/person"),
            (of(AdmitMember, person=OPERATOR), "/person"),
            (of(AdmitMember, may_open_productions="true"), "/may_open_productions"),
            (of(AdmitMember, may_open_productions=1), "/may_open_productions"),
        ],
        ids=lambda value: value if isinstance(value, str) else None,
    )
    async def test_is_named_with_its_rule(
        self, sent: tuple[type[Command], dict[str, Any]], pointer: str, locked: World
    ) -> None:
        problem(await send(locked, *sent), pointer)

    async def test_is_told_what_is_asked_of_it(self, locked: World) -> None:
        said = problem(await send(locked, *of(LogSpend, net=5)), "/net")
        assert said["errors"][0]["rule"] == 'send money, more than zero, as a string such as "1250.00"'
        said = problem(await send(locked, *of(LogSpend, net="5.001")), "/net")
        assert said["errors"][0]["rule"] == "5.001 has more decimals than INR allows (2)"
        said = problem(await send(locked, *of(LogSpend, currency="ZZZ")), "/currency")
        assert said["errors"][0]["rule"] == "ZZZ is not a currency of ISO 4217"
        said = problem(await send(locked, *of(LogSpend, currency="inr")), "/currency")
        assert said["errors"][0]["rule"] == "send a currency as its three capital letters, such as EUR"
        said = problem(await send(locked, *of(LogSpend, spent_on="0026-11-16")), "/spent_on")
        assert said["errors"][0]["rule"] == "send a day of the years 1900 to 2199"

    async def test_is_never_asked_for_in_words_of_the_machine(self, locked: World) -> None:
        wrong = {"currency": "rupees", "accounts": [{"code": "?", "amount": 5}], "charges": [[]], "stated": 5}
        said = problem(await send(locked, SetBudget, wrong))
        assert [error["pointer"] for error in said["errors"]] == [
            "/currency",
            "/accounts/0/code",
            "/accounts/0/name",
            "/accounts/0/level",
            "/accounts/0/amount",
            "/charges/0",
            "/stated",
        ]
        assert not any(
            word in said["detail"] for word in ("^", "tuple", "dictionary", "keyword", "dataclass", "instance")
        )

    async def test_a_body_larger_than_any_budget_is_not_read(self, locked: World) -> None:
        problem(await send(locked, SetBudget, b" " * (BODY_BYTES + 1)), status=413)


class TestHeaders:
    @pytest.mark.parametrize("key", ["", "k" * 129, "two words", "tab\there", "\x7f", "schlüssel"])
    async def test_a_key_is_visible_ascii_and_short(self, key: str, locked: World) -> None:
        headers = [*(await locked.headers(LINE_PRODUCER) | {"Idempotency-Key": ""}).items()]
        raw = [(name.encode(), value.encode()) for name, value in headers if name != "Idempotency-Key"]
        raw.append((b"Idempotency-Key", key.encode()))
        answer = await locked.client.post(LOG_SPEND, content=json.dumps(sound(LogSpend)), headers=raw)
        problem(answer, "header Idempotency-Key")

    async def test_a_key_is_required(self, locked: World) -> None:
        headers = await locked.headers(LINE_PRODUCER)
        del headers["Idempotency-Key"]
        answer = await locked.client.post(LOG_SPEND, json=sound(LogSpend), headers=headers)
        said = problem(answer, "header Idempotency-Key")
        assert said["errors"][0]["rule"] == "this field is required"

    @pytest.mark.parametrize("seen", ["12", '"-1"', '"x"', 'W/"12"', "*", '"1", "2"', '"' + "9" * 30 + '"', '""'])
    async def test_if_match_is_one_etag_of_ours(self, seen: str, locked: World) -> None:
        problem(await send(locked, LogSpend, sound(LogSpend), If_Match=seen), "header If-Match")

    async def test_a_dry_run_is_true_or_false(self, locked: World) -> None:
        answer = await locked.post(LINE_PRODUCER, f"{LOG_SPEND}?dry_run=perhaps", b"{}")
        problem(answer, "query dry_run")


class TestAddresses:
    @pytest.mark.parametrize(
        "name", ["%00", "A", "the_long_take", "-", "a--b", "1st", "x" * 65, "%ff", "é", "a%20b", "%E2%80%AE"]
    )
    async def test_name_productions_by_slugs(self, name: str, locked: World) -> None:
        problem(await locked.post(LINE_PRODUCER, f"/v1/acme/{name}/log-spend", b"{}"), "path production")
        problem(await locked.post(LINE_PRODUCER, f"/v1/{name}/the-long-take/log-spend", b"{}"), "path company")
        problem(await locked.get(LINE_PRODUCER, f"/v1/acme/{name}/flags"), "path production")

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "/v1",
            "/v1/acme",
            "/v1/acme/the-long-take/flags/",
            "/v1/acme/the-long-take/buy-car",
            "/v1/acme/a%2Fb/flags",
            "/v1/acme/" + "x" * 9000,
        ],
    )
    async def test_that_are_none_say_so(self, path: str, locked: World) -> None:
        problem(await locked.client.get(path), status=404)
        problem(await locked.client.post(path), status=404)

    async def test_take_their_own_method_alone(self, locked: World) -> None:
        problem(await locked.client.get(LOG_SPEND), status=405)
        problem(await locked.client.delete(f"{AT}/flags"), status=405)
        both = await locked.client.patch("/v1/acme/keys")
        problem(both, status=405)
        assert both.headers["allow"] == "GET, POST"

    @pytest.mark.parametrize("name", ["inbox", "events", "productions", "admit-member", "dismiss-member"])
    async def test_that_are_words_of_ours_name_no_production(self, name: str, locked: World) -> None:
        content = json.dumps(PRODUCTION_COMMANDS[0].example).encode()
        said = problem(await locked.post(MAYA, f"/v1/acme/{name}/open-production", content))
        assert said["type"] == "urn:greenlight:problem:name-is-reserved"


class TestQueries:
    @pytest.mark.parametrize("asked", ["dryrun=true", "dry_run=true&dry_run=false", "dry_run=true&key=x"])
    async def test_of_a_command_are_known_and_said_once(self, asked: str, locked: World) -> None:
        said = problem(await locked.post(LINE_PRODUCER, f"{LOG_SPEND}?{asked}", json.dumps(sound(LogSpend)).encode()))
        [error] = said["errors"]
        assert error["rule"] in ("this parameter is not known here", "this parameter comes twice")

    @pytest.mark.parametrize("view", VIEWS)
    async def test_of_a_view_are_known(self, view: str, locked: World) -> None:
        problem(await locked.get(LINE_PRODUCER, view, asof="1"), "query asof")

    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize(
        "as_of",
        [
            "",
            "-1",
            "1.5",
            "x",
            "0x1",
            "9" * 19,
            "\u0663",
            "2026-11-20",
            "2026-02-30T00:00:00Z",
            "2026-11-20T18:00:00",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "999999",
            "a\x00b",
            "1" * 41,
        ],
    )
    async def test_as_of_is_a_version_or_an_instant(self, view: str, as_of: str, locked: World) -> None:
        problem(await locked.get(LINE_PRODUCER, view, as_of=as_of), "query as_of")

    @pytest.mark.parametrize("view", VIEWS)
    @pytest.mark.parametrize("at_least", [2**63, 2**64, -1, "x", "1.5", "NaN"])
    async def test_at_least_is_a_position(self, view: str, at_least: Any, locked: World) -> None:
        problem(await locked.get(LINE_PRODUCER, view, at_least=at_least), "query at_least")

    @pytest.mark.parametrize("view", LISTS)
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("limit", "0"),
            ("limit", "501"),
            ("limit", "abc"),
            ("limit", "-1"),
            ("account", "a/b"),
            ("account", "\x00"),
            ("after", "x"),
            ("after", "!!"),
            ("after", "MS4y\x00"),
            ("after", "LTEuLTE"),
            ("after", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5Ljk"),
            ("after", "4pyT"),
            ("after", "y" * 81),
            ("after", ""),
        ],
    )
    async def test_name_the_one_that_is_wrong(self, view: str, name: str, value: str, locked: World) -> None:
        problem(await locked.get(LINE_PRODUCER, view, **{name: value}), f"query {name}")

    @pytest.mark.parametrize(
        ("view", "name", "value"),
        [
            ("audit-trail", "text", "\x00"),
            ("audit-trail", "text", ""),
            ("audit-trail", "text", "x" * 201),
            ("audit-trail", "kind", "\x00"),
            ("audit-trail", "kind", "Spend Logged"),
            ("audit-trail", "actor", "Maya Rao"),
            ("audit-trail", "correlation_id", "x"),
            ("audit-trail", "amount_min", "1e5"),
            ("audit-trail", "amount_max", "NaN"),
            ("audit-trail", "from_on", "2026-02-30"),
            ("audit-trail", "to_on", "today"),
            ("audit-trail", "to_on", "0"),
            ("spend-register", "text", "\x00"),
            ("spend-register", "kind", "bribe"),
            ("spend-register", "state", "gone"),
            ("spend-register", "spend", "S-1"),
            ("spend-register", "vendor", "\x00"),
            ("spend-register", "posted_from", "2026-13-01"),
            ("spend-register", "posted_to", "1763251200"),
            ("spend-register", "amount_min", "1_000"),
            ("flags", "kind", "%00"),
            ("flags", "state", "gone"),
            ("flags", "funding", "F-0"),
            ("flags", "budget", "1"),
            ("current-budget", "budget", "1"),
        ],
    )
    async def test_filters_are_of_their_kind(self, view: str, name: str, value: str, locked: World) -> None:
        problem(await locked.get(LINE_PRODUCER, view, **{name: value}), f"query {name}")

    @pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31"])
    async def test_days_far_away_find_nothing_or_all(self, day: str, locked: World) -> None:
        for name in ("from_on", "to_on"):
            assert (await locked.get(LINE_PRODUCER, "audit-trail", **{name: day})).status_code == 200


class TestTokens:
    async def ask(self, world: World, authorization: str | bytes) -> Any:
        raw = authorization if isinstance(authorization, bytes) else authorization.encode()
        return await world.client.get(f"{AT}/flags", headers=[(b"authorization", raw)])

    @pytest.mark.parametrize(
        "authorization",
        [
            "",
            "Bearer",
            "Bearer ",
            "Basic bWF5YTpy",
            "Token x",
            "Bearer x y",
            "Bearer " + "x" * 100_000,
            b"Bearer \xff\xfe",
            "bearer\tx",
            "Bearer glt_" + "A" * 43,
        ],
        ids=["empty", "bare", "blank", "basic", "token", "two", "long", "bytes", "tab", "unknown"],
    )
    async def test_that_stand_for_nobody_are_refused(self, authorization: str | bytes, locked: World) -> None:
        answer = await self.ask(locked, authorization)
        said = problem(answer, status=401)
        assert said["type"] == "urn:greenlight:problem:token-is-needed"
        assert answer.headers["www-authenticate"] == "Bearer"

    async def test_expire(self, locked: World) -> None:
        now = locked.time.now
        _, secret = await locked.doors.tokens.create("acme", MAYA, now, timedelta(hours=1))
        assert (await self.ask(locked, f"Bearer {secret}")).status_code == 200
        locked.time.now = now + timedelta(hours=1)
        problem(await self.ask(locked, f"Bearer {secret}"), status=401)
        locked.time.now = now

    async def test_end_when_revoked(self, locked: World) -> None:
        token, secret = await locked.doors.tokens.create("acme", MAYA, locked.time.now, timedelta(hours=1))
        assert (await self.ask(locked, f"Bearer {secret}")).status_code == 200
        assert await locked.doors.tokens.revoke(token, locked.time.now)
        problem(await self.ask(locked, f"Bearer {secret}"), status=401)

    async def test_of_a_company_that_is_none_are_refused(self, locked: World) -> None:
        _, secret = await locked.doors.tokens.create("nowhere", MAYA, locked.time.now, timedelta(hours=1))
        problem(await self.ask(locked, f"Bearer {secret}"), status=401)

    async def test_of_another_company_find_nothing(self, world: World, locked: World) -> None:
        del locked
        await world.play(LOCKED)
        await world.operate(FoundCompany(name="Rival"), "rival")
        await world.operate(AdmitMember(person="rita"), "rival")
        answer = await world.client.get(f"{AT}/flags", headers=await world.headers("rita", "rival"))
        problem(answer, status=404)

    async def test_of_a_dismissed_member_are_refused(self, world: World, locked: World) -> None:
        del locked
        await world.play(LOCKED)
        assert (await world.get(LINE_PRODUCER, "flags")).status_code == 200
        await world.send(ADMINISTRATOR, DismissMember(person=LINE_PRODUCER))
        problem(await world.get(LINE_PRODUCER, "flags"), status=401)


#: What can stand in JSON, and what a body's fields are called.
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["5", "INR", "2026-11-16", "S-000001", "invoice", "", "\x00", "1e400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def mutated(command: type[Command]) -> st.SearchStrategy[bytes]:
    """A sound body in which some fields are anything, or bytes that are nearly one."""
    names = st.sampled_from([*command.model_fields, "colour"])
    changed = st.dictionaries(names, ANYTHING, min_size=1, max_size=3)
    bodies = changed.map(lambda changes: json.dumps(sound(command) | changes).encode())
    torn = st.tuples(st.integers(0, 200), st.binary(max_size=3)).map(lambda at: _torn(command, *at))
    return bodies | torn


def _torn(command: type[Command], place: int, put: bytes) -> bytes:
    raw = json.dumps(sound(command)).encode()
    return raw[:place] + put + raw[place + 1 :]


@pytest.mark.parametrize("command", [LogSpend, SetBudget, SecureFunding], ids=lambda command: command.__name__)
async def test_no_body_whatsoever_is_a_fault(command: type[Command], locked: World) -> None:
    """Dry runs, so that what happens to be sound appends nothing either."""
    bodies: list[bytes] = []

    @settings(max_examples=120, deadline=None, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
    @given(mutated(command))
    def draw(raw: bytes) -> None:
        bodies.append(raw)

    draw()
    for raw in bodies:
        answer = await locked.post(LINE_PRODUCER, f"{address(command)}?dry_run=true", raw)
        assert answer.status_code < 500, raw
        if answer.status_code != 200:
            problem(answer, status=answer.status_code)
