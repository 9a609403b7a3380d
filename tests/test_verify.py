"""Whoever tampers with the log as its superuser, triggers off, is found out; each breach is named."""

from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from events.chain import GENESIS, link
from service import verify
from tests.conftest import Urls
from tests.deciders.stories import SPENT, STAFFED
from tests.handling.office import STREAM, Office, opened

#: The second entry of the story, on the editing account.
ENTRY = f"stream_id = '{STREAM}' AND type = 'SpendLogged' AND payload->>'spend' = 'S-000002'"


@pytest.fixture
async def office(urls: Urls) -> AsyncIterator[Office]:
    """A company with two productions, and their facts."""
    async with opened(urls.service) as inside:
        await inside.play(SPENT)
        await inside.play(STAFFED, "acme/other")
        yield inside


@pytest.fixture
async def forger(urls: Urls, office: Office) -> AsyncIterator[asyncpg.Connection]:
    """The superuser, with the triggers off."""
    admin = await asyncpg.connect(urls.admin)
    await admin.execute("ALTER TABLE events DISABLE TRIGGER ALL")
    yield admin
    await admin.close()


async def broken(office: Office, only: str | None = None) -> dict[str, str]:
    """What a walk as the service's role finds, by stream."""
    async with office.pool.acquire() as connection:
        verdicts = [verdict async for verdict in verify.verify(connection, only)]
    return {verdict.stream_id: verdict.broken for verdict in verdicts if verdict.broken is not None}


async def one(forger: asyncpg.Connection, where: str = ENTRY) -> Any:
    [row] = await forger.fetch(f"SELECT * FROM events WHERE {where}")
    return row


def name(row: Any) -> str:
    return f"{STREAM} version {row['version']}, {row['type']} {row['event_id']}"


async def relinked(forger: asyncpg.Connection) -> None:
    """Compute the stream's links anew, from its first event to its head."""
    previous = GENESIS
    for row in await forger.fetch("SELECT * FROM events WHERE stream_id = $1 ORDER BY version", STREAM):
        place = (row["stream_id"], row["version"], str(row["event_id"]), row["type"], row["schema_version"])
        previous = link(previous, *place, row["payload"], row["metadata"])
        await forger.execute("UPDATE events SET link = $1 WHERE position = $2", previous, row["position"])
    await forger.execute("UPDATE streams SET link = $1 WHERE stream_id = $2", previous, STREAM)


