"""What a login for dashboards sees of commitments and costs: what the service shows, to whom it shows it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import pytest

from events.commitment import CommitmentKind
from projections import PROJECTIONS, commitment_register, cost_report, current_budget
from projections.commitment_register import Taken, Wanted
from projections.cost_report import ESTIMATES, Costs, Posted, Terms
from projections.current_budget import SpentRow
from projections.rebuild import rebuild
from projections.stored import load
from service.deciders.commitment import SubmitCommitment
from service.embedded import Server
from service.readers import owning
from tests.conftest import fresh
from tests.deciders.commitments import EUROS, bought, cancel, estimate, invoice, order
from tests.deciders.rounds import COVERED, adopted, policy, transfer
from tests.deciders.stories import ART, EDITING, LINE_PRODUCER, PRODUCER, STORY, spend
from tests.handling.office import STREAM, opened
from tests.roles.conftest import RIVAL, login
from tests.spec import Story

#: Orders in every state, one of them above the line, a deal, and an estimate; the euros are invoiced whole.
COMMITTED: Story = [
    *adopted(COVERED, policy()),
    *bought((ART, "1000")),
    invoice("400"),
    *bought((ART, "3"), number=2, currency="EUR", rate=EUROS),
    invoice("3", "KS-2", "PO-0002", currency="EUR", rate=EUROS),
    *bought((STORY, "77"), number=3),
    *bought((EDITING, "20"), number=4),
    (LINE_PRODUCER, cancel(4)),
    (LINE_PRODUCER, order((EDITING, "30"))),
    (LINE_PRODUCER, order((EDITING, "500"), kind=CommitmentKind.DEAL)),
    (LINE_PRODUCER, SubmitCommitment(commitment="DEAL-0001")),
    (LINE_PRODUCER, estimate("90000", EDITING)),
    (LINE_PRODUCER, spend("9999", "70", "KS-3")),
    (PRODUCER, transfer("60000")),
]


@dataclass(frozen=True, slots=True)
class Looks:
    """Connections of a login with the right and of one without, and of the superuser."""

    having: asyncpg.Connection
    without: asyncpg.Connection
    admin: asyncpg.Connection


@pytest.fixture(scope="module")
async def logins(server: Server) -> AsyncIterator[tuple[str, str, str]]:
    async with fresh(server) as urls:
        async with opened(urls.service) as office:
            await office.play(COMMITTED)
            await office.play(COMMITTED, RIVAL)
            await rebuild(office.pool, PROJECTIONS)
        async with owning(urls.owner) as readers:
            made = await readers.create("acme", confidential=True), await readers.create("acme")
            try:
                yield *made, urls.admin
            finally:
                for url in made:
                    await readers.drop(login(url))


@pytest.fixture
async def looks(logins: tuple[str, str, str]) -> AsyncIterator[Looks]:
    found = [await asyncpg.connect(url) for url in logins]
    yield Looks(*found)
    for each in found:
        await each.close()


class TestTheViews:
    @pytest.mark.parametrize("view", ["commitments", "costs"])
    async def test_are_of_the_logins_company_alone(self, looks: Looks, view: str) -> None:
        told = await looks.having.fetch(f"SELECT DISTINCT production FROM bi.{view}")
        assert [row["production"] for row in told] == ["the-long-take"]
        function = await looks.admin.fetchval("SELECT count(*) FROM commitment_register_commitments")
        assert function > len(await looks.having.fetch("SELECT DISTINCT commitment FROM bi.commitments"))

    async def test_show_costs_as_the_service_does(self, looks: Looks) -> None:
        rows = await load(looks.admin, [*current_budget.KINDS, *commitment_register.KINDS], [STREAM])
        budget, budgeted = current_budget.in_force(rows, STREAM)
        taken: dict[str, Taken] = {}
        for _, account, amounts in commitment_register.taken(rows, STREAM):
            taken[account] = taken[account] + amounts if account in taken else amounts
        spent = {row.account: Posted(row.spent, row.spent, row.spent * 0) for row in rows.of(SpentRow, STREAM)}
        estimates = [ESTIMATES.read(row) for row in await looks.admin.fetch("SELECT * FROM cost_report_estimates")]
        held = Costs(spent, taken, cost_report.latest(e for e in estimates if e.stream_id == STREAM), {})
        report = cost_report.view(STREAM, 0, 0, "INR", budget, budgeted, held, Terms())
        names = ("total_budget", "actual_to_date", "commitments", "total_cost", "etc", "efc", "variance", "estimated")
        wanted = {
            (line.code, line.section, line.level, *(getattr(line, name) for name in names))
            for line in cost_report.lines(report)
        }

        told = await looks.having.fetch(f"SELECT code, section, level, {', '.join(names)}, budget FROM bi.costs")

        assert {tuple(row)[:-1] for row in told} == wanted
        assert {row["budget"] for row in told} == {budget}
        assert {row["code"] for row in told if row["commitments"]} == {ART, STORY, EDITING}
        assert {row["code"] for row in told if row["estimated"]} == {EDITING}

    async def test_show_commitments_account_by_account(self, looks: Looks) -> None:
        rows = await load(looks.admin, commitment_register.KINDS, [STREAM])
        view = commitment_register.view(rows, STREAM, 0, 0, "INR", Wanted(), {}, lambda _: True, None)
        names = "commitment, state, account, total, balance"

        told = await looks.having.fetch(f"SELECT {names}, relieved FROM bi.commitments")

        wanted = {
            (each.commitment, each.state.value, of.account, of.total, of.balance)
            for each in view.commitments
            for of in each.accounts
            if of.total
        }
        assert {tuple(row)[:-1] for row in told} == wanted
        assert {row["state"] for row in told} == {"draft", "open", "partly_relieved", "relieved", "cancelled"}
        assert sum(row["relieved"] for row in told) == sum(
            each.relieved + each.in_progress for each in view.commitments
        )

    async def test_show_of_which_scenario_a_budget_is(self, looks: Looks) -> None:
        rows = await load(looks.admin, current_budget.KINDS, [STREAM])
        scenarios = {f"v{row.number}": row.scenario for row in rows.of(current_budget.BudgetRow, STREAM)}
        told = await looks.having.fetch("SELECT DISTINCT budget, scenario FROM bi.budget_accounts")
        assert [tuple(row) for row in told] == [(row["budget"], scenarios[row["budget"]]) for row in told]
        assert len(told) == 1

    async def test_show_neither_costs_nor_pay_without_the_right(self, looks: Looks) -> None:
        told = await looks.without.fetch("SELECT DISTINCT commitment FROM bi.commitments ORDER BY 1")
        everything = await looks.having.fetch("SELECT DISTINCT commitment FROM bi.commitments ORDER BY 1")
        hidden = {row[0] for row in everything} - {row[0] for row in told}
        assert hidden == {"DEAL-0001", "PO-0003"}
        assert await looks.without.fetch("SELECT * FROM bi.costs") == []
