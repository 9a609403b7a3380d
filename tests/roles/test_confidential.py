"""Logins for dashboards with the right to read pay and detail above the line, and without."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

from projections import PROJECTIONS
from projections.rebuild import rebuild
from service.embedded import Server
from service.readers import owning
from tests.conftest import fresh
from tests.deciders.closed import CLOSED, DRONES, LEAD, NOWHERE, OWN, TOLD, hashes, story
from tests.deciders.stories import STORY
from tests.handling.office import opened
from tests.roles.conftest import login

VIEWS = (
    *("approval_rounds", "budget_accounts", "commitments", "costs", "funding_sources", "productions"),
    "spend_lines",
)
#: What nobody may read who has no accounts of their own.
HIDDEN = CLOSED | OWN | {"an entry that was moved from art to the lead": "224737"}


@pytest.fixture(scope="module")
async def logins(server: Server) -> AsyncIterator[tuple[str, str]]:
    """The addresses of a login without the right and of one with it."""
    async with fresh(server) as urls:
        async with opened(urls.service) as office:
            await office.play(story())
            await rebuild(office.pool, PROJECTIONS)
        async with owning(urls.owner) as readers:
            made = await readers.create("acme"), await readers.create("acme", confidential=True)
            try:
                assert sorted(right for _, _, right in await readers.of("acme")) == [False, True]
                yield made
            finally:
                for url in made:
                    await readers.drop(login(url))


@pytest.fixture
async def without(logins: tuple[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(logins[0])
    yield connection
    await connection.close()


@pytest.fixture
async def having(logins: tuple[str, str]) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(logins[1])
    yield connection
    await connection.close()


async def everything(connection: asyncpg.Connection) -> str:
    return str([await rows(connection, f"SELECT * FROM bi.{view}") for view in VIEWS])


def named(text: str, closed: dict[str, str]) -> set[str]:
    return {what for what, figure in closed.items() if figure in text}


async def rows(connection: asyncpg.Connection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.fetch(query)]


class TestALogin:
    async def test_without_the_right_finds_no_figure(self, without: asyncpg.Connection) -> None:
        assert named(await everything(without), HIDDEN) == set()

    async def test_cannot_give_it_to_itself(self, without: asyncpg.Connection) -> None:
        await without.execute("SET default_transaction_read_only = off")
        for statement in (
            "UPDATE public.readers SET confidential = true",
            "SELECT public.reading_everything()",
            "SELECT * FROM public.readers",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await without.execute(statement)

    async def test_with_the_right_finds_what_the_views_have(self, having: asyncpg.Connection) -> None:
        """Words and reasons of before, and versions that are not in force, are in no view."""
        found = named(await everything(having), HIDDEN | TOLD)

        assert {"the lead's budget", "a fee paid to the lead", "a wage that was recoded", *OWN} < found
        assert {"what was said of a fee", "an overage for the lead", "art's invoice"} < found


class TestTheViews:
    async def test_have_one_row_a_level_for_its_accounts_that_are_not_shown(
        self, without: asyncpg.Connection, having: asyncpg.Connection
    ) -> None:
        asked = "SELECT code, name, spent FROM bi.budget_accounts WHERE level = 'above_the_line' ORDER BY code"
        [(code, name, spent)] = await rows(without, asked)

        assert (code, name) == (None, "Withheld")
        assert spent == sum(each for _, _, each in await rows(having, asked))
        assert len(await rows(having, asked)) == 3

    async def test_add_up_to_the_same_levels(self, without: asyncpg.Connection, having: asyncpg.Connection) -> None:
        asked = (
            "SELECT level, sum(budgeted), sum(overages), sum(moved), sum(total_budget), sum(spent), sum(remaining)"
            " FROM bi.budget_accounts WHERE section <> 'outside' GROUP BY 1 ORDER BY 1"
        )

        assert await rows(without, asked) == await rows(having, asked)

    async def test_show_no_figure_of_spend_outside(self, without: asyncpg.Connection) -> None:
        asked = "SELECT code, spent, remaining, over FROM bi.budget_accounts WHERE section = 'outside' ORDER BY 1"
        contingency = Decimal(TOLD["spend on the contingency"]) + Decimal(CLOSED["a wage coded to the contingency"])

        assert await rows(without, asked) == [
            (DRONES, None, None, None),
            ("8000", contingency, -contingency, contingency),
            (NOWHERE, None, None, None),
        ]

    async def test_leave_entries_out_whole(self, without: asyncpg.Connection, having: asyncpg.Connection) -> None:
        asked = "SELECT DISTINCT spend FROM bi.spend_lines"
        closed = {row[0] for row in await rows(having, asked)} - {row[0] for row in await rows(without, asked)}
        pay = {row[0] for row in await rows(having, f"{asked} WHERE kind = 'payroll'")}
        stood = {row[0] for row in await rows(having, f"{asked} WHERE account IN ('{LEAD}', '{STORY}', '2300')")}
        outside = {row[0] for row in await rows(having, f"{asked} WHERE account IN ('{DRONES}', '{NOWHERE}')")}
        of_pay = {row[0] for row in await rows(having, f"{asked} WHERE kind = 'exchange_difference'")}

        assert len(pay) == 5
        assert len(of_pay) == 1
        assert closed == pay | of_pay | stood | outside

    async def test_keep_rounds_and_answers_without_amounts_and_words(
        self, without: asyncpg.Connection, having: asyncpg.Connection
    ) -> None:
        keep = "SELECT round, subject, state, step, submitted_by, json_array_length(decisions) FROM bi.approval_rounds"
        amounts = "SELECT kind, subject, amount FROM bi.approval_rounds WHERE kind IN ('payment', 'overage', 'budget')"

        assert await rows(without, keep) == await rows(having, keep)
        shown = {subject for _, subject, amount in await rows(without, amounts) if amount is not None}
        assert shown == {"v3", "2200"}
        words = "SELECT subject, d->>'words' FROM bi.approval_rounds, json_array_elements(decisions) AS d"
        assert {said for said in await rows(without, words) if said[1] is not None} == {("v3", "Go.")}
        assert len({said for said in await rows(having, words) if said[1] is not None}) > 4

    async def test_have_no_hash_of_what_is_not_shown_by_which_it_could_be_guessed(
        self, without: asyncpg.Connection, having: asyncpg.Connection
    ) -> None:
        asked = "SELECT round, content_hash FROM bi.approval_rounds"
        hidden = {number for number, seen in await rows(without, asked) if seen is None}

        assert hidden == hashes(story()).keys()
        assert all(seen is not None for _, seen in await rows(having, asked))
