"""Periods and issued reports over HTTP: what is kept stays, byte for byte, and tells the truth of when it was made."""

import asyncio
import base64
import json
from collections.abc import Iterable
from decimal import Decimal
from hashlib import sha256
from typing import Any

import asyncpg
import httpx2
import pytest

from events.cost_report import EtcBasis, VarianceSign
from projections import cost_report
from service import documents, verify
from service.deciders.cost_report import IssueCostReport
from service.routes import issued
from service.routes.listing import FILES, JSON
from tests.deciders.commitments import bought, cancel, estimate, invoice
from tests.deciders.periods import DAY, IN_A_PERIOD, WEEK, closes, issues, opens, posted, reopens, soft_closes
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    DIRECTOR,
    EDITING,
    FINANCIER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    PRODUCER,
    TODAY,
    reverse,
    spend,
)
from tests.routes.world import COMPANY, World, address, body
from tests.spec import Story


async def report(world: World, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = await world.read(AUDITOR, "cost-report", **asked)
    return found


async def kept(world: World, number: int = 1, accept: str = JSON) -> httpx2.Response:
    answer = await world.get(AUDITOR, f"cost-reports/CR-{number}", accept=accept)
    assert answer.status_code == 200, answer.text
    return answer


def lines(shown: dict[str, Any]) -> list[dict[str, Any]]:
    accounts = [each for level in shown["levels"] for each in level["accounts"]]
    return [*accounts, *shown["charges"], *shown["outside"]]


def of(shown: dict[str, Any], code: str) -> dict[str, Any]:
    [line] = [each for each in lines(shown) if each["code"] == code]
    return line


async def fact(world: World, number: int = 1) -> Any:
    """What the log says of a report."""
    payload = await world.doors.database.pool.fetchval(
        "SELECT payload FROM events WHERE type = 'CostReportIssued' AND payload->>'report' = $1", f"CR-{number}"
    )
    return json.loads(payload)


async def count(world: World, table: str) -> int:
    found: int = await world.doors.database.pool.fetchval(f"SELECT count(*) FROM {table}")
    return found


async def broken(world: World) -> list[str]:
    async with world.doors.database.work.acquire() as connection:
        checked = [each async for each in documents.check(connection)]
        assert not [each async for each in verify.verify(connection) if each.broken]
    assert checked
    return [each.broken for each in checked if each.broken is not None]


#: Two weeks: in the first 100 on the art department, and PER-2 that follows on.
WEEKS: Story = [*IN_A_PERIOD, posted(TODAY), (ACCOUNTANT, opens(TODAY + WEEK))]


class TestPeriods:
    async def test_are_shown_with_what_was_stated_and_what_is_proposed(self, world: World) -> None:
        await world.play([*WEEKS, (ACCOUNTANT, closes(1, "100", at_2200="100")), (ACCOUNTANT, soft_closes(2))])
        await world.play([(PRODUCER, reopens())])

        shown = await world.read(AUDITOR, "periods")

        assert (shown["closed_to"], shown["open_from"]) == (str(TODAY), str(TODAY + DAY))
        first, second = shown["periods"]
        assert (first["state"], first["closed_by"], second["state"]) == ("closed", ACCOUNTANT, "soft_closed")
        assert [each["cost"]["amount"] for each in first["balances"]] == ["100.00", "100.00"]
        assert (first["reopening"]["by"], second["reopening"]) == (PRODUCER, None)

        await world.play([(ACCOUNTANT, reopens())])
        [first, _] = (await world.read(AUDITOR, "periods"))["periods"]
        assert (first["state"], first["balances"], first["reopened"], first["reopening"]) == ("open", [], 1, None)
        then = await world.read(AUDITOR, "periods", as_of=shown["version"], at_least=None)
        assert then["periods"] == shown["periods"]

    async def test_hide_the_balances_of_accounts_that_are_not_for_everybody(self, world: World) -> None:
        story: Story = [*IN_A_PERIOD, posted(TODAY, "1100", "70"), posted(TODAY)]
        await world.play([*story, (ACCOUNTANT, closes(1, "170", at_1100="70", at_2200="100"))])

        [for_director], [whole] = [(await world.read(p, "periods"))["periods"] for p in (DIRECTOR, AUDITOR)]

        assert [each["account"] for each in for_director["balances"]] == [None, ART]
        assert [each["account"] for each in whole["balances"]] == [None, "1100", ART]

    async def test_reopened_are_exceptions(self, world: World) -> None:
        await world.play([*WEEKS, (ACCOUNTANT, closes(1, "100")), (ACCOUNTANT, reopens()), (PRODUCER, reopens())])

        [exception] = [
            each for each in (await world.read(AUDITOR, "exceptions"))["entries"] if each["kind"] == "PeriodReopened"
        ]

        assert exception["actor"] == PRODUCER
        assert "PER-1" in exception["sentence"]

    async def test_say_what_closing_finds_that_was_not_expected(self, world: World) -> None:
        await world.play(WEEKS)

        answer = await world.send(ACCOUNTANT, closes(1, "90"))

        assert (answer.status_code, answer.json()["rule"]) == (409, "N4")
        [difference] = answer.json()["figures"]["differences"]
        assert [difference[each]["amount"] for each in ("expected", "found", "difference")] == [
            *("90.00", "100.00", "10.00")
        ]


class TestTheReportOfAPeriod:
    async def test_is_the_one_of_its_days_and_names_its_state(self, world: World) -> None:
        await world.play([*WEEKS, posted(TODAY + DAY, amount="30"), (ACCOUNTANT, closes(1, "100"))])

        one, two = [await report(world, period=f"PER-{number}") for number in (1, 2)]
        days = await report(world, posted_from=TODAY - WEEK + DAY, posted_to=TODAY)

        assert (one["period"], two["period"]) == (
            {"period": "PER-1", "state": "closed"},
            {"period": "PER-2", "state": "open"},
        )
        assert (of(one, ART)["actual_period"], of(two, ART)["actual_period"]) == ("100.00", "30.00")
        assert of(two, ART)["actual_to_date"] == "130.00"
        assert one | {"period": None} == days

    async def test_is_as_of_then_what_it_was(self, world: World) -> None:
        await world.play(WEEKS)
        then = await report(world, period="PER-1")
        await world.play([(ACCOUNTANT, closes(1, "100"))])

        again = await report(world, period="PER-1", as_of=then["version"], at_least=None)

        assert (again["period"], of(again, ART)) == (then["period"], of(then, ART))

    async def test_is_of_a_period_or_of_days(self, world: World) -> None:
        await world.play(WEEKS)

        both = await world.get(AUDITOR, "cost-report", period="PER-1", posted_to=str(TODAY))
        missing = await world.get(AUDITOR, "cost-report", period="PER-9")

        assert (both.status_code, both.json()["errors"][0]["pointer"]) == (422, "query period")
        assert (missing.status_code, missing.json()["type"].rsplit(":", 1)[-1]) == (404, "period-is-missing")


class TestAnIssuedReport:
    async def test_is_kept_byte_for_byte_whatever_happens_later(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.play([*WEEKS, *bought((ART, "1000")), invoice("400"), (PRODUCER, issues())])
        then = {accept: await kept(world, accept=accept) for accept in (JSON, *FILES)}
        late = reverse("S-000001").model_copy(update={"posted_on": TODAY})
        await world.play([(ACCOUNTANT, late), posted(TODAY, EDITING, "7777"), (LINE_PRODUCER, estimate("290000"))])
        monkeypatch.setattr(cost_report, "view", None)
        monkeypatch.setattr(cost_report, "lines", None)
        monkeypatch.setattr(issued, "FORMS", {})

        for accept, before in then.items():
            now = await kept(world, accept=accept)
            digest = base64.b64encode(sha256(now.content).digest()).decode()
            assert now.content == before.content
            assert now.headers["Repr-Digest"] == f"sha-256=:{digest}:"
            assert now.headers["Content-Type"].startswith(accept)
        forms = {form["media_type"]: form["sha256"] for form in (await fact(world))["forms"]}
        assert forms == {accept: sha256(before.content).hexdigest() for accept, before in then.items()}
        assert await broken(world) == []

    async def test_says_what_the_report_said(self, world: World) -> None:
        await world.play([*WEEKS, (ACCOUNTANT, closes(1, "100"))])
        shown = await report(world, period="PER-1", variance="under", etc="orders_inside")
        await world.play([(MAYA, issues(variance_sign=VarianceSign.UNDER, etc_basis=EtcBasis.ORDERS_INSIDE))])

        assert (await kept(world)).json() == shown
        [listed] = (await world.read(AUDITOR, "cost-reports"))["reports"]
        assert (listed["report"], listed["of_version"], listed["issued_by"]) == ("CR-1", shown["version"], MAYA)
        efc = {each["account"]: each["efc"]["amount"] for each in (await fact(world))["efc"]}
        assert efc == {each["code"]: each["efc"] for each in lines(shown)}

    async def test_of_the_same_days_again_names_the_one_it_replaces(self, world: World) -> None:
        await world.play([*WEEKS, (ACCOUNTANT, issues()), (ACCOUNTANT, issues()), posted(TODAY, amount="5")])
        await world.play([(ACCOUNTANT, issues()), (ACCOUNTANT, issues(2))])

        found = (await world.read(AUDITOR, "cost-reports"))["reports"]

        assert [(each["report"], each["replaces"], each["replaced_by"]) for each in found] == [
            ("CR-1", None, "CR-2"),
            ("CR-2", "CR-1", "CR-3"),
            ("CR-3", "CR-2", None),
            ("CR-4", None, None),
        ]
        hashes = [each["content_hash"] for each in found]
        assert hashes[0] == hashes[1] != hashes[2]

    async def test_is_for_those_who_read_the_report(self, world: World) -> None:
        await world.play([*WEEKS, (LINE_PRODUCER, issues())])

        for path in ("cost-reports", "cost-reports/CR-1"):
            assert [(await world.get(each, path)).status_code for each in (FINANCIER, DIRECTOR)] == [200, 403]
        assert (await world.get(AUDITOR, "cost-reports/CR-2")).status_code == 404
        refused = await world.send(DIRECTOR, issues())
        assert (refused.status_code, refused.json()["rule"]) == (403, "P2")
        assert await count(world, "kept_documents") == len((JSON, *FILES))


class TestItsPeriodVariance:
    async def test_is_reckoned_from_the_last_report_for_earlier_days(self, world: World) -> None:
        await world.play([*WEEKS, (ACCOUNTANT, issues()), (LINE_PRODUCER, estimate("290000"))])

        one, two = [await report(world, period=f"PER-{number}") for number in (1, 2)]

        assert (one["compared_with"], of(one, ART)["period_variance"], one["total"]["period_variance"]) == (None,) * 3
        assert (two["compared_with"], of(two, ART)["period_variance"]) == ("CR-1", "90000.00")
        await world.play([(ACCOUNTANT, issues(2)), (ACCOUNTANT, issues()), (LINE_PRODUCER, estimate("280000"))])
        assert [(await report(world, **asked))["compared_with"] for asked in ({"period": "PER-2"}, {})] == [
            *("CR-3", "CR-2")
        ]

    async def test_adds_up_to_what_the_estimated_final_cost_moved(self, world: World) -> None:
        gone = spend("9999", "70", "SH-1", posted_on=TODAY)
        await world.play([*WEEKS, *bought(("B 04", "500")), (LINE_PRODUCER, gone), (ACCOUNTANT, issues())])
        first = (await kept(world)).json()
        await world.play(
            [(LINE_PRODUCER, cancel()), (LINE_PRODUCER, estimate("290000.55")), posted(TODAY + DAY, EDITING, "300000")]
        )

        second = await report(world, period="PER-2")

        assert second["compared_with"] == "CR-1"
        _adds_up(second["levels"])
        total = sum(Decimal(each["period_variance"]) for each in lines(second))
        moved = Decimal(second["total"]["efc"]) - Decimal(first["total"]["efc"])
        assert total == moved == Decimal(second["total"]["period_variance"])
        assert of(second, "B 04")["period_variance"] == "-500.00"


def _adds_up(levels: Iterable[dict[str, Any]]) -> None:
    for level in levels:
        of_accounts = sum(Decimal(each["period_variance"]) for each in level["accounts"])
        assert of_accounts == Decimal(level["period_variance"])


class TestIssuing:
    async def test_again_under_the_same_key_gives_the_same_report_and_keeps_nothing_more(self, world: World) -> None:
        await world.play(WEEKS)
        first = await world.send(PRODUCER, issues(), Idempotency_Key="report-of-week-1")
        await world.play([posted(TODAY, amount="5")])

        again = await world.send(PRODUCER, issues(), Idempotency_Key="report-of-week-1")

        assert again.headers["Idempotency-Replayed"] == "true"
        assert again.json() == first.json()
        assert len((await world.read(AUDITOR, "cost-reports"))["reports"]) == 1
        assert await count(world, "kept_documents") == len((JSON, *FILES))

    async def test_twice_at_once_under_one_key_issues_one(self, world: World) -> None:
        await world.play(WEEKS)
        sent = [world.send(PRODUCER, issues(), Idempotency_Key="at-once") for _ in range(4)]

        answers = await asyncio.gather(*sent)

        assert {answer.status_code for answer in answers} == {201}
        assert len({json.dumps(answer.json()["events"]) for answer in answers}) == 1
        assert len((await world.read(AUDITOR, "cost-reports"))["reports"]) == 1
        assert await broken(world) == []

    async def test_tells_the_truth_when_something_lands_between_making_and_issuing(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await world.play(WEEKS)
        keep = documents.keep

        async def later(pool: Any, contents: Iterable[bytes]) -> None:
            await keep(pool, contents)
            await world.play([posted(TODAY, amount="5", document="between")])

        before = await report(world, period="PER-1")
        monkeypatch.setattr(documents, "keep", later)
        answer = await world.send(PRODUCER, issues())

        [happened] = answer.json()["events"]
        assert happened["data"]["of_version"] == before["version"]
        assert happened["version"] > before["version"] + 1
        assert (await kept(world)).json() == before
        now = await report(world, period="PER-1", as_of=before["version"], at_least=None)
        assert of(now, ART) == of((await kept(world)).json(), ART)

    async def test_shows_what_its_sender_did_before(self, world: World) -> None:
        await world.play(WEEKS)
        for number in range(1, 4):
            await world.play([posted(TODAY, amount="1", document=f"N-{number}"), (LINE_PRODUCER, issues())])

            assert of((await kept(world, number)).json(), ART)["actual_to_date"] == f"{100 + number}.00"

    async def test_is_refused_like_any_command_when_the_stream_moved_on(self, world: World) -> None:
        await world.play(WEEKS)

        answer = await world.send(PRODUCER, issues(), If_Match='"3"')

        assert answer.status_code == 412
        assert await count(world, "kept_documents") == 0

    async def test_tried_keeps_nothing(self, world: World) -> None:
        await world.play(WEEKS)

        path = f"{address(IssueCostReport)}?dry_run=true"
        answer = await world.post(PRODUCER, path, body(issues()), company=COMPANY)

        assert answer.status_code == 200, answer.text
        assert answer.json()["events"][0]["data"]["forms"][0]["size"] > 0
        assert await count(world, "kept_documents") == 0

    @pytest.mark.parametrize(
        "sent", [{}, {"period": "PER-1", "posted_to": "2026-11-02"}, {"posted_from": "2026-11-02"}]
    )
    async def test_is_for_a_period_or_for_days(self, world: World, sent: dict[str, str]) -> None:
        await world.play(LOCKED)

        answer = await world.post(PRODUCER, address(IssueCostReport), json.dumps(sent).encode())

        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/")


class TestWhatIsKept:
    async def test_is_neither_changed_nor_removed(self, world: World) -> None:
        await world.play([*WEEKS, (PRODUCER, issues())])

        for url in (world.url, world.admin_url):
            connection = await asyncpg.connect(url)
            for statement in (
                "UPDATE kept_documents SET content = 'x'",
                "DELETE FROM kept_documents",
                "TRUNCATE kept_documents",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
            await connection.close()

    async def test_is_what_its_digest_says(self, world: World) -> None:
        with pytest.raises(asyncpg.CheckViolationError):
            await world.doors.database.pool.execute(
                "INSERT INTO kept_documents (sha256, content) VALUES ($1, $2)", b"\0" * 32, b"x"
            )

    @pytest.mark.parametrize(
        ("tampering", "found"),
        [
            ("UPDATE kept_documents SET content = set_byte(content, 9, 1 + get_byte(content, 9))", "was changed"),
            ("DELETE FROM kept_documents", "is missing"),
        ],
    )
    async def test_and_was_tampered_with_is_found(self, world: World, tampering: str, found: str) -> None:
        await world.play([*WEEKS, (PRODUCER, issues())])
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute(
            "ALTER TABLE kept_documents DISABLE TRIGGER ALL, DROP CONSTRAINT kept_documents_are_what_they_say"
        )
        await admin.execute(tampering)
        await admin.close()

        [told] = await broken(world)

        assert f"CR-1, version {(await world.read(AUDITOR, 'cost-reports'))['version']}" in told
        assert found in told
        answer = await world.get(AUDITOR, "cost-reports/CR-1")
        assert answer.status_code == 500
