"""What holds in every history that people could make, however they go on."""

import os
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from decimal import Decimal
from random import Random
from typing import Any, get_args

from hypothesis import given
from hypothesis import strategies as st

from events import EVENTS, FlagEvent, OfCompany, OfProduction, codec
from events.approval import (
    ApprovalGiven,
    ApprovalRequested,
    BudgetApproved,
    BudgetSubmitted,
    ContentReplaced,
    VoteLapsed,
    VoteWithdrawn,
)
from events.budget import BudgetDrafted, ChargeBase, LabelDisagrees, Level, TotalDisagrees
from events.financing import (
    AT_LEAST_COMMITTED,
    NOT_CASH,
    FundsReceiptReversed,
    FundsReceived,
    counted_once,
)
from events.ids import AccountCode, FlagId, PersonId
from events.money import Money, digits
from events.paying import PaymentVoided, ReconciliationUndone, SpendPaid, SpendReconciled
from events.policy import RequestKind
from events.remittance import RemittanceVoided, WithheldRemitted, withheld_of
from events.spend import SpendKind, SpendLogged, SpendRecoded, SpendReversed
from events.team import Role
from service.deciders import production as productions
from service.deciders.approval import (
    Outcome,
)
from service.deciders.command import Command
from service.deciders.commitment import (
    DraftCommitment,
)
from service.deciders.decision import ProductionCommand
from service.deciders.financing import (
    SecureFunding,
)
from service.deciders.production import OpenProduction, Production
from tests.deciders.ladders import declared
from tests.deciders.made_up import ADDS, AGAIN, BEGINNINGS, History, attempted, bounded, histories
from tests.spec import World


def open_flags(world: World) -> list[FlagId]:
    """The flags that were raised and not cleared, by the facts alone."""
    raised: list[FlagId] = []
    for fact, _ in world.facts:
        if isinstance(fact, FlagEvent):
            raised.append(fact.flag)
        for flag in getattr(fact, "clears", ()):
            raised.remove(flag)
    return raised


def spent(world: World) -> dict[AccountCode, Decimal]:
    """What stands on each account, by the facts alone."""
    entries: dict[str, tuple[AccountCode, Decimal]] = {}
    for fact, _ in world.facts:
        match fact:
            case SpendLogged(number, code, cost=cost):
                entries[number] = code, cost.amount
            case SpendRecoded(number, to_account=code, cost=cost):
                entries[number] = code, cost.amount
            case SpendReversed(number):
                del entries[number]
    total: defaultdict[AccountCode, Decimal] = defaultdict(Decimal)
    for code, amount in entries.values():
        total[code] += amount
    return {code: amount for code, amount in total.items() if amount}


def moneys_in(value: Any) -> Iterator[Money]:
    """Every amount with its currency, however deep in a fact."""
    if isinstance(value, Money):
        yield value
    elif isinstance(value, BudgetDrafted):
        for line in (*value.accounts, *value.charges, *value.credits, *value.stated, *_bases(value)):
            yield Money(line.amount, value.currency)
        for part in fields(value.totals):
            yield Money(getattr(value.totals, part.name), value.currency)
    elif isinstance(value, SpendLogged):
        yield from (Money(amount, value.currency) for amount in (value.net, value.tax, value.recoverable_tax))
        yield value.cost
    elif is_dataclass(value):
        for part in fields(value):
            yield from moneys_in(getattr(value, part.name))


def _bases(drafted: BudgetDrafted) -> list[ChargeBase]:
    return [charge.base for charge in drafted.charges if charge.base is not None]


