"""The OpenAPI document is sent out and held to its word: all that it allows, and what it does not.

Schemathesis reads the document of the service that is served, sends what it makes of it to every operation, and puts
every answer to all its checks. Requests name the production that is there, and what is on it, so that most of them
are decided on, not lost at a door.
"""

import asyncio
import json
import os
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count, cycle
from typing import Any

import httpx2
import pytest
import schemathesis
import structlog.testing
from hypothesis import strategies as st
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import events
from schemathesis.generation.meta import TestPhase

from events.team import Role
from service.deciders.company import AdmitMember
from service.embedded import Server
from service.routes.access import Doors
from service.serving import served
from tests.clients import NO_TLS
from tests.conftest import fresh
from tests.deciders.rounds import delegated, draw, overage, transfer
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    EDITING,
    MAYA,
    NEWCOMER,
    NOOR,
    PRODUCER,
    SPENT,
    STORY,
    STRANGER,
    TWO_HATS,
    appoint,
    equity,
    inr,
)
from tests.forms import LONG, either
from tests.handling.office import opened
from tests.spec import Story

COMPANY, PRODUCTION = "acme", "the-long-take"
#: Of each kind of request to each operation, beside those that try every limit that the document says.
EXAMPLES = either(short=2, long=60)
#: Of the requests that go beyond a limit, the short form sends one in so many, by its seed.
ONE_IN = either(short=3, long=1)
#: The operations are shared out, so that workers can share them too.
SHARES = 4

#: Maya may send nearly all there is, to a production with open rounds, a condition, and money to give.
EVERYTHING: Story = [
    *SPENT,
    (ADMINISTRATOR, AdmitMember(person=MAYA, administrator=True)),
    *((MAYA, appoint(MAYA, role)) for role in (Role.PRODUCER, Role.LINE_PRODUCER, Role.ACCOUNTANT)),
    (MAYA, equity(inr("900000"), party="Lotus Films")),
    *((PRODUCER, transfer(amount, STORY, EDITING)) for amount in ("10", "20", "30")),
    (PRODUCER, overage("500")),
    (PRODUCER, draw("100")),
    (MAYA, delegated()),
]


def texts(longest: int, *others: str) -> st.SearchStrategy[str]:
    """Texts of the lengths at which something might change, too: they are looked for."""
    return st.sampled_from(["x", "xx", "Kala Sets", "مرحبا", "x" * (longest - 1), "é" * longest, *others])


#: What a format of ours means, to a generator.
FORMATS = {
    "plain-line": texts(200),
    "plain-text": texts(2000, "One line.\nAnother."),
    # Of all the days there are, few are of our years.
    "date": st.dates(date(1900, 1, 1), date(2199, 12, 31)).map(date.isoformat),
    "iso-4217": st.sampled_from(["INR", "USD", "EUR", "JPY", "BHD"]),
    "iana-time-zone": st.sampled_from(["Asia/Kolkata", "Europe/Berlin", "UTC"]),
}
#: What a field names is there; nobody names Maya, who would be sent away.
THERE: dict[str, list[Any]] = {
    "account": [STORY, ART, EDITING],
    "from_account": [STORY, ART, EDITING],
    "to_account": [STORY, ART, EDITING],
    "budget": ["v1"],
    "currency": ["INR"],
    "delegation": ["D-1"],
    "funding": ["F-1", "F-2", "F-4"],
    "lent_against": ["F-1", "F-2"],
    "person": [STRANGER, PRODUCER],
    "receipt": ["R-1"],
    "seat": [NOOR, TWO_HATS],
    "spend": ["S-000001", "S-000002", "S-000003"],
    "substitute": [STRANGER],
    "to": [STRANGER, PRODUCER],
    # Closed, it would take nothing more.
    "stage": ["development", "pre_production", "production", "post_production"],
}
KEYS = count(1)
#: Of pages that there are.
CURSORS = ["MTAuMg", "MTAuNA"]
#: What a request is refused for and its schema does not say: rules between two fields, those of a policy, and that an
#: integer has no point, where JSON Schema takes 1.0 for one.
BEYOND_A_SCHEMA = re.compile(
    "a rate is between two currencies|.*has more decimals than|recoverable tax cannot be more|no more is withheld than"
    "|send a period, or the last day|ask for a period, or for days|an account, or the whole, is named twice"
    "|send the period or the days|posted_to is posted_from or later|send a day from posted_from on"
    "|send a last day that is not before|every control is of a scope of its own"
    "|until_on is from_on or later|only a department head has accounts|name the letter or agreement|say in rests_on"
    "|every code stands once|a percentage needs its base|a charge has a percentage|a base names at least one"
    "|send a template, or terms|terms of your own say|every rule has a name|capped accounts need|alerts are at"
    "|fresh_minutes are|an auditor reads|an approver is one of|a step asks somebody|a quorum says|a share says"
    "|a deadline of 1 to 366|.*: (a rule is for one kind|at_least .* is not below|changes of the policy have"
    "|say which steps|one step at least|department heads are asked)|input should be a valid integer"
    "|a fringe is a percentage or|a cut-off goes with|an account has an amount, or|a credit has a percentage"
    "|a share that qualifies and a cap|what qualifies is|every currency has one rate|every name stands once"
    "|send what columns are called|urn:greenlight:problem:file-cannot-be-read"
    "|.* is ahead: it is|a tolerance is one unit|.* is neither a total nor|.* is the name of a total"
    "|a float is held by a person|nobody is paid for an accrual|a final invoice is that of"
    "|.*: a rate of a budget is between|a budget has .* lines behind|send what a page, an event or a command told"
)