class TestVerify:
    async def test_holds_for_what_was_only_ever_appended(self, office: Office) -> None:
        async with office.pool.acquire() as connection:
            verdicts = [verdict async for verdict in verify.verify(connection)]

        heads = await office.log.heads("acme", STREAM, "acme/other")
        assert {v.stream_id: (v.events, v.link, v.broken) for v in verdicts} == {
            stream: (head.version, head.link, None) for stream, head in heads.items()
        }

    @pytest.mark.parametrize("page", [1, 2, 7])
    async def test_holds_over_pages_of_any_size(
        self, office: Office, forger: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch, page: int
    ) -> None:
        monkeypatch.setattr(verify, "PAGE", page)
        assert await broken(office) == {}

        row = await one(forger)
        await forger.execute(f"UPDATE events SET payload = '{{}}' WHERE {ENTRY}")
        assert list(await broken(office)) == [STREAM]
        assert name(row) in (await broken(office, STREAM))[STREAM]
        assert await broken(office, "acme/other") == {}

    @pytest.mark.parametrize(
        "change",
        [
            "payload = replace(payload::text, '30000', '3000')::json",
            "payload = (payload::text || ' ')::json",
            "metadata = replace(metadata::text, '\"anil\"', '\"lena\"')::json",
            "metadata = replace(metadata::text, '2026-11-02', '2026-11-01')::json",
            "type = 'SpendReversed'",
            "schema_version = 1",
            "event_id = gen_random_uuid()",
            "link = decode(repeat('ab', 32), 'hex')",
        ],
    )
    async def test_names_an_event_that_was_edited(
        self, office: Office, forger: asyncpg.Connection, change: str
    ) -> None:
        place = (await one(forger))["position"]
        assert await forger.execute(f"UPDATE events SET {change} WHERE {ENTRY}") == "UPDATE 1"

        found = await broken(office)

        assert list(found) == [STREAM]
        assert name(await one(forger, f"position = {place}")) in found[STREAM]
        assert "is not what was linked" in found[STREAM]

    async def test_names_the_first_of_two_events_that_changed_places(
        self, office: Office, forger: asyncpg.Connection
    ) -> None:
        row = await one(forger)
        version = row["version"]
        for old, new in ((version, -1), (version + 1, version), (-1, version + 1)):
            await forger.execute(
                "UPDATE events SET version = $1 WHERE stream_id = $2 AND version = $3", new, STREAM, old
            )

        found = (await broken(office))[STREAM]

        moved = await one(forger, f"stream_id = '{STREAM}' AND version = {version}")
        assert moved["event_id"] != row["event_id"]
        assert name(moved) in found

    async def test_names_what_comes_after_a_hole(self, office: Office, forger: asyncpg.Connection) -> None:
        row = await one(forger)
        await forger.execute(f"DELETE FROM events WHERE {ENTRY}")

        found = (await broken(office))[STREAM]

        following = await one(forger, f"stream_id = '{STREAM}' AND version = {row['version'] + 1}")
        assert found.startswith(f"after version {row['version'] - 1} comes {name(following)}")

    async def test_names_what_closed_a_hole(self, office: Office, forger: asyncpg.Connection) -> None:
        row = await one(forger)
        await forger.execute(f"DELETE FROM events WHERE {ENTRY}")
        for version in range(row["version"] + 1, (await office.log.heads(STREAM))[STREAM].version + 1):
            await forger.execute(
                "UPDATE events SET version = version - 1 WHERE stream_id = $1 AND version = $2", STREAM, version
            )

        assert f"{STREAM} version {row['version']}, " in (await broken(office))[STREAM]

    async def test_finds_an_end_that_was_cut_without_its_head(self, office: Office, forger: asyncpg.Connection) -> None:
        last = (await office.log.heads(STREAM))[STREAM].version
        await forger.execute("DELETE FROM events WHERE stream_id = $1 AND version > $2", STREAM, last - 2)

        assert await broken(office) == {
            STREAM: f"{STREAM} ends at version {last - 2}, but stands at version {last}: its end was cut or added to"
        }

    async def test_finds_a_stream_that_is_gone_but_for_its_head(
        self, office: Office, forger: asyncpg.Connection
    ) -> None:
        await forger.execute("DELETE FROM events WHERE stream_id = $1", STREAM)

        assert "ends at version 0" in (await broken(office))[STREAM]

    async def test_finds_a_stream_without_a_head(self, office: Office, forger: asyncpg.Connection) -> None:
        await forger.execute("DELETE FROM streams WHERE stream_id = $1", STREAM)

        assert "has no head" in (await broken(office))[STREAM]

    async def test_finds_a_head_with_another_link(self, office: Office, forger: asyncpg.Connection) -> None:
        head = (await office.log.heads(STREAM))[STREAM]
        await forger.execute("UPDATE streams SET link = decode(repeat('00', 32), 'hex') WHERE stream_id = $1", STREAM)

        assert (await broken(office))[STREAM] == (
            f"{STREAM} ends at version {head.version} with link {head.link.hex()}, but its head has {'00' * 32}:"
            " the head was changed"
        )


class TestExpect:
    async def test_finds_an_end_that_was_cut_with_its_head(self, office: Office, forger: asyncpg.Connection) -> None:
        last = (await office.log.heads(STREAM))[STREAM]
        await forger.execute("DELETE FROM events WHERE stream_id = $1 AND version = $2", STREAM, last.version)
        await forger.execute(
            "UPDATE streams s SET version = e.version, link = e.link FROM events e"
            " WHERE s.stream_id = $1 AND e.stream_id = $1 AND e.version = $2",
            STREAM,
            last.version - 1,
        )

        assert await broken(office) == {}
        said = await verify.expected(forger, STREAM, last.version, last.link.hex())
        assert said == f"{STREAM} has no version {last.version}: its end was cut"

    async def test_finds_a_stream_that_was_rewritten_as_a_whole(
        self, office: Office, forger: asyncpg.Connection
    ) -> None:
        row = await one(forger)
        held = {
            v: await office.log.link_at(STREAM, v) for v in (row["version"] - 1, row["version"], row["version"] + 3)
        }
        await forger.execute(f"UPDATE events SET payload = replace(payload::text, '30000', '3000')::json WHERE {ENTRY}")
        await relinked(forger)

        assert await broken(office) == {}
        says = {v: await verify.expected(forger, STREAM, v, at.hex()) for v, at in held.items()}
        assert says.pop(row["version"] - 1) is None
        for version, said in says.items():
            assert said is not None
            assert said.startswith(f"{STREAM} version {version} has link ")
            assert said.endswith(f"not {held[version].hex()}: it was rewritten")

    async def test_is_content_with_the_link_that_was_held_in_either_case(
        self, office: Office, forger: asyncpg.Connection
    ) -> None:
        held = (await office.log.link_at(STREAM, 5)).hex()

        assert await verify.expected(forger, STREAM, 5, held) is None
        assert await verify.expected(forger, STREAM, 5, held.upper()) is None