class TestEveryHistory:
    @bounded
    @given(histories)
    def test_folds_from_its_facts_alone_to_what_it_is(self, history: History) -> None:
        state: Production | None = None
        for fact, around in history.world.facts:
            if isinstance(fact, OfProduction):
                state = productions.evolve(state, fact, around)
        assert state == history.world.production

    @bounded
    @given(histories)
    def test_is_refused_only_as_declared(self, history: History) -> None:
        for step in history.steps:
            if step.refusal is not None:
                assert type(step.refusal) in declared(type(step.command))
                assert str(step.refusal)

    @bounded
    @given(histories)
    def test_is_decided_in_one_way(self, history: History) -> None:
        for step in history.steps:
            assert attempted(step.before, step.person, step.command) == step

    @bounded
    @given(histories)
    def test_says_nothing_new_when_asked_again(self, history: History) -> None:
        for step in history.steps:
            if step.refusal is None:
                after = step.before.after(step.person, step.command, step.facts)
                again = attempted(after, step.person, step.command)
                if not isinstance(step.command, AGAIN):
                    replaces = getattr(step.command, "accrual", None) or (
                        isinstance(step.command, DraftCommitment) and step.command.commitment
                    )
                    adds = isinstance(step.command, ADDS) and not replaces
                    waits = any(isinstance(fact, ApprovalRequested) for fact in step.facts)
                    assert bool(again.facts) == (adds and not (waits and isinstance(step.command, SecureFunding)))

    @bounded
    @given(histories)
    def test_is_written_and_read_without_a_loss(self, history: History) -> None:
        for fact, around in history.world.facts:
            written = codec.encode(fact)
            read = codec.decode(type(fact).__name__, codec.SCHEMA_VERSIONS[type(fact).__name__], written)
            assert (read, codec.encode(read)) == (fact, written)
            assert codec.decode_metadata(codec.encode_metadata(around)) == around

    @bounded
    @given(histories)
    def test_writes_every_amount_with_the_digits_of_its_currency(self, history: History) -> None:
        for fact, _ in history.world.facts:
            for money in moneys_in(fact):
                assert money.amount.as_tuple().exponent == -digits(money.currency), fact

    def test_is_decided_alike_by_processes_that_keep_sets_in_another_order(self) -> None:
        run = (sys.executable, "-c", "from tests.deciders.made_up import told; print(*told(150), sep='\\n')")
        seeds = ({**os.environ, "PYTHONHASHSEED": seed} for seed in ("1", "2"))
        asked = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True, env=seed) for seed in seeds]
        one, another = (process.communicate()[0] for process in asked)
        assert one.count("\n") > 1000
        assert one == another


