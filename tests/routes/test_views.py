"""What the views show: figures, now and then; lists let through what was asked for, page by page or whole."""

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx2
import pytest

from events.delegation import Power
from events.financing import FundingKind
from events.production import Stage
from events.team import Role
from projections import current_budget, spend_register
from projections.projection import Projection
from service import verify
from service.deciders.approval import CloseCondition, OverrideStep, ReassignStep, Reject, RequestChanges
from service.deciders.budget import LockBudget, UnlockBudget
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, DismissMember
from service.deciders.green_light import GreenlightProduction
from service.deciders.payment import RequestPayment
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget
from service.directory import By
from service.embedded import Server
from service.problems import Problem
from service.routes import views
from service.routes.views import caught_up
from tests.deciders import rounds
from tests.deciders.ladders import waive
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    ART,
    AUDITOR,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FEATURE,
    FUNDED,
    GUARANTOR,
    INSURANCE,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    SPENT,
    STORY,
    STRANGER,
    SUBMITTED,
    TWO_HATS,
    UNRECONCILED_BUDGET,
    appoint,
    budget,
    equity,
    inr,
    reverse,
    spend,
)
from tests.projections.desk import tampered
from tests.routes.world import World, opened_world
from tests.spec import MORNING, Story
from tests.test_database import held

OVER: list[tuple[str, Command]] = [
    (LINE_PRODUCER, spend(ART, "200000", "=KS-4", vendor="chai-point", vendor_name="Chai Point")),
    (LINE_PRODUCER, spend("9999", "70", "KS-5", memo="Nobody's")),
]


BY = By(ADMINISTRATOR, MORNING)


@pytest.fixture(scope="module")
async def spent(shared: World) -> World:
    """Spend of every fate on a locked budget: logged, recoded, reversed, beyond the account, outside the budget."""
    await shared.play([*SPENT, *OVER])
    await shared.doors.directory.name_person("acme", ACCOUNTANT, "Anil Deshmukh", by=BY)
    return shared


async def register(world: World, **asked: Any) -> list[tuple[str, str, str, str]]:
    shown = await world.read(AUDITOR, "spend-register", **asked)
    return [(line["spend"], line["line"], line["account"], line["amount"]) for line in shown["lines"]]


class TestTheCurrentBudget:
    async def test_measures_spend_against_the_version_in_force(self, spent: World) -> None:
        shown = await spent.read(AUDITOR, "current-budget")
        accounts = {a["code"]: a for level in shown["shown"]["levels"] for a in level["accounts"]}

        art = accounts[ART]
        assert (shown["in_force"], shown["shown"]["state"]) == ("v1", "locked")
        assert art["spent"] == "280000.00"
        assert (art["budget"], art["remaining"], art["over"]) == ("200000.00", "-80000.00", "80000.00")
        assert shown["shown"]["spent_outside"] == [{"account": "9999", "spent": "70.00"}]
        assert {flag["kind"] for flag in shown["flags"]} >= {"AccountOverspent", "SpendOutsideBudget"}

    async def test_adds_up_from_its_printed_parts(self, spent: World) -> None:
        shown = (await spent.read(AUDITOR, "current-budget"))["shown"]
        top = {line["total"]: Decimal(line["amount"]) for line in shown["top_sheet"]}

        assert top["above_and_below"] == sum(Decimal(level["budget"]) for level in shown["levels"])
        assert top["charges"] == sum(Decimal(charge["budget"]) for charge in shown["charges"])
        assert top["grand_total"] == top["above_and_below"] + top["charges"] == Decimal(shown["grand_total"])
        for level in shown["levels"]:
            assert Decimal(level["spent"]) == sum(Decimal(account["spent"]) for account in level["accounts"])

    async def test_shows_any_version_and_no_other(self, spent: World) -> None:
        assert (await spent.get(AUDITOR, "current-budget", budget="v1")).status_code == 200
        missing = await spent.get(AUDITOR, "current-budget", budget="v7")
        assert (missing.status_code, missing.json()["title"]) == (404, "Budget is missing")

    async def test_is_in_the_currency_of_the_production_before_there_is_one(self, spent: World) -> None:
        shown = await spent.read(AUDITOR, "current-budget", as_of="1")

        assert (shown["currency"], shown["shown"]) == ("INR", None)


class TestThePublishedTopSheet:
    async def test_is_shown_to_the_rupee_with_its_label_flagged(self, world: World) -> None:
        """The real feature's: its bond is labelled 3 %, but stated at a tenth of its base."""
        await world.play([*FUNDED, (LINE_PRODUCER, FEATURE)])
        shown = await world.read(AUDITOR, "current-budget")

        top = {line["total"]: (line["amount"], line["stated"]) for line in shown["shown"]["top_sheet"]}
        assert top["below_the_line"] == ("42047280.00", "42047280.00")
        assert top["charges"] == ("8857492.00", None)
        assert top["grand_total"] == ("61240772.00", "61240772.00")
        [label] = shown["flags"]
        assert (label["kind"], label["account"]) == ("LabelDisagrees", "8100")
        assert (label["figures"]["labelled_percent"], label["figures"]["implied_percent"]) == ("3", "10.0000")


