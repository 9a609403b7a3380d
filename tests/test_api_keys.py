"""What a key may be made for, how it is kept, and how long."""

from datetime import UTC, datetime, timedelta
from typing import get_args

import asyncpg
import pytest

from service import api_keys
from service.api_keys import FOR_KEYS, FOR_PERSONS, READ, SCOPES
from service.deciders.approval import Approve, Reject, RequestChanges
from service.deciders.budget import LockBudget, UnlockBudget
from service.deciders.company import CompanyCommand
from service.deciders.decision import ProductionCommand
from service.deciders.team import TeamCommand
from service.routes.access import Doors
from tests.conftest import Urls

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
#: A key as one is made, its checksum reckoned elsewhere.
KEY = "glk_1a2b3c4d_" + "0" * 64 + "6c0b881a"


class TestWhatAKeyMayBeMadeFor:
    def test_is_said_of_every_command_once(self) -> None:
        assert {*get_args(CompanyCommand), *get_args(ProductionCommand)} == FOR_KEYS | FOR_PERSONS
        assert set() == FOR_KEYS & FOR_PERSONS

    def test_is_never_to_approve_nor_to_say_who_may(self) -> None:
        forbidden = {Approve, RequestChanges, Reject, LockBudget, UnlockBudget}
        assert forbidden | {*get_args(CompanyCommand), *get_args(TeamCommand)} <= FOR_PERSONS

    def test_has_the_names_of_the_addresses(self) -> None:
        assert {READ, "log-spend", "submit-budget"} <= SCOPES
        assert not SCOPES & {"approve", "lock-budget", "admit-member", "appoint", "LogSpend"}


class TestAKey:
    def test_is_known_for_whole_by_its_checksum(self) -> None:
        assert api_keys.whole(KEY)
        for place in range(len(KEY)):
            assert not api_keys.whole(KEY[:place] + ("1" if KEY[place] == "0" else "0") + KEY[place + 1 :]), place
        for other in ("", KEY[:-1], KEY + "0", KEY + "\n", f" {KEY}", KEY.upper(), KEY.replace("0", "\u0660")):
            assert not api_keys.whole(other)

    async def test_is_shown_once_and_kept_as_a_hash(self, doors: Doors) -> None:
        key_id, key = await doors.api_keys.create("acme", "lena", ["read", "log-spend"], NOW, timedelta(days=1))

        [kept] = await doors.database.pool.fetch("SELECT k::text AS row FROM api_keys k")
        assert api_keys.whole(key)
        assert key.startswith(f"glk_{key_id.removeprefix('K-')}_")
        assert key_id in kept["row"]
        assert key[13:] not in kept["row"]
        assert key[13:].encode().hex() not in kept["row"]
        [listed] = await doors.api_keys.of("acme")
        assert (listed.key_id, listed.owner, listed.scopes) == (key_id, "lena", ["log-spend", "read"])

    async def test_is_another_each_time(self, doors: Doors) -> None:
        made = {await doors.api_keys.create("acme", "lena", ["read"], NOW, timedelta(days=1)) for _ in range(20)}
        assert len(made) == len({key for _, key in made}) == 20

    @pytest.mark.parametrize(
        ("scopes", "lifetime", "said"),
        [
            (["approve"], timedelta(days=1), "No key may approve; one may amend-commitment, "),
            (["read", "lock-budget"], timedelta(days=1), "No key may lock-budget"),
            (["LogSpend"], timedelta(days=1), "No key may LogSpend"),
            ([], timedelta(days=1), "A key needs a scope"),
            (["read"], timedelta(days=365, seconds=1), "365 days at the most"),
            (["read"], timedelta(0), "365 days at the most"),
        ],
        ids=str,
    )
    async def test_is_not_made(self, scopes: list[str], lifetime: timedelta, said: str, doors: Doors) -> None:
        with pytest.raises(ValueError, match=said):
            await doors.api_keys.create("acme", "lena", scopes, NOW, lifetime)
        assert await doors.api_keys.of("acme") == []

    async def test_of_more_than_a_year_is_refused_by_the_database_too(self, urls: Urls) -> None:
        connection = await asyncpg.connect(urls.service)
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "INSERT INTO api_keys"
                " VALUES ('K-1', '\\x00', 'acme', 'lena', '{read}', now(), now() + interval '2 years')"
            )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("DELETE FROM api_keys")
        await connection.close()