@dataclass(slots=True)
class Sent:
    """What was sent and answered, and what is wrong with it."""

    statuses: Counter[int] = field(default_factory=Counter)
    #: Of what the document allows.
    sound: Counter[int] = field(default_factory=Counter)
    #: By operation, of what was answered 2xx.
    accepted: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Production:
    """What is served, and what requests may name of it."""

    address: str
    doors: Doors
    document: dict[str, Any]
    #: By round, the content that it asks about.
    rounds: dict[str, str]
    position: int

    async def token(self, person: str, company: str = COMPANY) -> str:
        _, secret = await self.doors.tokens.create(company, person, datetime.now(UTC), timedelta(hours=1))
        return secret

    async def storm(self, seed: int, operations: Sequence[str], token: str | None = None, **terms: Any) -> Sent:
        """Send what the document says to these operations."""
        return await asyncio.to_thread(self._storm, seed, operations, token, terms)

    def _storm(self, seed: int, operations: Sequence[str], token: str | None, terms: dict[str, Any]) -> Sent:
        config = {
            "seed": seed,
            "base-url": self.address,
            "auth": {} if token is None else {"openapi": {"HTTPBearer": {"bearer": token}}},
            "parameters": {"path.company": COMPANY, "path.production": PRODUCTION},
            "generation": {"max-examples": EXAMPLES, "no-shrink": True},
            # A stream never ends: what comes first is looked at.
            "max-stream-events": 5,
            "request-timeout": 10,
            "checks": {
                # 406: `bound` asks the feed for tables, too; 412: a version that moved on is no fault of the request;
                # 422: see BEYOND_A_SCHEMA.
                "positive_data_acceptance": {
                    "expected-statuses": ["2xx", "401", "403", "404", "406", "409", "412", "422"]
                },
            },
        }
        schema = schemathesis.openapi.from_dict(self.document, config=SchemathesisConfig.from_dict(config | terms))
        sent = Sent()
        with bound(self, seed):
            for event in engine.from_schema(schema.include(operation_id=[*operations])).execute():
                match event:
                    case events.ScenarioFinished():
                        _note(event.recorder, sent)
                    case events.NonFatalError() | events.FatalError():
                        sent.faults.append(str(event))
        return sent


def _note(recorder: Any, sent: Sent) -> None:
    for number, exchange in recorder.interactions.items():
        request, response, case = exchange.request, exchange.response, recorder.cases[number].value
        status = 0 if response is None else response.status_code
        sent.statuses[status] += 1
        told = f"{request.method} {request.uri} {request.body!r:.800} {status} {response and response.content!r:.800}"
        for check in recorder.checks.get(number, ()):
            if check.failure_info is not None:
                failure = check.failure_info.failure
                sent.faults.append(f"{check.name}: {failure.title}: {failure.message}\n  {told}")
        if status // 100 == 2:
            sent.accepted[case.operation.definition.raw["operationId"]] += 1
        if case.meta is not None and case.meta.generation.mode.is_positive:
            sent.sound[status] += 1
            problem = json.loads(response.content) if status == 422 else {"errors": []}
            for error in problem.get("errors", [{"rule": problem.get("type")}]):
                if not BEYOND_A_SCHEMA.match(error["rule"]):
                    sent.faults.append(f"the document does not say: {error}\n  {told}")