class TestFunding:
    async def test_says_what_is_secured_and_what_is_missing_on_each_basis(self, spent: World) -> None:
        shown = await spent.read(AUDITOR, "funding")

        assert [(s["funding"], s["state"], s["secured"]) for s in shown["sources"]] == [
            ("F-1", "partly_funded", True),
            ("F-2", "soft_committed", False),
            ("F-3", "committed", True),
        ]
        assert (shown["budget"], shown["in_force"], shown["total"]) == ("v1", True, "460000.00")
        assert [(c["basis"], c["cash"], c["in_kind"], c["gap"]) for c in shown["cover"]] == [
            ("committed", "400000.00", "20000.00", "60000.00"),
            ("closed", "400000.00", "0.00", "60000.00"),
            ("received", "300000.00", "0.00", "160000.00"),
        ]
        assert [(r["receipt"], r["credited"], r["reversed_on"]) for r in shown["receipts"]] == [
            ("R-1", "300000.00", None)
        ]

    async def test_counts_a_loan_on_another_source_once(self, world: World) -> None:
        lent = equity(inr("50000"), kind=FundingKind.DEBT, party="Bank", lent_against="F-1")
        await world.play([*FUNDED, (MAYA, lent)])
        shown = await world.read(AUDITOR, "funding")

        committed = shown["cover"][0]
        assert (committed["basis"], committed["cash"]) == ("committed", "400000.00")


class TestAsOf:
    async def test_a_version_is_what_was_known_then(self, spent: World) -> None:
        before = await spent.read(AUDITOR, "current-budget", as_of=VERSIONS["BudgetDrafted"])

        assert (before["in_force"], before["drafts"]) == (None, ["v1"])

    async def test_an_instant_is_the_last_version_up_to_it(self, spent: World) -> None:
        trail = (await spent.read(AUDITOR, "audit-trail", limit=500))["entries"]
        for entry in trail[3::7]:
            by_instant = await spent.read(AUDITOR, "funding", as_of=entry["at"])
            last_then = max(e["version"] for e in trail if e["at"] == entry["at"])
            assert by_instant["version"] == last_then

    async def test_before_the_opening_there_was_nothing(self, spent: World) -> None:
        assert (await spent.get(AUDITOR, "funding", as_of="2001-01-01T00:00:00Z")).status_code == 404

    async def test_ahead_of_the_stream_is_refused_with_both_versions(self, spent: World) -> None:
        refused = await spent.get(AUDITOR, "spend-register", as_of="999")

        assert refused.status_code == 422
        assert "version 999 is ahead: the stream is at" in refused.json()["detail"]

    async def test_ahead_of_the_clock_is_refused_with_both_instants(self, spent: World) -> None:
        refused = await spent.get(AUDITOR, "spend-register", as_of="2199-01-01T00:00:00Z")

        assert refused.status_code == 422
        assert f"2199-01-01T00:00:00Z is ahead: it is {spent.time.now.isoformat()} here" in refused.json()["detail"]

    @pytest.mark.parametrize(
        ("projection", "refuses"),
        [
            (spend_register.PROJECTION, "spend_register_entries ADD CHECK (spend <> 'S-000001')"),
            (current_budget.PROJECTION, "current_budget_spent ADD CHECK (spent < 50000)"),
        ],
    )
    async def test_what_came_after_a_view_stopped_is_not_shown_as_if_nothing_had(
        self, world: World, monkeypatch: pytest.MonkeyPatch, projection: Projection[Any], refuses: str
    ) -> None:
        view = projection.name.replace("_", "-")
        monkeypatch.setattr(views, "PATIENCE_SECONDS", 1)
        await world.play(LOCKED)
        shown, before = await world.read(AUDITOR, view), world.time.now - timedelta(seconds=1)
        await tampered(world.admin_url, f"ALTER TABLE {refuses}")
        at_it = await world.last_position() + 1
        await world.play([(LINE_PRODUCER, spend(ART, "50000", "KS-1")), (MAYA, appoint(STRANGER, Role.ACCOUNTANT))])
        last = (await world.doors.log.heads("acme/the-long-take"))["acme/the-long-take"]

        async def ask(**asked: Any) -> httpx2.Response:
            return await world.get(AUDITOR, view, **{"at_least": None} | asked)

        stopped = f"it stopped at position {at_it - 1}, before an event that it cannot take"
        where = f"SpendLogged at position {at_it}, version {shown['version'] + 1} of acme/the-long-take"
        for answer, wanted in (
            (await ask(as_of=last.version), f"version {last.version} of acme/the-long-take"),
            (await ask(as_of=world.time.now.isoformat()), f"version {last.version} of acme/the-long-take"),
            (await ask(at_least=last.position), f"position {last.position}"),
        ):
            told = f"The view {projection.name} does not show {wanted}: {stopped}: {where}."
            assert (answer.status_code, answer.json()["detail"]) == (503, told)
            assert answer.json()["type"] == "urn:greenlight:problem:view-is-behind"
        with pytest.raises(Problem) as of_another_company:
            await caught_up(world.doors, projection, "rival", at_it)
        assert of_another_company.value.detail.endswith(f"{stopped}, at position {at_it}.")
        ahead = await ask(as_of=last.version + 1)
        assert (ahead.status_code, f"the stream is at {last.version}" in ahead.json()["detail"]) == (422, True)
        for answer in (await ask(), await ask(as_of=shown["version"]), await ask(as_of=before.isoformat())):
            assert (answer.status_code, answer.json()["version"]) == (200, shown["version"])

    async def test_of_this_moment_waits_for_a_view_that_is_late(self, world: World) -> None:
        await world.play(LOCKED)
        before = await world.read(AUDITOR, "flags")
        async with held(world.admin_url, "LOCK TABLE checkpoints IN ROW EXCLUSIVE MODE") as somebody:
            await somebody.execute("UPDATE checkpoints SET position = position")
            await world.play([(LINE_PRODUCER, spend("9999", "70", "KS-5"))])
            asking = asyncio.create_task(world.get(AUDITOR, "flags", as_of=world.time.now.isoformat(), at_least=None))
            await asyncio.sleep(0.3)
            late = not asking.done()
        answer = await asking

        assert (late, answer.status_code) == (True, 200)
        assert answer.json()["version"] > before["version"]
        assert len(answer.json()["flags"]) == 1

    async def test_a_list_leaves_out_what_came_later(self, spent: World) -> None:
        trail = (await spent.read(AUDITOR, "audit-trail", limit=500))["entries"]
        reversal = next(e["version"] for e in trail if e["kind"] == "SpendReversed")

        then = await spent.read(AUDITOR, "spend-register", as_of=reversal - 1, spend="S-000003")
        now = await spent.read(AUDITOR, "spend-register", spend="S-000003")

        assert [(line["line"], line["state"]) for line in then["lines"]] == [("spend", "logged")]
        assert [(line["line"], line["state"]) for line in now["lines"]] == [
            ("spend", "reversed"),
            ("reversal", "reversed"),
        ]


