"""Who may not read pay and detail above the line finds none of it anywhere; who may reads as before."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute

from events.ids import PersonId
from events.policy import Approver, RequestKind, Rule, Step, When
from events.spend import SpendKind
from events.team import Role
from service.app import create
from service.deciders.approval import Approve, CannotTakeEffect
from service.deciders.company import OPERATOR, AdmitMember, NotForOneself, SuspendMember
from service.deciders.confidential import WITHHELD
from service.deciders.delegation import SetAbsence
from service.deciders.team import Appoint, EndAppointment
from service.embedded import Server
from service.routes import feed
from service.routes.access import Doors
from service.routes.commands import _without_figures
from service.serving import served
from tests.clients import NO_TLS
from tests.conftest import fresh
from tests.deciders.closed import (
    CLOSED,
    DRESSING,
    DRONES,
    LEAD,
    NOWHERE,
    OWN,
    POLICY,
    TOLD,
    hashes,
    story,
    under_approval,
)
from tests.deciders.commitments import requisition
from tests.deciders.rounds import adopted
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    ART,
    ASSOCIATE_PRODUCER,
    CONTINGENCY,
    DEPARTMENT_HEAD,
    DIRECTOR,
    FIRST_DAY,
    LINE_PRODUCER,
    MAYA,
    NEWCOMER,
    NOOR,
    PRODUCER,
    STORY,
    STRANGER,
    TODAY,
    content,
    spend,
)
from tests.handling.office import Office, opened
from tests.routes.test_stream import messages
from tests.spec import play

PATIENCE = 60
AT = "/v1/acme/the-long-take"
JSON, CSV, JSON_LINES = "application/json", "text/csv", "application/jsonl"
#: Without the right to read what is confidential: by role, by their own accounts, and as administrator alone.
WITHOUT = (DIRECTOR, DEPARTMENT_HEAD, ADMINISTRATOR, ASSOCIATE_PRODUCER)
#: What a round shows the associate producer in full, since it asks them.
ASKED = {
    "an overage for the lead",
    "an overage for the story",
    "an overage that was turned down",
    "an overage that waits",
    "what was said of a fee",
    "why it was asked for",
}


@dataclass
class Studio:
    """A service at an address after the story, and an office beside it through which things happen."""

    address: str
    doors: Doors
    office: Office
    last: int

    async def token(self, person: PersonId) -> str:
        return (await self.doors.tokens.create("acme", person, datetime.now(UTC), timedelta(hours=1)))[1]

    async def get(self, person: PersonId, path: str, accept: str = JSON, **asked: Any) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {await self.token(person)}", "Accept": accept}
        async with httpx2.AsyncClient(base_url=self.address, timeout=PATIENCE, verify=NO_TLS) as client:
            return await client.get(path if path.startswith("/") else f"{AT}/{path}", headers=headers, params=asked)

    async def read(self, person: PersonId, path: str, **asked: Any) -> dict[str, Any]:
        answer = await self.get(person, path, **asked)
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    async def stream(self, person: PersonId, count: int, **asked: Any) -> str:
        """So many messages of the feed as it streams."""
        headers = {"Authorization": f"Bearer {await self.token(person)}", "Accept": "text/event-stream"}
        async with (
            httpx2.AsyncClient(base_url=self.address, timeout=PATIENCE, verify=NO_TLS) as client,
            client.stream("GET", "/v1/acme/events", headers=headers, params=asked) as answer,
            asyncio.timeout(PATIENCE),
        ):
            assert answer.status_code == 200, await answer.aread()
            told = messages(answer.aiter_lines())
            return json.dumps([(await anext(told))[1] for _ in range(count)])


async def issuing(studio: Studio) -> Studio:
    """With a report that was issued, over HTTP: it is made of the views."""
    headers = {"Authorization": f"Bearer {await studio.token(ACCOUNTANT)}", "Idempotency-Key": "issued"}
    async with httpx2.AsyncClient(base_url=studio.address, timeout=PATIENCE, verify=NO_TLS) as client:
        answer = await client.post(f"{AT}/issue-cost-report", json={"posted_to": "2027-01-01"}, headers=headers)
    assert answer.status_code == 201, answer.text
    return replace(studio, last=answer.json()["position"])


@pytest.fixture(scope="module")
async def studio(server: Server) -> AsyncIterator[Studio]:
    """One for all tests here, which leave the log as it is."""
    async with fresh(server) as urls, opened(urls.service) as office:
        answers = await office.play(story())
        async with served(urls.service, "127.0.0.1", 0) as (_, address, doors):
            yield await issuing(Studio(address, doors, office, answers[-1].position))


@pytest.fixture
async def own(server: Server) -> AsyncIterator[Studio]:
    """One that a test may change."""
    async with fresh(server) as urls, opened(urls.service) as office:
        answers = await office.play(story())
        async with served(urls.service, "127.0.0.1", 0) as (_, address, doors):
            yield await issuing(Studio(address, doors, office, answers[-1].position))


def figures(text: str) -> set[str]:
    """Every number in the text, without the commas and the decimals that it may be written with."""
    return {number.replace(",", "") for number in re.findall(r"[0-9][0-9,]*", text)}


def named(text: str, closed: dict[str, str]) -> set[str]:
    """What of the figures stands in the text."""
    there = figures(text)
    return {what for what, figure in closed.items() if figure in there}


Look = Callable[[Studio, PersonId], Awaitable[list[httpx2.Response]]]


def view(path: str, **asked: Any) -> Look:
    async def look(studio: Studio, person: PersonId) -> list[httpx2.Response]:
        last = (await studio.read(person, path, at_least=studio.last)).get("version")
        then = [] if last is None else [await studio.get(person, path, as_of=last, **asked)]
        return [await studio.get(person, path, at_least=studio.last, **asked), *then]

    return look


def listed(path: str) -> Look:
    async def look(studio: Studio, person: PersonId) -> list[httpx2.Response]:
        found, after = [], None
        while not found or after is not None:
            cursor = {} if after is None else {"after": after}
            found.append(await studio.get(person, path, limit=50, at_least=studio.last, **cursor))
            after = found[-1].json()["next"]
        return [*found, *[await studio.get(person, path, each, at_least=studio.last) for each in (CSV, JSON_LINES)]]

    return look


def door(path: str) -> Look:
    async def look(studio: Studio, person: PersonId) -> list[httpx2.Response]:
        return [await studio.get(person, f"/v1/acme/{path}")]

    return look


def of_administrators(path: str) -> Look:
    async def look(studio: Studio, person: PersonId) -> list[httpx2.Response]:
        answer = await studio.get(person, f"/v1/acme/{path}")
        assert answer.status_code == (200 if person == ADMINISTRATOR else 403)
        return [answer] if person == ADMINISTRATOR else []

    return look


async def fed(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    found = [await studio.get(person, "/v1/acme/events", limit=500, production="the-long-take")]
    if person == ADMINISTRATOR:
        found.append(await studio.get(person, "/v1/acme/events", limit=500))
    return found


VERSIONS = ("v1", "v2", "v3")


async def versions(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    return [await studio.get(person, f"budgets/{each}", at_least=studio.last) for each in VERSIONS]


async def compared(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    pairs = [(new, old) for new in VERSIONS for old in VERSIONS if new > old]
    return [await studio.get(person, f"budgets/{new}/compare", against=old) for new, old in pairs]


async def explained(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    """Every figure of the first version and the last: of every row that anybody may read of, and of every total."""
    found = []
    for each in (VERSIONS[0], VERSIONS[-1]):
        whole = (await studio.get(ACCOUNTANT, f"budgets/{each}", at_least=studio.last)).json()
        codes = [row["code"] for kind in ("accounts", "charges", "credits") for row in whole[kind]]
        asked = [*(f"accounts/{code}" for code in codes), *(f"totals/{total}" for total in whole["totals"])]
        found += [await studio.get(person, f"budgets/{each}/{figure}") for figure in asked]
    assert {answer.status_code for answer in found} <= {200, 403}
    return [answer for answer in found if answer.status_code == 200]


async def varied(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    """Copies and variants of versions, which are for those who may read everything."""
    asked = [f"budgets/{each}/{what}" for each in VERSIONS for what in ("copy", "what-if")]
    found = [await studio.get(person, path, at_least=studio.last, percent="-100") for path in asked]
    found += [await studio.get(person, path, at_least=studio.last) for path in asked]
    assert len({answer.status_code for answer in found}) == 1
    return [answer for answer in found if answer.status_code != 403]


async def costs(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    """The report and the vendors, which are for those who may read everything."""
    asked = [
        "cost-report",
        "cost-reports",
        "cost-reports/CR-1",
        "vendors",
        "withholding",
        *(f"cost-report/accounts/{code}" for code in (ART, STORY, LEAD)),
    ]
    found = [await studio.get(person, path, at_least=studio.last) for path in asked]
    assert len({answer.status_code for answer in found}) == 1
    return [answer for answer in found if answer.status_code != 403]


async def hot(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    """Days of an account, which are for those who may read everything."""
    days = {"from": (TODAY - timedelta(days=60)).isoformat(), "to": TODAY.isoformat(), "account": LEAD}
    found = [await studio.get(person, "hot-costs", each, **days) for each in (JSON, CSV)]
    found += [await studio.get(person, f"hot-costs/{TODAY}/accounts/{code}") for code in (ART, LEAD)]
    assert len({answer.status_code for answer in found}) == 1
    return [answer for answer in found if answer.status_code != 403]


async def taken_apart(studio: Studio, person: PersonId) -> list[httpx2.Response]:
    """A commitment and a vendor, which are for those who may read everything."""
    found = [await studio.get(person, path) for path in ("commitment-register/PO-0001", "vendors/kala-sets")]
    assert {answer.status_code for answer in found} <= {200, 403, 404}
    return [answer for answer in found if answer.status_code == 200]


#: How every address that is read under `/v1` is read: a new one is asked for here, and no figure may stand in it.
LOOKS: dict[str, Look] = {
    "/v1/{company}/{production}/current-budget": view("current-budget"),
    "/v1/{company}/{production}/budgets/{budget}": versions,
    "/v1/{company}/{production}/budgets/{budget}/accounts/{account}": explained,
    "/v1/{company}/{production}/budgets/{budget}/totals/{total}": explained,
    "/v1/{company}/{production}/budgets/{budget}/compare": compared,
    "/v1/{company}/{production}/budgets/{budget}/copy": varied,
    "/v1/{company}/{production}/budgets/{budget}/what-if": varied,
    "/v1/{company}/{production}/charts/{chart}": door("the-long-take/charts/feature"),
    "/v1/{company}/{production}/approval-status": view("approval-status"),
    "/v1/{company}/{production}/cost-report": costs,
    "/v1/{company}/{production}/cost-reports": costs,
    "/v1/{company}/{production}/cost-reports/{report}": costs,
    "/v1/{company}/{production}/vendors": costs,
    "/v1/{company}/{production}/cost-report/accounts/{account}": costs,
    "/v1/{company}/{production}/commitment-register": view("commitment-register"),
    "/v1/{company}/{production}/advances": view("advances"),
    "/v1/{company}/{production}/commitment-register/{commitment}": taken_apart,
    "/v1/{company}/{production}/vendors/{vendor}": taken_apart,
    "/v1/{company}/{production}/withholding": costs,
    "/v1/{company}/{production}/hot-costs": hot,
    "/v1/{company}/{production}/hot-costs/{day}/accounts/{account}": hot,
    "/v1/{company}/slate": door("slate"),
    "/v1/{company}/{production}/funding": view("funding"),
    "/v1/{company}/{production}/periods": view("periods"),
    "/v1/{company}/{production}/audit-trail": listed("audit-trail"),
    "/v1/{company}/{production}/exceptions": listed("exceptions"),
    "/v1/{company}/{production}/spend-register": listed("spend-register"),
    "/v1/{company}/{production}/flags": listed("flags"),
    "/v1/{company}/events": fed,
    "/v1/inbox": view("/v1/inbox"),
    "/v1/{company}/members": door("members"),
    "/v1/{company}/keys": door("keys"),
    "/v1/{company}/tokens": door("tokens"),
    "/v1/{company}/identities": door("identities"),
    "/v1/{company}/delegations": door("delegations"),
    "/v1/{company}/directory-changes": of_administrators("directory-changes"),
}


async def everything(studio: Studio, person: PersonId) -> str:
    """All bytes, headers too, that somebody is answered by whatever can be read."""
    text = ""
    for look in LOOKS.values():
        for answer in await look(studio, person):
            assert answer.status_code == 200, answer.text
            text += f"{answer.text}\n{answer.headers}\n"
    for budget in ("v1", "v2", "v3"):
        text += (await studio.get(person, "current-budget", budget=budget)).text
    events = await studio.doors.log.read_stream("acme/the-long-take")
    return text + await studio.stream(person, len(events), production="the-long-take")


class TestWhoeverHasNoRight:
    def test_is_tried_on_every_address_that_is_read(self) -> None:
        routes = create("postgresql://nowhere/at-all").routes
        read = {route.path for route in routes if isinstance(route, APIRoute) and "GET" in route.methods}

        assert {path for path in read if path.startswith("/v1/")} == LOOKS.keys()

    @pytest.mark.parametrize("person", WITHOUT)
    async def test_finds_no_figure_in_anything_that_can_be_read(self, studio: Studio, person: PersonId) -> None:
        text = await everything(studio, person)

        but = ASKED if person == ASSOCIATE_PRODUCER else set()
        assert named(text, CLOSED) == but
        assert named(text, OWN) == (OWN.keys() if person == DEPARTMENT_HEAD else set())
        assert named(text, TOLD) == TOLD.keys()

    @pytest.mark.parametrize("person", WITHOUT)
    async def test_finds_no_hash_of_what_a_round_asks_about_by_which_its_figure_could_be_guessed(
        self, studio: Studio, person: PersonId
    ) -> None:
        of_whom_it_asks = [RequestKind.OVERAGE] if person == ASSOCIATE_PRODUCER else []
        text = await everything(studio, person)

        assert len(hashes(story())) > len(hashes(story(), RequestKind.OVERAGE)) > 5
        assert [number for number, each in hashes(story(), *of_whom_it_asks).items() if each in text] == []

    async def test_finds_them_when_they_have(self, studio: Studio) -> None:
        for person in (ACCOUNTANT, MAYA):
            text = await everything(studio, person)

            assert named(text, CLOSED | OWN | TOLD) == (CLOSED | OWN | TOLD).keys()
            assert WITHHELD not in text

    async def test_is_told_so_wherever_something_is_left_out(self, studio: Studio) -> None:
        for path in ("current-budget", "approval-status", "audit-trail", "spend-register", "flags"):
            shown = await studio.get(DIRECTOR, path, at_least=studio.last)
            assert (shown.json()["withheld"], shown.headers["withheld"]) == (WITHHELD, WITHHELD)
            whole = await studio.get(ACCOUNTANT, path, at_least=studio.last)
            assert (whole.json()["withheld"], whole.headers.get("withheld")) == (None, None)
        for path in ("audit-trail", "spend-register", "flags"):
            for accept in (CSV, JSON_LINES):
                assert (await studio.get(DIRECTOR, path, accept)).headers["withheld"] == WITHHELD
        page = await studio.get(DIRECTOR, "/v1/acme/events", production="the-long-take")
        assert (page.json()["withheld"], page.headers["withheld"]) == (WITHHELD, WITHHELD)


class TestTheBudget:
    async def test_counts_what_it_leaves_out_and_keeps_its_totals(self, studio: Studio) -> None:
        for_director, whole = [await studio.read(p, "current-budget", at_least=studio.last) for p in (DIRECTOR, MAYA)]

        levels = {level["level"]: level for level in for_director["shown"]["levels"]}
        assert [(name, each["withheld"]) for name, each in levels.items()] == [
            ("above_the_line", 3),
            ("production", 0),
            ("post", 0),
            ("other", 0),
        ]
        assert levels["above_the_line"]["accounts"] == []
        for own, all_of_it in zip(for_director["shown"]["levels"], whole["shown"]["levels"], strict=True):
            less = {"accounts", "withheld"}
            assert {k: v for k, v in own.items() if k not in less} == {
                k: v for k, v in all_of_it.items() if k not in less
            }
        assert for_director["shown"]["top_sheet"] == whole["shown"]["top_sheet"]

    async def test_shows_no_base_that_is_a_level_less_an_account(self, studio: Studio) -> None:
        charges = (await studio.read(DIRECTOR, "current-budget", at_least=studio.last))["shown"]["charges"]

        assert [(each["percent"], each["base"] is None) for each in charges] == [
            ("10", False),
            (None, True),
            (None, True),
        ]
        assert charges[1]["budget"] == "600011.00"

    async def test_shows_no_wage_by_the_flag_that_it_raised_on_an_open_account(self, own: Studio) -> None:
        for wage, document in (("7000003", "W-1"), ("1000211", "W-2")):
            await own.office.send(ACCOUNTANT, spend(ART, wage, document, kind=SpendKind.PAYROLL, vendor="crew-payroll"))
        last = (await own.office.send(ACCOUNTANT, spend(ART, "1", "W-3"))).position

        for_director, whole = [
            (await own.read(person, "current-budget", at_least=last))["flags"] for person in (DIRECTOR, MAYA)
        ]
        flags = {each["flag"] for each in whole if each["kind"] == "AccountOverspent" and each["figures"]}
        assert len(flags) >= 2
        assert {each["flag"] for each in for_director if each["figures"]}.isdisjoint(flags)

    async def test_shows_no_figure_of_spend_outside_it(self, studio: Studio) -> None:
        outside = (await studio.read(DEPARTMENT_HEAD, "current-budget", at_least=studio.last))["shown"]["spent_outside"]

        assert {each["account"]: each["spent"] for each in outside} == {
            DRONES: f"{OWN['spend on drones']}.00",
            CONTINGENCY: "35520.00",
            NOWHERE: None,
        }


class TestTheRegister:
    async def test_leaves_entries_out_before_every_filter_and_sum(self, studio: Studio) -> None:
        whole = (await studio.read(ACCOUNTANT, "spend-register", at_least=studio.last))["lines"]
        for asked in (
            {},
            {"kind": "payroll"},
            {"account": ART},
            {"account": LEAD},
            {"vendor": "lead-inc"},
            {"amount_min": "900000"},
        ):
            shown = await studio.read(DIRECTOR, "spend-register", at_least=studio.last, **asked)
            assert all(line["kind"] != "payroll" for line in shown["lines"])
            total = sum(float(line["amount"]) for line in shown["lines"])
            assert float(shown["total"]) == total
            assert not shown["lines"] or float(shown["lines"][-1]["running_total"]) == total
        wages = {line["spend"] for line in whole if line["kind"] == "payroll"}
        assert wages == {"S-000008", "S-000009", "S-000010", "S-000015", "S-000021"}
        # The last is what currency made of a wage, on an account that is open.
        for spend_id in ("S-000004", "S-000006", "S-000008", "S-000009", "S-000022"):
            found = await studio.read(DIRECTOR, "spend-register", spend=spend_id)
            assert (found["lines"], found["total"]) == ([], "0.00")

    async def test_leaves_out_what_ever_stood_on_a_closed_account_as_of_then_too(self, studio: Studio) -> None:
        """An entry that is moved above the line later is closed for the time before as well."""
        moved = next(
            each["version"]
            for each in (await studio.read(ACCOUNTANT, "spend-register", spend="S-000007"))["lines"]
            if each["line"] == "spend"
        )
        assert len((await studio.read(ACCOUNTANT, "spend-register", spend="S-000007", as_of=moved))["lines"]) == 1
        assert (await studio.read(DIRECTOR, "spend-register", spend="S-000007", as_of=moved))["lines"] == []


class TestTheTrail:
    async def test_keeps_every_fact_in_its_place(self, studio: Studio) -> None:
        shown, whole = [
            (await studio.read(person, "audit-trail", limit=500, at_least=studio.last))["entries"]
            for person in (DIRECTOR, ACCOUNTANT)
        ]
        keep = ("version", "position", "event_id", "kind", "at", "actor", "roles", "command")
        nothing = ("reason", "amount", "currency", "account", "other_account", "before", "after")

        assert [[each[name] for name in keep] for each in shown] == [[each[name] for name in keep] for each in whole]
        withheld = [each for each in shown if each["withheld"] is not None]
        assert {each["sentence"] for each in withheld} == {WITHHELD}
        assert all(each[name] is None for each in withheld for name in nothing)
        for own, all_of_it in zip(shown, whole, strict=True):
            assert own["withheld"] is not None or own == all_of_it

    async def test_is_no_oracle(self, studio: Studio) -> None:
        """No filter finds what is withheld, not even that it is there."""
        fee = CLOSED["a fee paid to the lead"]
        for asked in (
            {"amount_min": fee, "amount_max": fee},
            {"account": LEAD},
            {"account": STORY},
            {"account": DRESSING},
            {"text": "982,451"},
            {"text": "lead-inc"},
            {"text": "agent wants"},
            {"text": "payroll"},
        ):
            assert (await studio.read(ACCOUNTANT, "audit-trail", at_least=studio.last, **asked))["entries"] != []
            assert (await studio.read(DIRECTOR, "audit-trail", at_least=studio.last, **asked))["entries"] == []
        everything_else = await studio.read(DIRECTOR, "audit-trail", kind="SpendLogged", actor=ACCOUNTANT)
        assert any(each["withheld"] for each in everything_else["entries"])


class TestARound:
    async def test_shows_itself_in_full_to_whom_it_asks(self, studio: Studio) -> None:
        waits = CLOSED["an overage that waits"]
        rounds = {
            person: (await studio.read(person, "approval-status", at_least=studio.last))["rounds"]
            for person in (ASSOCIATE_PRODUCER, DIRECTOR, ACCOUNTANT)
        }
        [asked], [others], [whole] = (
            [each for each in found if each["subject"] == LEAD and each["state"] == "open"] for found in rounds.values()
        )

        assert asked == whole
        assert (asked["amount"]["amount"], asked["body"]["amount"]) == (f"{waits}.00", waits)
        assert (others["amount"], others["body"], others["submitted_because"]) == (None, None, None)
        assert (others["content_hash"], len(whole["content_hash"])) == (None, 64)
        keep = ("round", "subject", "state", "steps", "waits_for", "may")
        assert [others[name] for name in keep] == [whole[name] for name in keep]

        [item] = (await studio.read(ASSOCIATE_PRODUCER, "/v1/inbox", at_least=studio.last))["items"]
        assert item["amount"]["amount"] == f"{waits}.00"

    async def test_keeps_who_answered_what_but_not_their_words(self, studio: Studio) -> None:
        for person in (DIRECTOR, DEPARTMENT_HEAD):
            shown, whole = [
                (await studio.read(each, "approval-status", at_least=studio.last))["rounds"]
                for each in (person, ACCOUNTANT)
            ]
            for own, all_of_it in zip(shown, whole, strict=True):
                votes, all_votes = own["decisions"], all_of_it["decisions"]
                assert [v["person"] for v in votes] == [v["person"] for v in all_votes]
                assert own["withheld"] is None or all(v["words"] is None for v in votes) or own["kind"] == "budget"
        [policy] = [each for each in shown if each["kind"] == "policy_change"]
        assert policy["body"] is not None

    async def test_about_payments_shows_nobody_else_how_much(self, studio: Studio) -> None:
        shown = (await studio.read(DIRECTOR, "approval-status", at_least=studio.last))["rounds"]

        assert {each["amount"] for each in shown if each["kind"] == "payment"} == {None}

    async def test_answered_tells_the_answerer_what_they_may_read_and_no_more(self, own: Studio) -> None:
        """Approving, asked, makes facts of closed accounts happen; so does a reminder by whoever likes."""
        async with httpx2.AsyncClient(base_url=own.address, timeout=PATIENCE, verify=NO_TLS) as client:
            waits = (await own.read(ASSOCIATE_PRODUCER, "/v1/inbox", at_least=own.last))["items"][0]
            answer = {"round": waits["round"], "content_hash": "0" * 64}
            guessed = [
                await _post(own, client, DIRECTOR, "approve", answer | {"content_hash": each})
                for each in ("0" * 64, waits["content_hash"])
            ]
            stale = await _post(own, client, ASSOCIATE_PRODUCER, "approve", answer)
            given = await _post(
                own,
                client,
                ASSOCIATE_PRODUCER,
                "approve",
                answer | {"content_hash": waits["content_hash"], "words": "So be it."},
            )
            passed = await _post(own, client, MAYA, "approve", answer | {"content_hash": waits["content_hash"]})

        assert guessed[0].text == guessed[1].text
        assert [each.status_code for each in (*guessed, stale)] == [403, 403, 409]
        assert stale.json()["detail"] == (
            f"Round {waits['round']} asks about content not shown to your roles; you saw {'0' * 64},"
            " which differs from it."
        )
        assert stale.json()["figures"]["asked"] is None
        assert waits["content_hash"] not in stale.text
        assert given.status_code == passed.status_code == 201
        assert [("data" in each, each.get("withheld")) for each in given.json()["events"]] == [
            (False, WITHHELD),
            (True, None),
        ]
        assert all("data" in each for each in passed.json()["events"])
        assert not named(stale.text + given.text, CLOSED)

    async def test_tells_who_is_not_asked_no_lines_that_changed(self, server: Server) -> None:
        told = under_approval()
        async with fresh(server) as urls, opened(urls.service) as office:
            last = (await office.play(told))[-1].position
            async with (
                served(urls.service, "127.0.0.1", 0) as (_, address, doors),
                httpx2.AsyncClient(base_url=address, timeout=PATIENCE, verify=NO_TLS) as client,
            ):
                studio, seen = Studio(address, doors, office, last), {"round": "A-1", "content_hash": content(told)}
                to_director = await _post(studio, client, DIRECTOR, "approve", seen)
                to_maya = await _post(studio, client, MAYA, "approve", seen)

        assert (to_director.status_code, to_maya.status_code) == (403, 409)
        assert named(to_director.text, CLOSED) == set()
        assert named(to_maya.text, CLOSED) == {"the lead's budget at first", "the lead's budget"}

    def test_that_cannot_take_effect_quotes_no_figures_to_them(self) -> None:
        refusal = _without_figures(CannotTakeEffect(LEAD, "Account 1200 has INR 17,624,813.00"))

        assert (refusal.status, named(str(refusal), CLOSED)) == (409, set())


class TestARequisition:
    """Raised by a department head, the one who sends commands without the right."""

    async def raised(self, own: Studio, amount: str, account: str = ART) -> httpx2.Response:
        line = {"account": account, "amount": amount, "what": "Timber"}
        async with httpx2.AsyncClient(base_url=own.address, timeout=PATIENCE, verify=NO_TLS) as client:
            return await _post(own, client, DEPARTMENT_HEAD, "raise-requisition", {"lines": [line]})

    async def test_is_shown_to_whom_raised_it_and_in_the_register(self, own: Studio) -> None:
        answer = await self.raised(own, "101")
        [fact] = answer.json()["events"]
        at_least = answer.json()["position"]
        found = await own.read(DEPARTMENT_HEAD, "commitment-register", at_least=at_least)

        assert fact["data"]["lines"] == [{"account": ART, "amount": "101.00", "what": "Timber"}]
        assert [(each["requisition"], each["state"]) for each in found["requisitions"]] == [("REQ-2", "open")]
        assert found["requisitioned"] == "101.00"

    async def test_that_is_refused_tells_no_figure_but_theirs(self, own: Studio) -> None:
        line = {"account": ART, "amount": "999999999", "what": "Timber"}
        async with httpx2.AsyncClient(base_url=own.address, timeout=PATIENCE, verify=NO_TLS) as client:
            answer = await _post(own, client, DEPARTMENT_HEAD, "raise-requisition", {"lines": [line]})
            whole = await _post(own, client, LINE_PRODUCER, "raise-requisition", {"lines": [line]})

        assert (answer.status_code, whole.status_code) == (409, 409)
        assert answer.json()["figures"] == {
            "document": "REQ-2",
            "requested": {"amount": "999999999.00", "currency": "INR"},
            "what": "the total budget",
            "may": "executive_producer",
        }
        assert figures(answer.json()["detail"]) == {"999999999", "00", "2"}
        assert whole.json()["figures"]["over"]["amount"] in whole.text

    async def test_that_is_let_pass_beyond_the_account_tells_whoever_raised_it_not_how_far(self, own: Studio) -> None:
        answer = await self.raised(own, "3000000")

        [fact] = answer.json()["events"]
        assert (fact["type"], "data" in fact, fact["withheld"]) == ("RequisitionRaised", False, WITHHELD)

    async def test_tells_whoever_raised_it_not_what_counts_together_with_it(self, own: Studio) -> None:
        step = Step((Approver(Role.LINE_PRODUCER),))
        asks = replace(POLICY, rules=(*POLICY.rules, Rule("Asked", When((RequestKind.REQUISITION,)), (step,))))
        rounds = len(play(story()).production.approvals.rounds)  # type: ignore[union-attr]
        for person, command in adopted(story(), asks)[len(story()) :]:
            await own.office.send(person, command)
        await own.office.send(PRODUCER, requisition((ART, "7"), (LEAD, CLOSED["an order for the story"])))
        at_least = (await self.raised(own, "101")).json()["position"]

        theirs = (await own.read(DEPARTMENT_HEAD, "approval-status", at_least=at_least))["rounds"][:2]
        for_all = (await own.read(LINE_PRODUCER, "approval-status", at_least=at_least))["rounds"][0]
        asked = (await own.read(LINE_PRODUCER, "/v1/inbox", at_least=at_least))["items"]

        assert [(each["round"], each["counted"], each["withheld"]) for each in theirs] == [
            (f"A-{rounds + 3}", None, WITHHELD),
            (f"A-{rounds + 2}", None, WITHHELD),
        ]
        assert theirs[0]["in_english"] == "Let REQ-3, INR 101.00, be ordered: Timber (2200, 101.00)."
        assert for_all["counted"]["amount"] == "123057.00"
        assert [each["subject"] for each in asked if each["kind"] == "requisition"] == ["REQ-2", "REQ-3"]


async def _post(
    studio: Studio, client: httpx2.AsyncClient, person: PersonId, command: str, body: dict[str, Any]
) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {await studio.token(person)}", "Idempotency-Key": f"{person}-{command}"}
    return await client.post(f"{AT}/{command}", headers=headers, json=body)


class TestWhoMayRead:
    async def test_whoever_acts_for_somebody_reads_what_they_read(self, own: Studio) -> None:
        async def lines() -> int:
            return len((await own.read(DIRECTOR, "spend-register", at_least=own.last, limit=500))["lines"])

        before = await lines()
        today = datetime.now(UTC).date()
        absence = SetAbsence(
            substitute=DIRECTOR,
            from_on=today - timedelta(days=1),
            until_on=today + timedelta(days=1),
        )
        await own.office.send(ACCOUNTANT, absence)

        assert await lines() > before
        assert (await own.read(DIRECTOR, "spend-register"))["withheld"] is None
        await own.office.send(ADMINISTRATOR, SuspendMember(person=ACCOUNTANT, reason="A lost laptop."))
        assert (await own.read(DIRECTOR, "spend-register"))["withheld"] == WITHHELD

    async def test_an_administrator_whom_the_company_lets(self, own: Studio) -> None:
        assert (await own.read(ADMINISTRATOR, "spend-register", at_least=own.last))["withheld"] == WITHHELD
        let = AdmitMember(person=ADMINISTRATOR, reads_confidential=True)
        with pytest.raises(NotForOneself):
            await own.office.send(ADMINISTRATOR, let)
        await own.office.send(OPERATOR, let)

        assert (await own.read(ADMINISTRATOR, "spend-register"))["withheld"] is None
        assert WITHHELD not in (await own.get(ADMINISTRATOR, "/v1/acme/events", limit=500)).text

    async def test_roles_are_todays_whatever_moment_is_looked_at(self, own: Studio) -> None:
        await own.office.send(MAYA, Appoint(person=STRANGER, role=Role.ACCOUNTANT, from_on=FIRST_DAY))
        then = (await own.read(STRANGER, "current-budget", at_least=own.last))["version"]
        assert (await own.read(STRANGER, "current-budget", as_of=then))["withheld"] is None
        await own.office.send(MAYA, Appoint(person=STRANGER, role=Role.DIRECTOR, from_on=FIRST_DAY))
        await own.office.send(MAYA, EndAppointment(person=STRANGER, role=Role.ACCOUNTANT))

        for path in ("current-budget", "audit-trail", "spend-register", "approval-status"):
            assert (await own.read(STRANGER, path, as_of=then))["withheld"] == WITHHELD

    async def test_whom_a_round_asked_then_does_not_read_it_for_that(self, own: Studio) -> None:
        async def waits(**asked: Any) -> list[Any]:
            rounds = (await own.read(ASSOCIATE_PRODUCER, "approval-status", **asked))["rounds"]
            return [each["amount"] for each in rounds if each["subject"] == LEAD and each["state"] == "open"]

        amount = {"amount": f"{CLOSED['an overage that waits']}.00", "currency": "INR"}
        then = (await own.read(ASSOCIATE_PRODUCER, "approval-status", at_least=own.last))["version"]
        assert await waits() == [amount]
        await own.office.send(MAYA, Appoint(person=ASSOCIATE_PRODUCER, role=Role.DIRECTOR, from_on=FIRST_DAY))
        ended = EndAppointment(person=ASSOCIATE_PRODUCER, role=Role.ASSOCIATE_PRODUCER)
        await own.office.send(MAYA, ended)
        newest = (await own.read(NOOR, "approval-status", at_least=await _last(own)))["rounds"][0]
        await own.office.send(NOOR, Approve(round=newest["round"], content_hash=newest["content_hash"]))

        assert await waits(at_least=await _last(own)) == [None]
        assert await waits(as_of=then) == [None]


async def _last(studio: Studio) -> int:
    position: int = await studio.doors.database.pool.fetchval("SELECT max(position) FROM events")
    return position


#: Runs the company as well, and is let read everything in the tests of streams.
ANOTHER = NEWCOMER

Change = Callable[[Studio], Awaitable[Any]]
CHANGES: dict[str, tuple[PersonId, Change]] = {
    "gained by a role": (
        DIRECTOR,
        lambda studio: studio.office.send(MAYA, Appoint(person=DIRECTOR, role=Role.ACCOUNTANT, from_on=FIRST_DAY)),
    ),
    "lost with a role": (
        STRANGER,
        lambda studio: studio.office.send(MAYA, EndAppointment(person=STRANGER, role=Role.ACCOUNTANT)),
    ),
    "given by the company": (
        ADMINISTRATOR,
        lambda studio: studio.office.send(OPERATOR, AdmitMember(person=ADMINISTRATOR, reads_confidential=True)),
    ),
    "taken by the company": (
        ANOTHER,
        lambda studio: studio.office.send(ADMINISTRATOR, AdmitMember(person=ANOTHER, reads_confidential=False)),
    ),
    "of other accounts": (
        DEPARTMENT_HEAD,
        lambda studio: studio.office.send(
            MAYA,
            Appoint(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(NOWHERE,)),
        ),
    ),
}


class TestAStream:
    @pytest.mark.parametrize(("person", "change"), CHANGES.values(), ids=CHANGES)
    async def test_ends_when_the_right_changes_since_what_is_read_does_not(
        self, own: Studio, monkeypatch: pytest.MonkeyPatch, person: PersonId, change: Change
    ) -> None:
        monkeypatch.setattr(feed, "CHECK_SECONDS", 0.05)
        for role in (Role.ACCOUNTANT, Role.DIRECTOR):
            await own.office.send(MAYA, Appoint(person=STRANGER, role=role, from_on=FIRST_DAY))
        granted = AdmitMember(person=ANOTHER, administrator=True, reads_confidential=True)
        await own.office.send(ADMINISTRATOR, granted)
        asked = {} if person in (ADMINISTRATOR, ANOTHER) else {"production": "the-long-take"}
        after = await _last(own)
        headers = {"Authorization": f"Bearer {await own.token(person)}", "Accept": "text/event-stream"}
        async with (
            httpx2.AsyncClient(base_url=own.address, timeout=PATIENCE, verify=NO_TLS) as client,
            client.stream("GET", "/v1/acme/events", headers=headers, params=asked | {"after": after}) as answer,
            asyncio.timeout(PATIENCE),
        ):
            stream = messages(answer.aiter_lines())
            await own.office.send(LINE_PRODUCER, spend(ART, "60013", "KS-9"))
            assert "60013" in json.dumps((await anext(stream))[1])
            await change(own)
            told = [event async for _, event in stream]

        assert len(told) < 20