@contextmanager
def bound(production: Production, seed: int) -> Iterator[None]:
    """Requests name what is there, and each is a wish of its own."""
    for name, strategy in FORMATS.items():
        schemathesis.openapi.format(name, strategy)
    accepts, thinned = cycle(["application/json", "text/csv", "application/jsonl"]), random.Random(seed)

    def filter_case(_: Any, case: Any) -> bool:
        told = case.meta
        sent = told is None or told.phase.name != TestPhase.COVERAGE or told.generation.mode.is_positive
        return sent or thinned.randrange(ONE_IN) == 0

    def before_call(_: Any, case: Any, __: dict[str, Any]) -> None:
        chance = random.Random(f"{seed} {case.operation.label} {case.body!r:.10000} {case.query!r:.10000}")
        sound = {each: case.meta is not None and not case.meta.is_negative_at(each) for each in ParameterLocation}
        if sound[ParameterLocation.HEADER] and case.headers:
            if "Idempotency-Key" in case.headers:
                case.headers["Idempotency-Key"] = f"key-{next(KEYS)}"
            for rare in ("If-Match", "On-Behalf-Of", "Last-Event-ID"):
                if chance.random() < 0.8:
                    case.headers.pop(rare, None)
        if case.method == "GET" and case.path.startswith("/v1/"):
            of_feed = case.path.endswith("/events") and chance.random() < 0.9
            case.headers["Accept"] = "application/json" if of_feed else next(accepts)
            if case.path.endswith("/events") and sound[ParameterLocation.QUERY] and chance.random() < 0.2:
                # From the beginning: with nothing left to tell it would be waited for.
                case.headers["Accept"], case.query = "text/event-stream", {}
        _spare_maya(case)
        if sound[ParameterLocation.QUERY] and case.query:
            case.query = {name: _asked(name, value, production, chance) for name, value in case.query.items()}
        if sound[ParameterLocation.BODY] and isinstance(case.body, dict):
            case.body = _there(case.body, production, chance)

    for hook in (filter_case, before_call):
        schemathesis.hook(hook)
    try:
        yield
    finally:
        for hook in (filter_case, before_call):
            schemathesis.hooks.unregister(hook)


def _spare_maya(case: Any) -> None:
    """Who is erased is let in no more, and it is Maya who sends."""
    if case.method == "DELETE" and (case.path_parameters or {}).get("person") == MAYA:
        case.path_parameters = {**case.path_parameters, "person": STRANGER}


def _asked(name: str, value: Any, production: Production, chance: random.Random) -> Any:
    """A parameter that asks for what can be shown."""
    match name, value:
        case (("at_least" | "after"), _) if f"{value}".isdecimal():
            return int(value) % production.position
        case "after", str():
            return chance.choice(CURSORS)
        case "as_of", str():
            return f"{chance.randrange(1, 20)}" if value.isdecimal() or chance.random() < 0.5 else value
        case "production", _:
            return PRODUCTION
        case _:
            return value


def _there(body: dict[str, Any], production: Production, chance: random.Random) -> dict[str, Any]:
    """The body, with most of what it names being there."""
    body = {name: _named(name, value, chance) for name, value in body.items()}
    if "round" in body and body["round"] is not None:
        body["round"] = chance.choice([*production.rounds])
        if "content_hash" in body:
            body["content_hash"] = production.rounds[body["round"]]
    if "until_on" in body and "from_on" in body:
        body["until_on"] = body["from_on"]
    return body


def _named(name: str, value: Any, chance: random.Random) -> Any:
    match value:
        case {"amount": str(), "currency": str()} if len(value) == 2:
            return {"amount": str(chance.randrange(1, 1000)), "currency": "INR"}
        case str() if name in THERE and chance.random() < 0.9:
            return chance.choice(THERE[name])
        case str() if name in ("net", "tax", "amount"):
            return str(chance.randrange(10, 1000))
        case str() if name == "recoverable_tax":
            return "0"
        case {"source": _, "target": _, "rate": _}:
            return None if chance.random() < 0.8 else value
        case list() if name in ("accounts", "charges", "credits"):
            return [_line(each, place, chance) for place, each in enumerate(value)]
        case _:
            return value


def _line(line: Any, place: int, chance: random.Random) -> Any:
    """A line of a budget, under a code of its own."""
    if isinstance(line, dict) and "code" in line:
        return {name: _named(name, value, chance) for name, value in line.items()} | {"code": f"{place}"}
    return line