#: By kind of event, the version at which it first happened in the story.
VERSIONS: dict[str, int] = {}


@pytest.fixture(autouse=True, scope="module")
async def versions(spent: World) -> None:
    for entry in (await spent.read(AUDITOR, "audit-trail", limit=500))["entries"]:
        VERSIONS.setdefault(entry["kind"], entry["version"])


class TestAtLeast:
    async def test_waits_until_the_view_shows_it(self, spent: World) -> None:
        last = await spent.last_position()
        shown = await spent.get(AUDITOR, "flags", at_least=last)

        assert int(shown.headers["position"]) >= last

    async def test_is_given_up_with_advice(self, spent: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "PATIENCE_SECONDS", 0.05)
        behind = await spent.get(AUDITOR, "funding", at_least=10**9)

        assert behind.status_code == 503
        assert behind.headers["retry-after"] == "1"
        assert behind.json()["type"] == "urn:greenlight:problem:view-is-behind"

    async def test_waits_for_what_is_not_written_yet(self, spent: World) -> None:
        """Whoever asks first is answered once it has happened."""
        ahead = await spent.last_position() + 1
        waiting = asyncio.create_task(spent.get(AUDITOR, "spend-register", at_least=ahead, spend="S-000001"))
        await asyncio.sleep(0.2)
        assert not waiting.done()

        await spent.play([(MAYA, appoint(STRANGER, Role.ACCOUNTANT))])
        answer = await waiting
        assert (answer.status_code, int(answer.headers["position"]) >= ahead) == (200, True)


class TestEveryView:
    @pytest.mark.parametrize("view", ["current-budget", "approval-status", "funding", "spend-register", "flags"])
    async def test_says_what_it_shows(self, spent: World, view: str) -> None:
        now, then = await spent.get(AUDITOR, view), await spent.get(AUDITOR, view, as_of="5")

        for answer in (now, then):
            shown = answer.json()
            assert answer.headers["etag"] == f'"{shown["version"]}"'
            assert answer.headers["position"] == str(shown["position"])
            assert answer.headers["stream-link"].startswith(f"{shown['version']}:")
        assert (then.json()["version"], now.json()["version"] > 5) == (5, True)

    async def test_of_now_is_the_view_as_of_its_own_version(self, spent: World) -> None:
        """One fold: what is stored is what it folds to."""
        for view in ("current-budget", "approval-status", "funding", "spend-register", "audit-trail", "flags"):
            now = await spent.read(AUDITOR, view)
            then = await spent.read(AUDITOR, view, as_of=now["version"])
            assert then | {"position": 0} == now | {"position": 0}