class TestFlags:
    @bounded
    @given(histories)
    def test_are_numbered_in_the_order_in_which_they_are_raised(self, history: History) -> None:
        raised = [fact.flag for fact, _ in history.world.facts if isinstance(fact, FlagEvent)]
        assert raised == [f"FLAG-{number}" for number in range(1, len(raised) + 1)]

    @bounded
    @given(histories)
    def test_are_cleared_once_after_they_were_raised_and_in_order(self, history: History) -> None:
        standing = open_flags(history.world)
        assert len(set(standing)) == len(standing)
        for fact, _ in history.world.facts:
            numbers = [int(flag.removeprefix("FLAG-")) for flag in getattr(fact, "clears", ())]
            assert numbers == sorted(set(numbers))

    @bounded
    @given(histories)
    def test_that_stand_are_the_ones_remembered(self, history: History) -> None:
        production = history.production
        spending, financing = production.spending, production.financing
        remembered = [
            *financing.shortfalls,
            *(flag for source in financing.sources.values() for flag in (*source.early, *source.beyond)),
            *(flag for entry in spending.accounts.values() for flag in (*entry.outside, *entry.over)),
            *spending.suspected,
            *spending.alerts.values(),
            *production.commitments.flagged,
            *production.advances.flags,
        ]
        of_budgets = {fact.flag for fact, _ in history.world.facts if isinstance(fact, LabelDisagrees | TotalDisagrees)}
        assert sorted(remembered) == sorted(set(open_flags(history.world)) - of_budgets)

    @bounded
    @given(histories)
    def test_stand_on_every_source_that_received_more_than_it_promises_and_on_no_other(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            sources = world.production.financing.sources
            beyond = {funding for funding, source in sources.items() if source.received > source.terms.amount.amount}
            assert {funding for funding, source in sources.items() if source.beyond} == beyond

    @bounded
    @given(histories)
    def test_stand_on_every_live_entry_that_is_like_an_earlier_one_and_on_no_other(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            spending = world.production.spending
            seen: dict[Any, list[str]] = {}
            alike = set()
            for number, entry in sorted(spending.entries.items()):
                if not entry.reversed and entry.kind is not SpendKind.EXCHANGE_DIFFERENCE:
                    if set(seen.setdefault(entry.likeness, [])) - {entry.batch}:
                        alike.add(number)
                    seen[entry.likeness].append(entry.batch or number)
            assert {number for number, _ in spending.suspected.values()} == alike

    @bounded
    @given(histories)
    def test_stand_on_every_account_over_its_budget_and_on_no_other(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            measure = world.production.measure
            budgeted = {} if measure is None else measure.amounts
            over = {code for code, amount in spent(world).items() if amount > budgeted.get(code, amount)}
            flagged = {code for code, of in world.production.spending.accounts.items() if of.over}
            assert flagged == over

    @bounded
    @given(histories)
    def test_stand_on_every_live_entry_outside_the_budget_and_on_no_other(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            spending, measure = world.production.spending, world.production.measure
            budgeted = {} if measure is None else measure.amounts
            live = {n: entry.account for n, entry in spending.entries.items() if not entry.reversed}
            outside = Counter(number for number, code in live.items() if code not in budgeted)
            flagged = Counter(number for of in spending.accounts.values() for number in of.outside.values())
            assert flagged == outside


class TestPayments:
    @bounded
    @given(histories)
    def test_are_of_what_stands_and_once(self, history: History) -> None:
        """What is paid is not reversed, nor queried, held by a round or paid when it becomes so."""
        for step in history.steps:
            before = step.before.production
            assert before is not None
            for fact in step.facts:
                if isinstance(fact, SpendPaid):
                    assert set(fact.entries).isdisjoint(before.paying.open)
                    assert set(fact.entries).isdisjoint(before.paying.held)
                    assert set(fact.entries).isdisjoint(before.paying.paid)
        spending, paying = history.production.spending, history.production.paying
        assert not [spend for spend in paying.paid if spending.entries[spend].reversed]

    @bounded
    @given(histories)
    def test_of_what_stands_cost_what_left_the_bank(self, history: History) -> None:
        """Of live payments, what was booked and its difference are what left it; other differences are reversed."""
        entries, paying = history.production.spending.entries, history.production.paying
        for payment in set(paying.paid.values()):
            owed = sum(entries[spend].paid.amount for spend in payment.entries)
            assert owed == payment.amount.amount
        differences = {n for n, entry in entries.items() if entry.kind is SpendKind.EXCHANGE_DIFFERENCE}
        assert {n for n in differences if not entries[n].reversed} == differences & {*paying.paid}

    @bounded
    @given(histories)
    def test_are_recorded_by_nobody_who_approved_them(self, history: History) -> None:
        rounds = history.production.approvals.rounds.values()
        passed = [each for each in rounds if each.kind is RequestKind.PAYMENT and each.outcome is Outcome.APPROVED]
        for payment in history.production.paying.paid.values():
            approved = [each for each in passed if each.subject == payment.payable]
            for vote in (vote for each in approved for vote in each.votes if vote.approves):
                assert not vote.persons & payment.by

    @bounded
    @given(histories)
    def test_that_were_found_were_made(self, history: History) -> None:
        stage: dict[str, str] = {}
        for fact, _ in history.world.facts:
            match fact:
                case SpendPaid(entries=entries, difference=difference):
                    assert not stage.keys() & {*entries}
                    stage |= dict.fromkeys([*entries, *([] if difference is None else [difference])], "paid")
                case SpendReconciled(entries=entries):
                    assert {stage[each] for each in entries} == {"paid"}
                    stage |= dict.fromkeys(entries, "reconciled")
                case ReconciliationUndone(entries=entries):
                    assert {stage[each] for each in entries} == {"reconciled"}
                    stage |= dict.fromkeys(entries, "paid")
                case PaymentVoided(entries=entries):
                    for each in entries:
                        del stage[each]
        assert {*stage} == {*history.production.paying.paid}


class TestRemittances:
    @bounded
    @given(histories)
    def test_come_to_what_is_withheld_of_what_stands_less_what_is_due(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            due = {spend: each.due for spend, each in world.production.remittances.kept.items() if each.due}
            owed: dict[str, Decimal] = defaultdict(Decimal)
            for fact, _ in world.facts:
                match fact:
                    case SpendLogged(spend):
                        owed[spend] = withheld_of(fact).amount
                    case SpendReversed(spend):
                        owed[spend] -= withheld_of(logged_as(spend, world)).amount
                    case WithheldRemitted(shares=shares):
                        assert sum(share.amount for share in shares) == fact.amount.amount > 0
                        for share in shares:
                            owed[share.spend] -= share.amount
                    case RemittanceVoided(shares=shares):
                        for share in shares:
                            owed[share.spend] += share.amount
                    case _:
                        pass
            assert due == {spend: amount for spend, amount in owed.items() if amount}


def logged_as(spend: str, world: World) -> SpendLogged:
    return next(fact for fact, _ in world.facts if isinstance(fact, SpendLogged) and fact.spend == spend)


class TestSums:
    @bounded
    @given(histories)
    def test_of_an_account_are_the_costs_of_its_live_entries(self, history: History) -> None:
        accounts = history.production.spending.accounts
        assert {code: of.spent for code, of in accounts.items() if of.spent} == spent(history.world)

    @bounded
    @given(histories)
    def test_of_a_source_are_its_live_receipts(self, history: History) -> None:
        received: defaultdict[str, Decimal] = defaultdict(Decimal)
        for fact, _ in history.world.facts:
            if isinstance(fact, FundsReceived):
                received[fact.funding] += fact.amount.amount
            if isinstance(fact, FundsReceiptReversed):
                received[fact.funding] -= fact.amount.amount
        sources = history.production.financing.sources
        assert {funding: source.received for funding, source in sources.items()} == {
            funding: received[funding] for funding in sources
        }

    @bounded
    @given(histories)
    def test_of_the_cover_are_never_more_than_was_committed_nor_less_than_one_source(self, history: History) -> None:
        committed: defaultdict[bool, list[Decimal]] = defaultdict(list)
        for source in history.production.financing.sources.values():
            if source.state in AT_LEAST_COMMITTED:
                committed[source.terms.kind not in NOT_CASH].append(source.terms.base_amount.amount)
        cash = committed[True]
        assert max(cash, default=0) <= history.production.financing.committed_cover() <= sum(cash)

    @bounded
    @given(histories)
    def test_of_a_budget_are_its_printed_parts(self, history: History) -> None:
        for fact, _ in history.world.facts:
            if isinstance(fact, BudgetDrafted):
                totals = fact.totals
                level = {name: sum(a.amount for a in fact.accounts if a.level is name) for name in Level}
                assert (totals.above_the_line, totals.production, totals.post, totals.other) == tuple(level.values())
                assert totals.below_the_line == totals.production + totals.post + totals.other
                assert totals.above_and_below == totals.above_the_line + totals.below_the_line
                assert totals.charges == sum(charge.amount for charge in fact.charges)
                assert totals.grand_total == totals.above_and_below + totals.charges
                assert totals.credits == sum(credit.amount for credit in fact.credits)
                assert totals.net_total == totals.grand_total - totals.credits


class TestPeople:
    @bounded
    @given(histories)
    def test_never_approve_what_they_set_or_submitted(self, history: History) -> None:
        drafters: defaultdict[str, set[PersonId]] = defaultdict(set)
        scenarios: dict[str, str] = {}
        submitters: dict[str, set[PersonId]] = {}
        approvers: defaultdict[str, set[PersonId]] = defaultdict(set)
        for fact, around in history.world.facts:
            match fact:
                case BudgetDrafted(version, scenario=scenario):
                    scenarios[version] = scenario
                    drafters[scenario].add(around.actor)
                case BudgetSubmitted(number):
                    submitters[number] = {around.actor}
                case ContentReplaced(number):
                    submitters[number].add(around.actor)
                    approvers[number].clear()
                case ApprovalGiven(number):
                    approvers[number].add(around.actor)
                case VoteWithdrawn(number, seat=seat) | VoteLapsed(number, seat=seat):
                    approvers[number].discard(seat)
                case BudgetApproved(number, version):
                    assert not approvers[number] & submitters[number].union(*drafters.values())
                    drafters[scenarios[version]].clear()

    @bounded
    @given(histories)
    def test_never_touch_receipts_of_a_source_they_speak_for(self, history: History) -> None:
        for step in history.steps:
            production = step.before.production
            for fact in step.facts:
                if isinstance(fact, FundsReceived | FundsReceiptReversed):
                    assert production is not None
                    assert production.financing.sources[fact.funding].terms.holder != step.person

    @bounded
    @given(histories)
    def test_include_an_executive_producer_and_no_auditor_with_a_second_role(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            team = world.production.team.values()
            assert any(Role.EXECUTIVE_PRODUCER in roles for roles in team)
            assert all(len(roles) == 1 for roles in team if Role.AUDITOR in roles)

    @bounded
    @given(histories)
    def test_wait_for_one_round_on_a_budget_at_a_time(self, history: History) -> None:
        for world in history.worlds():
            assert world.production is not None
            approvals = world.production.approvals
            on_budgets = {n: asked for n, asked in approvals.rounds.items() if asked.kind is RequestKind.BUDGET}
            waiting = [number for number, asked in on_budgets.items() if asked.outcome is Outcome.OPEN]
            assert waiting == ([] if approvals.open is None else [approvals.open])


@st.composite
def loans(draw: st.DrawFn) -> tuple[dict[str, Decimal], dict[str, str | None]]:
    """Sources, each lent against an earlier one or against none."""
    amounts = draw(st.lists(st.integers(0, 10_000).map(Decimal), min_size=1, max_size=8))
    against = [draw(st.one_of(st.none(), st.integers(0, i - 1))) if i else None for i in range(len(amounts))]
    return (
        {f"F-{i}": amount for i, amount in enumerate(amounts)},
        {f"F-{i}": None if other is None else f"F-{other}" for i, other in enumerate(against)},
    )


class TestCountedOnce:
    @bounded
    @given(loans())
    def test_is_never_above_the_sum_nor_below_the_largest(
        self, sources: tuple[dict[str, Decimal], dict[str, str | None]]
    ) -> None:
        amounts, against = sources
        once = counted_once(amounts, against)
        assert max(amounts.values()) <= sum(once.values()) <= sum(amounts.values())
        assert all(0 <= once[source] <= amount for source, amount in amounts.items())

    @bounded
    @given(st.dictionaries(st.sampled_from(["F-1", "F-2", "F-3"]), st.integers(0, 10_000).map(Decimal)))
    def test_is_the_plain_sum_when_nothing_is_lent(self, amounts: dict[str, Decimal]) -> None:
        assert counted_once(amounts, dict.fromkeys(amounts)) == amounts


class TestTheseHistories:
    def test_reach_every_command_and_every_fact(self) -> None:
        opening = {"ProductionOpened", *(event.__name__ for event in get_args(OfCompany))}
        # Of funding that shrinks in the very moment between two approvals there is a test by itself.
        unseen = EVENTS.keys() - opening - {"StepReopened"}
        unsent: set[type[Command]] = set(get_args(ProductionCommand)) - {OpenProduction}

        # The rarest is in one of a hundred: two thousand may be looked at, and no more than it takes.
        for seed in range(2_000):
            dice = Random(seed)
            for step in History(dice.choice([*BEGINNINGS]), [dice.getrandbits(32) for _ in range(60)]).steps:
                unseen.difference_update(type(fact).__name__ for fact in step.facts)
                unsent.difference_update([type(step.command)] if step.refusal is None else [])
            if not unseen and not unsent:
                break

        assert not unseen
        assert not unsent