@pytest.fixture(scope="module")
async def production(server: Server) -> AsyncIterator[Production]:
    """The service over HTTP, and a production with a history."""
    async with fresh(server) as urls:
        async with opened(f"{urls.service}?application_name=office") as office:
            await office.play(EVERYTHING)
            await office.play(SPENT, "rival/second-take")
        with structlog.testing.capture_logs():
            async with (
                served(urls.service, "127.0.0.1", 0) as (_, address, doors),
                httpx2.AsyncClient(verify=NO_TLS) as client,
            ):
                document = (await client.get(f"{address}/openapi.json")).json()
                state = (await doors.handling.production(f"{COMPANY}/{PRODUCTION}")).state
                assert state is not None
                rounds = {number: each.content_hash for number, each in state.approvals.rounds.items()}
                position = await doors.database.pool.fetchval("SELECT max(position) FROM events")
                yield Production(address, doors, document, rounds, position)


def operations(document: dict[str, Any], share: int) -> list[str]:
    """A share of the operations, by their ids."""
    ids = [each["operationId"] for by_method in document["paths"].values() for each in by_method.values()]
    return ids[share::SHARES]


def tell(record_property: Callable[[str, Any], None], sent: Sent) -> None:
    """The figures of the long form."""
    record_property("requests", sent.statuses.total())
    for status, times in sorted(sent.statuses.items()):
        record_property(f"answered {status}", times)


@pytest.fixture
def drawn(seed: int) -> int:
    """One seed for all short runs, a new one for every long one."""
    return seed if LONG or "STORM_SEED" in os.environ else 1


@pytest.mark.parametrize("share", range(SHARES))
async def test_whoever_may_is_answered_as_the_document_says(
    production: Production, share: int, drawn: int, record_property: Callable[[str, Any], None]
) -> None:
    token = await production.token(MAYA)
    sent = await production.storm(drawn, operations(production.document, share), token)
    tell(record_property, sent)

    assert not sent.faults, "\n\n".join(dict.fromkeys(sent.faults))
    decided = sum(sent.sound[status] for status in (200, 201, 403, 404, 409, 412))
    assert decided > 0.8 * sent.sound.total(), "nearly all that is sound reaches a decision"


async def _nothing(_: Production) -> str | None:
    return None


async def _unknown(_: Production) -> str | None:
    return "glt_" + "a" * 43


async def _of_rival(production: Production) -> str | None:
    return await production.token(MAYA, "rival")


async def _of_stranger(production: Production) -> str | None:
    return await production.token(NEWCOMER)


#: What is open to anyone, to any member, and to any member about themselves.
OPEN = {"livez", "readyz", "metrics", "asyncapi"}
OF_A_MEMBER = OPEN | {
    *("inbox", "slate", "delegate_authority", "revoke_delegation", "set_absence", "end_absence"),
    *("members", "keys", "make_key", "revoke_key", "tokens", "identities", "correct_person", "delegations"),
}
#: By who it is: what they bear, what is accepted from them, and what else they are told.
UNENTITLED: dict[str, tuple[Callable[[Production], Awaitable[str | None]], set[str], set[int]]] = {
    "nobody": (_nothing, OPEN, {401, 405}),
    "a token of nobody's": (_unknown, OPEN, {401, 405}),
    "another company's": (_of_rival, OPEN | {"inbox"}, {400, 401, 403, 404, 405, 422}),
    "no role's": (_of_stranger, OF_A_MEMBER, {400, 401, 403, 404, 405, 409, 412, 415, 422}),
}


@pytest.mark.parametrize("who", UNENTITLED)
async def test_whoever_may_not_gets_nothing_done(
    production: Production, who: str, drawn: int, record_property: Callable[[str, Any], None]
) -> None:
    bears, open_to_them, told = UNENTITLED[who]
    before = await production.doors.log.heads(f"{COMPANY}/{PRODUCTION}")
    everything = [each for share in range(SHARES) for each in operations(production.document, share)]
    few = {"max-examples": either(short=1, long=10), "no-shrink": True}
    terms = {"phases": {"coverage": {"enabled": LONG}}, "generation": few}
    sent = await production.storm(drawn, everything, await bears(production), **terms)
    tell(record_property, sent)

    assert not sent.faults, "\n\n".join(dict.fromkeys(sent.faults))
    assert {*sent.accepted} <= open_to_them
    assert {*sent.statuses} <= {200, 201, *told}
    assert await production.doors.log.heads(f"{COMPANY}/{PRODUCTION}") == before