class TestTheSpendRegister:
    async def test_has_a_line_for_every_fact(self, spent: World) -> None:
        assert await register(spent) == [
            ("S-000001", "spend", ART, "50000.00"),
            ("S-000002", "spend", EDITING, "30000.00"),
            ("S-000002", "recoded_out", EDITING, "-30000.00"),
            ("S-000002", "recoded_in", ART, "30000.00"),
            ("S-000003", "spend", INSURANCE, "5000.00"),
            ("S-000003", "reversal", INSURANCE, "-5000.00"),
            ("S-000004", "spend", ART, "200000.00"),
            ("S-000005", "spend", "9999", "70.00"),
        ]

    @pytest.mark.parametrize(
        ("asked", "spends"),
        [
            ({"account": EDITING}, ["S-000002", "S-000002"]),
            ({"state": "logged"}, ["S-000001", "S-000004", "S-000005"]),
            ({"state": "recoded", "account": ART}, ["S-000002"]),
            ({"state": "reversed"}, ["S-000003", "S-000003"]),
            ({"vendor": "chai-point"}, ["S-000004"]),
            ({"amount_min": "50000"}, ["S-000001", "S-000004"]),
            ({"amount_max": "70"}, ["S-000005"]),
            ({"text": "chai p"}, ["S-000004"]),
            ({"text": "nobody's"}, ["S-000005"]),
            ({"kind": "payroll"}, []),
            ({"posted_from": "2099-01-01"}, []),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    async def test_lets_through_what_is_asked_for(self, spent: World, asked: dict[str, str], spends: list[str]) -> None:
        assert [line[0] for line in await register(spent, **asked)] == spends

    async def test_runs_a_total_over_what_it_lets_through(self, spent: World) -> None:
        shown = await spent.read(AUDITOR, "spend-register", account=ART)

        assert [line["running_total"] for line in shown["lines"]] == ["50000.00", "80000.00", "280000.00"]
        assert shown["total"] == "280000.00"

    async def test_of_nothing_has_a_total_of_zero_in_the_currency_of_the_production(self, spent: World) -> None:
        shown = await spent.read(AUDITOR, "spend-register", kind="payroll")

        assert (shown["currency"], shown["total"], shown["lines"]) == ("INR", "0.00", [])

    @pytest.mark.parametrize(
        ("asked", "given"),
        [
            ("text/csv;q=0.1, application/json", "application/json"),
            ("text/html, text/csv;q=0.9, application/jsonl; q=0.8, */*;q=0.1", "text/csv"),
            ("*/*", "application/json"),
        ],
    )
    async def test_comes_as_its_reader_prefers(self, spent: World, asked: str, given: str) -> None:
        answer = await spent.get(AUDITOR, "spend-register", accept=asked)

        assert answer.headers["content-type"].split(";")[0] == given

    async def test_goes_whole_into_a_spreadsheet_that_runs_no_formula(self, spent: World) -> None:
        answer = await spent.get(AUDITOR, "spend-register", accept="text/csv")
        rows = list(csv.DictReader(io.StringIO(answer.text)))

        assert answer.headers["content-type"].startswith("text/csv")
        assert answer.headers["stream-link"].startswith(answer.headers["etag"].strip('"') + ":")
        assert [row["document"] for row in rows][6] == "'=KS-4"
        assert [row["amount"] for row in rows][2] == "-30000.00"
        assert len(rows) == 8

    async def test_turns_pages_to_the_whole_with_one_running_total(self, world: World) -> None:
        await world.play([*SPENT, *OVER])
        whole = (await world.read(AUDITOR, "spend-register"))["lines"]
        turned: list[Any] = []
        page = await world.read(AUDITOR, "spend-register", limit=3)
        while page["next"]:
            turned += page["lines"]
            page = await world.read(AUDITOR, "spend-register", limit=3, after=page["next"])

        assert turned + page["lines"] == whole
        assert page["total"] == whole[-1]["running_total"] == "280070.00"


@pytest.fixture(scope="module")
async def to_be_paid(server: Server) -> AsyncIterator[World]:
    """Spend that nobody asks about, that a rule lets pass, that waits, is paid, turned down, and asked for again."""
    story: Story = [*LOCKED, (LINE_PRODUCER, spend(STORY, "1", "KS-1"))]
    story = rounds.adopted(story, rounds.RICH)
    story = [*story, (LINE_PRODUCER, spend(STORY, "2", "KS-2"))]
    story = [*story, *((LINE_PRODUCER, spend(STORY, f"6000{number}", f"KS-{number}")) for number in range(3, 8))]
    story = rounds.says(story, PRODUCER, "A-4")
    story = rounds.says(story, PRODUCER, "A-5", Reject, words="No.")
    story = rounds.says(story, PRODUCER, "A-6", RequestChanges, words="Timesheets?")
    story = [*story, (ACCOUNTANT, RequestPayment(spend="S-000006", reason="They came."))]
    async with opened_world(server) as world:
        await world.play([*story, (ACCOUNTANT, reverse("S-000007"))])
        yield world


class TestWhetherASpendMayBePaid:
    async def said(self, world: World, **asked: Any) -> list[tuple[str, str, str | None]]:
        lines = (await world.read(AUDITOR, "spend-register", **asked))["lines"]
        return [(line["spend"], line["payment"], line["payment_round"]) for line in lines if line["line"] == "spend"]

    async def test_is_in_the_register_with_its_round(self, to_be_paid: World) -> None:
        assert await self.said(to_be_paid) == [
            ("S-000001", "not_asked", None),
            ("S-000002", "released", None),
            ("S-000003", "waiting", "A-3"),
            ("S-000004", "released", "A-4"),
            ("S-000005", "refused", "A-5"),
            ("S-000006", "waiting", "A-8"),
            ("S-000007", "refused", "A-7"),
        ]

    async def test_is_as_of_then_what_was_said_by_then(self, to_be_paid: World) -> None:
        trail = (await to_be_paid.read(AUDITOR, "audit-trail", limit=500))["entries"]
        again = next(e["version"] for e in trail if e["command"] == "RequestPayment")
        back = next(e["version"] for e in trail if e["kind"] == "ChangesRequested")

        assert (await self.said(to_be_paid, as_of=again - 1))[5] == ("S-000006", "refused", "A-6")
        assert (await self.said(to_be_paid, as_of=back - 1))[5] == ("S-000006", "waiting", "A-6")

    @pytest.mark.parametrize(
        ("payment", "spends"),
        [("released", [2, 4]), ("waiting", [3, 6]), ("refused", [5, 7, 7]), ("not_asked", [1])],
    )
    async def test_is_asked_for(self, to_be_paid: World, payment: str, spends: list[int]) -> None:
        shown = await to_be_paid.read(AUDITOR, "spend-register", payment=payment)

        assert [line["spend"] for line in shown["lines"]] == [f"S-{number:06}" for number in spends]
        assert shown["total"] == shown["lines"][-1]["running_total"]

    async def test_is_in_the_spreadsheet(self, to_be_paid: World) -> None:
        answer = await to_be_paid.get(AUDITOR, "spend-register", accept="text/csv", payment="waiting")
        rows = list(csv.DictReader(io.StringIO(answer.text)))

        assert [(row["payment"], row["payment_round"]) for row in rows] == [("waiting", "A-3"), ("waiting", "A-8")]


class TestTheAuditTrail:
    @pytest.mark.parametrize(
        ("asked", "kinds"),
        [
            ({"kind": "BudgetApproved"}, {"BudgetApproved"}),
            ({"actor": ACCOUNTANT, "text": "recoded"}, {"SpendRecoded"}),
            ({"account": "9999"}, {"SpendLogged", "SpendOutsideBudget"}),
            ({"amount_min": "200000", "account": ART}, {"SpendLogged"}),
            ({"text": "chai point"}, {"SpendLogged"}),
            ({"from_on": "2099-01-01"}, set()),
            ({"to_on": "2001-01-01"}, set()),
        ],
        ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
    )
    async def test_lets_through_what_is_asked_for(self, spent: World, asked: dict[str, str], kinds: set[str]) -> None:
        entries = (await spent.read(AUDITOR, "audit-trail", **asked))["entries"]

        assert {entry["kind"] for entry in entries} == kinds

    async def test_counts_days_where_the_production_is(self, world: World) -> None:
        world.time.now = datetime(2026, 11, 2, 20, tzinfo=UTC)  # half past one of the third, in Kolkata
        await world.play(FUNDED)

        assert (await world.read(AUDITOR, "audit-trail", to_on="2026-11-02"))["entries"] == []
        assert (await world.read(AUDITOR, "audit-trail", from_on="2026-11-03"))["entries"]

    async def test_names_people_by_the_directory_and_finds_them_by_name(self, spent: World) -> None:
        entries = (await spent.read(AUDITOR, "audit-trail", text="deshmukh"))["entries"]

        assert [entry["sentence"][:27] for entry in entries] == ["Appointed Anil Deshmukh as "]

    async def test_says_what_changed_from_what_to_what(self, spent: World) -> None:
        [entry] = (await spent.read(AUDITOR, "audit-trail", kind="SpendRecoded"))["entries"]

        assert (entry["before"], entry["after"]) == ({"account": EDITING}, {"account": ART})
        assert (entry["actor_name"], entry["roles"], entry["reason"]) == (
            "Anil Deshmukh",
            ["accountant"],
            "Another department's.",
        )

    async def test_turns_pages_to_the_whole_while_facts_arrive(self, spent: World) -> None:
        whole = [e["version"] for e in (await spent.read(AUDITOR, "audit-trail", limit=500))["entries"]]
        turned: list[int] = []
        page = await spent.read(AUDITOR, "audit-trail", limit=7)
        while True:
            turned += [entry["version"] for entry in page["entries"]]
            if page["next"] is None:
                break
            if len(turned) == 14:
                await spent.play([(LINE_PRODUCER, spend(ART, "1", f"late-{len(turned)}"))])
            page = await spent.read(AUDITOR, "audit-trail", limit=7, after=page["next"])

        assert turned == whole

    async def test_goes_whole_as_lines_of_json(self, spent: World) -> None:
        answer = await spent.get(AUDITOR, "audit-trail", accept="application/jsonl")
        lines = [json.loads(line) for line in answer.text.splitlines()]

        assert [line["version"] for line in lines] == list(range(1, len(lines) + 1))

    async def test_of_an_erased_person_says_so_and_every_figure_and_the_chain_still_hold(self, spent: World) -> None:
        before = await spent.read(AUDITOR, "current-budget")
        doors = spent.doors
        await doors.directory.name_person("acme", LINE_PRODUCER, "Lena Weiss", "lena@acme.example", by=BY)
        named = await spent.read(AUDITOR, "audit-trail", actor=LINE_PRODUCER)
        try:
            await doors.directory.erase("acme", LINE_PRODUCER, BY)
            assert not await doors.directory.name_person("acme", LINE_PRODUCER, "Lena Weiss", by=BY)
            erased = await spent.get(AUDITOR, "audit-trail", actor=LINE_PRODUCER)
            after = await spent.read(AUDITOR, "current-budget")
            async with doors.database.pool.acquire() as connection:
                broken = [each.broken async for each in verify.verify(connection)]
        finally:
            # The other tests of this file know her by name; nobody but the owner of the rows could do it.
            anew = "UPDATE people SET name = $1, erased_at = NULL WHERE person = $1"
            await doors.database.pool.execute(anew, LINE_PRODUCER)

        assert {entry["actor_name"] for entry in named["entries"]} == {"Lena Weiss"}
        assert {entry["actor_name"] for entry in erased.json()["entries"]} == {"an erased person"}
        assert "Lena" not in erased.text
        assert before["shown"] == after["shown"]
        assert broken == [None, None]

    async def test_follows_the_directory_when_a_name_is_corrected(self, spent: World) -> None:
        vendor = (await spent.read(AUDITOR, "spend-register", vendor="chai-point"))["lines"][0]
        [entry] = (await spent.read(AUDITOR, "audit-trail", text="chai point"))["entries"]

        assert vendor["vendor_name"] == "Chai Point"
        assert "Chai Point" in entry["sentence"]
        assert "‹" not in entry["sentence"]


class TestTheReportOfExceptions:
    async def test_is_of_every_control_that_was_passed_over_waived_or_lifted_and_of_nothing_else(
        self, world: World
    ) -> None:
        green = GreenlightProduction
        story = rounds.says(rounds.OVERRIDABLE, NOOR, "A-2", conditions=("The permit comes.",))
        moves = ReassignStep(round="A-2", seat=GUARANTOR, to=DIRECTOR, reason="She is ill.")
        story = [*story, (MAYA, moves)]
        story = [*story, (DIRECTOR, moves.model_copy(update={"seat": DIRECTOR, "to": GUARANTOR}))]
        story = rounds.says(story, MAYA, "A-2", OverrideStep, reason="The guarantor is gone.")
        story = [*story, (NOOR, CloseCondition(round="A-2", condition=1, waived=True, words="It will."))]
        story = [*story, (MAYA, LockBudget(budget="v1")), (MAYA, green(conditions=("The cover comes.",)))]
        story = [*story, (MAYA, UnlockBudget(budget="v1", reason="It grows.")), (NOOR, LockBudget(budget="v1"))]
        story = [*story, (LINE_PRODUCER, UNRECONCILED_BUDGET), (PRODUCER, waive("v2"))]
        story = [*story, (MAYA, EnterStage(stage=Stage.CLOSED)), (MAYA, EnterStage(stage=Stage.PRODUCTION, reason="?"))]
        story = [*story, *((ADMINISTRATOR, DismissMember(person=each)) for each in (MAYA, NOOR, TWO_HATS))]
        story = [*story, (OPERATOR, AdmitMember(person=LINE_PRODUCER, administrator=True))]
        story = [*story, (LINE_PRODUCER, appoint(STRANGER, Role.EXECUTIVE_PRODUCER))]
        await world.play(story)

        report = (await world.read(AUDITOR, "exceptions"))["entries"]
        kinds = [each["kind"] for each in report]

        assert kinds == [
            *(
                "StepReassigned",
                "StepOverridden",
                "ConditionWaived",
                "ProductionGreenlit",
                "BudgetUnlocked",
                "DifferenceWaived",
            ),
            *("StageEntered", "Appointed"),
        ]
        assert report[1]["reason"] == "The guarantor is gone."
        assert (report[-1]["actor"], report[-1]["roles"]) == (LINE_PRODUCER, ["line_producer"])

    async def test_is_of_these_days_and_is_exported(self, spent: World) -> None:
        of_none = await spent.read(AUDITOR, "exceptions", to_on="2026-01-01")
        whole = await spent.get(AUDITOR, "exceptions", accept="text/csv")

        assert of_none["entries"] == []
        assert whole.headers["content-disposition"] == 'attachment; filename="exceptions.csv"'


class TestFlags:
    async def test_stand_until_a_fact_clears_them(self, spent: World) -> None:
        standing = (await spent.read(AUDITOR, "flags", state="open"))["flags"]
        assert [flag["kind"] for flag in standing][:2] == ["AccountOverspent", "SpendOutsideBudget"]

        outside = next(flag["spend"] for flag in standing if flag["kind"] == "SpendOutsideBudget")
        assert outside == "S-000005"

    async def test_are_found_by_what_they_are_about(self, spent: World) -> None:
        assert [f["spend"] for f in (await spent.read(AUDITOR, "flags", account="9999"))["flags"]] == ["S-000005"]
        assert (await spent.read(AUDITOR, "flags", spend="S-000001"))["flags"] == []
        over = (await spent.read(AUDITOR, "flags", kind="AccountOverspent"))["flags"]
        assert {flag["account"] for flag in over} == {ART}

    async def test_are_cleared_by_a_fact_that_is_named(self, world: World) -> None:
        await world.play([*SPENT, *OVER, (ACCOUNTANT, reverse("S-000005"))])
        [cleared] = (await world.read(AUDITOR, "flags", state="cleared"))["flags"]
        [standing] = (await world.read(AUDITOR, "flags", state="open"))["flags"]

        assert (cleared["kind"], cleared["spend"], cleared["state"]) == ("SpendOutsideBudget", "S-000005", "cleared")
        assert (cleared["cleared_by"]["kind"], cleared["cleared_by"]["actor"]) == ("SpendReversed", ACCOUNTANT)
        assert (standing["kind"], standing["cleared_by"]) == ("AccountOverspent", None)
        before = await world.read(AUDITOR, "flags", state="open", as_of=cleared["raised_version"])
        assert [flag["state"] for flag in before["flags"]] == ["open", "open"]


class TestWhoActsForAnother:
    """Every view that says whose act something was says for whom."""

    async def test_is_named_with_them_in_the_register_and_in_flags(self, world: World) -> None:
        powers = (Power.LOG_SPEND, Power.REVERSE_SPEND)
        story: Story = [*LOCKED, (ACCOUNTANT, rounds.delegated(STRANGER, *powers))]
        story = [*story, (f"{STRANGER}/{ACCOUNTANT}", spend(ART, "230000", "KS-1"))]
        await world.play([*story, (f"{STRANGER}/{ACCOUNTANT}", reverse("S-000001"))])
        await world.play([(ACCOUNTANT, spend(ART, "1", "KS-2"))])

        lines = (await world.read(AUDITOR, "spend-register"))["lines"]
        table = await world.get(AUDITOR, "spend-register", accept="text/csv")
        jsonl = await world.get(AUDITOR, "spend-register", accept="application/jsonl")
        [flag] = (await world.read(AUDITOR, "flags"))["flags"]

        both = [(STRANGER, ACCOUNTANT), (STRANGER, ACCOUNTANT), (ACCOUNTANT, None)]
        assert [(line["actor"], line["on_behalf_of"]) for line in lines] == both
        written = csv.DictReader(io.StringIO(table.text))
        assert [(row["actor"], row["on_behalf_of"] or None) for row in written] == both
        assert [json.loads(line)["on_behalf_of"] for line in jsonl.text.splitlines()] == [b for _, b in both]
        assert (flag["raised_on_act_of"], flag["on_behalf_of"]) == (STRANGER, ACCOUNTANT)
        assert (flag["cleared_by"]["actor"], flag["cleared_by"]["on_behalf_of"]) == (STRANGER, ACCOUNTANT)

    async def test_is_named_with_them_in_the_inbox(self, world: World) -> None:
        story: Story = [*DRAFTED, (PRODUCER, rounds.delegated(ACCOUNTANT, Power.SUBMIT_BUDGET))]
        await world.play([*story, (f"{ACCOUNTANT}/{PRODUCER}", SubmitBudget(budget="v1"))])
        [asked] = (await world.read(NOOR, "/v1/inbox"))["items"]
        sends_back = RequestChanges(round="A-1", content_hash=asked["content_hash"], words="Spend less.")
        await world.play([(MAYA, rounds.away()), (f"{STRANGER}/{MAYA}", sends_back)])
        [revise] = (await world.read(PRODUCER, "/v1/inbox"))["items"]

        assert (asked["from_person"], asked["from_on_behalf_of"]) == (ACCOUNTANT, PRODUCER)
        assert (revise["from_person"], revise["from_on_behalf_of"]) == (STRANGER, MAYA)

    async def test_is_named_with_them_in_the_versions_of_the_budget(self, world: World) -> None:
        powers = (Power.SET_BUDGET, Power.SUBMIT_BUDGET)
        story: Story = [*FUNDED, (PRODUCER, rounds.delegated(ACCOUNTANT, *powers)), (MAYA, rounds.away())]
        story = [*story, (f"{ACCOUNTANT}/{PRODUCER}", budget())]
        story = [*story, (f"{ACCOUNTANT}/{PRODUCER}", SubmitBudget(budget="v1"))]
        await world.play(rounds.says(story, f"{STRANGER}/{MAYA}", "A-1"))

        [version] = (await world.read(AUDITOR, "current-budget"))["versions"]

        assert (version["set_by"], version["set_on_behalf_of"]) == (ACCOUNTANT, PRODUCER)
        assert (version["submitted_by"], version["submitted_on_behalf_of"]) == (ACCOUNTANT, PRODUCER)
        assert (version["approved_by"], version["approved_on_behalf_of"]) == (STRANGER, MAYA)


class TestTheInbox:
    async def test_holds_what_waits_for_its_reader_alone(self, world: World) -> None:
        await world.play(SUBMITTED)

        waiting = {who: (await world.read(who, "/v1/inbox"))["items"] for who in (MAYA, NOOR, PRODUCER, AUDITOR)}

        assert [(item["waits_for"], item["round"]) for item in waiting[MAYA]] == [("approve", "A-1")]
        assert waiting[NOOR] == waiting[MAYA]
        assert waiting[PRODUCER] == waiting[AUDITOR] == []

        [asked] = waiting[MAYA]
        words = RequestChanges(round="A-1", content_hash=asked["content_hash"], words="Spend less.")
        await world.play([(MAYA, words)])
        [revise] = (await world.read(PRODUCER, "/v1/inbox"))["items"]
        assert (revise["waits_for"], revise["words"], revise["from_person"]) == ("revise", "Spend less.", MAYA)
        assert (await world.read(MAYA, "/v1/inbox"))["items"] == []

    async def test_holds_what_waits_for_those_whom_its_reader_acts_for(self, world: World) -> None:
        await world.play([*rounds.CONDITIONED, (MAYA, rounds.away()), (NOOR, rounds.delegated(ACCOUNTANT))])
        close = ("close_condition", "A-2", MAYA)

        shown = {who: (await world.read(who, "/v1/inbox"))["items"] for who in (STRANGER, ACCOUNTANT)}

        assert [(item["waits_for"], item["round"], item["on_behalf_of"]) for item in shown[STRANGER]] == [close]
        assert shown[ACCOUNTANT] == [], "Noor set no condition, and let Anil approve alone"
        await world.play([(MAYA, rounds.delegated(ACCOUNTANT, Power.CLOSE_CONDITION))])
        [item] = (await world.read(ACCOUNTANT, "/v1/inbox"))["items"]
        assert (item["waits_for"], item["round"], item["on_behalf_of"]) == close


class TestTheApprovalStatus:
    async def test_says_whom_it_waits_for_and_who_may_not(self, world: World) -> None:
        await world.play(
            [*LOCKED, (NOOR, UnlockBudget(budget="v1", reason="Smaller.")), (LINE_PRODUCER, budget("100"))]
        )
        await world.play([(PRODUCER, SubmitBudget(budget="v2"))])

        latest, first = (await world.read(AUDITOR, "approval-status"))["rounds"]

        assert latest["waits_for"]["excluded"] == sorted([LINE_PRODUCER, PRODUCER])
        assert MAYA in [asked["person"] for asked in latest["waits_for"]["asked"]]
        assert {each["person"]: each["commands"] for each in latest["may"]}[NOOR] == [
            "approve",
            "abstain",
            "reassign_step",
            "request_changes",
            "reject",
        ]
        assert (first["state"], first["waits_for"], first["decisions"][0]["person"]) == ("approved", None, MAYA)
