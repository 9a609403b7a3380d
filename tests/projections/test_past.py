import asyncio
from dataclasses import replace
from itertools import pairwise
from typing import Any

import httpx2
import pytest

from projections import PROJECTIONS, current_budget, past, runner
from projections.past import rows_at
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.runner import Runner
from tests.conftest import Urls
from tests.deciders.stories import ART, LINE_PRODUCER, LOCKED, SPENT, spend
from tests.handling.office import STREAM, Office
from tests.projections.desk import caught_up, eventually, running, shown, tampered

#: A mark of no rows, of whatever kind.
NOTHING = [[] for _ in current_budget.KINDS]
CHANGING = [each for each in PROJECTIONS if each.changes]


@pytest.fixture(autouse=True)
def dense(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks every few versions, however many rows they hold."""
    monkeypatch.setattr(past, "EVERY", 5)
    monkeypatch.setattr(past, "ROWS_A_VERSION", 10**9)


@pytest.fixture
async def version(office: Office) -> int:
    """A production with a past; its newest version."""
    await office.play(SPENT)
    return (await office.handling.production(STREAM)).head.version


async def agrees(office: Office, projection: Projection[Any], version: int) -> None:
    """Insist that the past is what a replay of the log makes."""
    rows = await rows_at(office.pool, projection, STREAM, version)
    expected = projection.replay(await office.log.read_stream(STREAM, up_to=version))
    for kind in projection.kinds:
        assert rows.of(kind.row, STREAM) == expected.of(kind.row, STREAM), (projection.name, version)


async def marked(office: Office, projection: Projection[Any] = current_budget.PROJECTION) -> list[int]:
    found = await office.pool.fetch(
        "SELECT version FROM marks WHERE projection = $1 AND stream_id = $2 ORDER BY 1", projection.name, STREAM
    )
    return [row["version"] for row in found]


class TestPast:
    def test_is_folded_for_the_read_models_whose_rows_change(self) -> None:
        changing = ["current_budget", "approval_status", "funding", "commitment_register", "advances"]
        assert [each.name for each in CHANGING] == [*changing, "withholding", "periods"]

    @pytest.mark.parametrize("projection", CHANGING, ids=lambda each: each.name)
    async def test_is_a_replay_at_every_version_without_marks_and_with_them(
        self, office: Office, version: int, projection: Projection[Any]
    ) -> None:
        for _ in range(2):
            for each in range(version, 0, -1):
                await agrees(office, projection, each)
        assert await marked(office, projection) == list(range(5, version + 1, 5))

    async def test_begins_at_a_mark(self, office: Office, version: int) -> None:
        await rows_at(office.pool, current_budget.PROJECTION, STREAM, version)
        await office.pool.execute(f"UPDATE marks SET rows = '{NOTHING}' WHERE version % 5 = 0")

        rows = await rows_at(office.pool, current_budget.PROJECTION, STREAM, version - version % 5)

        assert not any(rows.of(kind.row, STREAM) for kind in current_budget.KINDS)

    async def test_never_begins_at_a_mark_that_the_log_does_not_hold(
        self, office: Office, version: int, urls: Urls
    ) -> None:
        await rows_at(office.pool, current_budget.PROJECTION, STREAM, version)
        await office.pool.execute(f"UPDATE marks SET rows = '{NOTHING}'")
        await tampered(urls.admin, "UPDATE events SET link = sha256(link)")

        await agrees(office, current_budget.PROJECTION, version)

    async def test_never_begins_at_a_mark_of_another_fold(self, office: Office, version: int) -> None:
        await rows_at(office.pool, current_budget.PROJECTION, STREAM, version)
        await office.pool.execute(f"UPDATE marks SET rows = '{NOTHING}'")
        newer = replace(current_budget.PROJECTION, version=current_budget.PROJECTION.version + 1)

        await agrees(office, newer, version)
        await agrees(office, newer, version)
        assert await office.pool.fetchval("SELECT count(*) FROM marks WHERE fold <> $1", newer.version) == 0

    async def test_has_few_marks_where_each_holds_many_rows(
        self, office: Office, version: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(past, "ROWS_A_VERSION", 0.5)

        await agrees(office, current_budget.PROJECTION, version)

        places = [0, *await marked(office)]
        assert len(places) > 1
        for one, following in pairwise(places):
            rows = current_budget.PROJECTION.replay(await office.log.read_stream(STREAM, up_to=following))
            size = sum(len(rows.of(kind.row, STREAM)) for kind in current_budget.KINDS)
            assert following - one >= size / 0.5


class TestMarks:
    async def test_are_laid_by_the_runner_while_a_production_grows(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(runner, "EVERY", 5)
        live = Runner(office.pool)
        async with running(live):
            [*_, last] = await office.play(LOCKED)
            for place in range(6):
                last = await office.send(LINE_PRODUCER, spend(ART, "5", f"D-{place}"))
            await eventually(live, last.position)
            version = (await office.handling.production(STREAM)).head.version
            expected = list(range(5, version + 1, 5))
            async with asyncio.timeout(60):
                while any([await marked(office, each) != expected for each in CHANGING]):
                    await asyncio.sleep(0.02)

    async def test_go_with_a_rebuild(self, office: Office, version: int) -> None:
        await caught_up(Runner(office.pool))
        await rows_at(office.pool, current_budget.PROJECTION, STREAM, version)

        await rebuild(office.pool, [current_budget.PROJECTION])

        assert await marked(office) == []

    async def test_are_what_a_view_lays(self, office: Office, version: int, client: httpx2.AsyncClient) -> None:
        await caught_up(Runner(office.pool))

        await shown(client, f"/v1/{STREAM}/current-budget", as_of=version)

        assert await marked(office) == list(range(5, version + 1, 5))
