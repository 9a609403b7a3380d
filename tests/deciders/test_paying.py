"""Queries, payments and reconciliations: what becomes of an entry after it was logged."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from events.approval import ApprovalRequested
from events.paying import (
    PaymentMethod,
    PaymentVoided,
    QueryAnswered,
    QueryClosed,
    ReconciliationUndone,
    SpendPaid,
    SpendQueried,
    SpendReconciled,
)
from events.policy import RequestKind, Rule, When
from events.spend import (
    AccountOverspent,
    DuplicateSuspected,
    OutsideBecause,
    SpendAlert,
    SpendKind,
    SpendLogged,
    SpendOutsideBudget,
    SpendReversed,
)
from service.deciders.approval import Approve, ApproverHadAHandInIt
from service.deciders.paying import PaymentIsNotReleased
from service.deciders.rounds import Outcome
from tests.deciders.commitments import ruled
from tests.deciders.documents import DOLLARS, PAYROLL, batch, credit, line
from tests.deciders.paying import (
    ANSWER,
    ANSWERED,
    DEARER,
    FOUND,
    IN_DOLLARS,
    PAID,
    QUERIED,
    QUESTION,
    RELEASED_BY_AN_ACCOUNTANT,
    TO_ACCOUNTANTS,
    answer,
    ask,
    pay,
    reconcile,
    undo,
    void,
)
from tests.deciders.rounds import COVERED, PAYING, adopted, asked, says
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    CLOSED,
    DIRECTOR,
    EDITING,
    HOLDER,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    PRODUCER,
    SPENT,
    STORY,
    TODAY,
    inr,
    recode,
    reverse,
    spend,
)
from tests.spec import Given, Story, given, play


def dollars(amount: str, code: str = ART, document: str = "KS-9") -> Any:
    return spend(code, amount, document, currency="USD", rate=DOLLARS)


def difference(number: str, cost: str, code: str = ART, **more: Any) -> SpendLogged:
    """Beyond what was booked, in rupees."""
    nothing = Decimal("0.00")
    posted = SpendLogged(
        spend=number,
        account=code,
        currency="INR",
        net=inr(cost).amount,
        tax=nothing,
        recoverable_tax=nothing,
        rate=None,
        cost=inr(cost),
        vendor="kala-sets",
        spent_on=TODAY,
        posted_on=TODAY,
        kind=SpendKind.EXCHANGE_DIFFERENCE,
        document="NEFT 42",
        receipt_sha256=None,
        memo=None,
        batch=None,
        withheld=nothing,
        fringe=False,
        clears=(),
    )
    return replace(posted, **more)


def spent(story: Story, code: str = ART) -> Decimal:
    production = play(story).production
    assert production is not None
    return production.spending.spent_on(code)


def of(kind: type, facts: tuple[Any, ...]) -> list[Any]:
    return [fact for fact in facts if isinstance(fact, kind)]


class TestAQuery:
    def test_asks_whoever_logged_the_entry(self) -> None:
        asks = SpendQueried("Q-1", "S-000001", "S-000001", (LINE_PRODUCER,), QUESTION)
        given(SPENT).when(PRODUCER, ask()).then(asks)

    def test_asks_somebody_who_is_named(self) -> None:
        asks = SpendQueried("Q-1", "S-000001", "S-000001", (DIRECTOR,), QUESTION)
        given(SPENT).when(ACCOUNTANT, ask(person=DIRECTOR)).then(asks)

    def test_is_answered_by_whom_it_asks_or_by_whoever_logged_the_entry(self) -> None:
        story: Story = [*SPENT, (ACCOUNTANT, ask(person=DIRECTOR))]
        for person in (DIRECTOR, LINE_PRODUCER):
            given(story).when(person, answer()).then(QueryAnswered("Q-1", "S-000001", ANSWER))

    def test_is_closed_by_an_accountant_or_who_asked(self) -> None:
        for person in (ACCOUNTANT, PRODUCER):
            given(QUERIED).when(person, answer()).then(QueryClosed("Q-1", "S-000001", ANSWER))

    def test_comes_after_another_that_was_answered(self) -> None:
        assert given(ANSWERED).when(ACCOUNTANT, ask()).facts[0].query == "Q-2"

    def test_ends_with_the_entry(self) -> None:
        facts = given(QUERIED).when(ACCOUNTANT, reverse("S-000001")).facts
        assert facts[-1] == QueryClosed("Q-1", "S-000001", "S-000001 is reversed")

    def test_holds_back_the_batch_of_its_entry(self) -> None:
        story: Story = [*LOCKED, (ACCOUNTANT, PAYROLL), (PRODUCER, ask("S-000002"))]
        assert given(story).when(HOLDER, pay("S-000001")).refusal is not None
        assert given([*story, (ACCOUNTANT, answer())]).when(HOLDER, pay("S-000001")).refusal is None

    def test_may_be_about_what_was_paid(self) -> None:
        assert of(SpendQueried, given(PAID).when(PRODUCER, ask()).facts)


class TestAPayment:
    def test_of_an_entry_is_what_was_booked(self) -> None:
        paid = SpendPaid(
            payable="S-000001",
            entries=("S-000001",),
            paid_on=TODAY,
            method=PaymentMethod.TRANSFER,
            reference="NEFT 42",
            booked=inr("50000"),
            amount=inr("50000"),
            difference=None,
            difference_of=None,
        )
        given(SPENT).when(ACCOUNTANT, pay()).then(paid)

    def test_of_a_batch_is_of_all_its_entries_that_stand(self) -> None:
        story: Story = [*LOCKED, (ACCOUNTANT, PAYROLL), (ACCOUNTANT, reverse("S-000002"))]
        [paid] = given(story).when(ACCOUNTANT, pay("S-000003")).facts
        assert (paid.payable, paid.entries) == ("S-000001..S-000003", ("S-000001", "S-000003"))
        assert paid.amount == inr("41200")  # 4,000 are withheld
        assert given([*story, (ACCOUNTANT, pay("S-000003"))]).when(ACCOUNTANT, pay()).refusal is not None

    def test_needs_no_policy(self) -> None:
        assert given(SPENT).when(ACCOUNTANT, pay()).refusal is None

    def test_goes_out_once_it_is_released_or_a_rule_lets_it(self) -> None:
        assert given(says(PAYING, PRODUCER, "A-3")).when(ACCOUNTANT, pay()).refusal is None
        assert given(PAYING).when(ACCOUNTANT, pay("S-000002")).refusal is None

    def test_waits_for_the_whole_batch_to_be_released(self) -> None:
        many = batch(line(ART, "40000"), line(EDITING, "30000"))
        story: Story = [*adopted(COVERED, TO_ACCOUNTANTS), (LINE_PRODUCER, many)]
        owed = inr("30000")
        refused = PaymentIsNotReleased("S-000002", owed, "A-3", Outcome.OPEN, (ACCOUNTANT, HOLDER))
        given(story).when(ACCOUNTANT, pay("S-000002")).then_refused(refused)
        assert given(says(story, HOLDER, "A-3")).when(ACCOUNTANT, pay("S-000002")).refusal is None

    def test_is_not_of_what_was_recoded_until_that_is_released(self) -> None:
        """Released on one account is not released on another."""
        asks = Rule("Story", When((RequestKind.PAYMENT,), accounts=(STORY,)), TO_ACCOUNTANTS.rules[0].steps)
        story: Story = adopted(COVERED, ruled(asks, Rule("Others", When((RequestKind.PAYMENT,)))))
        story = [*story, (LINE_PRODUCER, spend(ART, "100", "KS-1")), (LINE_PRODUCER, recode("S-000001", STORY))]
        assert isinstance(given(story).when(ACCOUNTANT, pay()).refusal, PaymentIsNotReleased)
        assert given(says(story, HOLDER, "A-3")).when(ACCOUNTANT, pay()).refusal is None

    def test_goes_out_where_a_rule_lets_what_it_is_recoded_to(self) -> None:
        asks = Rule("Story", When((RequestKind.PAYMENT,), accounts=(STORY,)), TO_ACCOUNTANTS.rules[0].steps)
        story: Story = adopted(COVERED, ruled(asks, Rule("Others", When((RequestKind.PAYMENT,)))))
        story = [*story, (LINE_PRODUCER, spend(STORY, "100", "KS-1"))]
        assert given(story).when(ACCOUNTANT, pay()).refusal is not None
        story = [*story, (LINE_PRODUCER, recode("S-000001", ART))]
        assert given(story).when(ACCOUNTANT, pay()).refusal is None

    def test_is_recorded_by_somebody_else_than_who_approved_it(self) -> None:
        assert given(RELEASED_BY_AN_ACCOUNTANT).when(ACCOUNTANT, pay()).refusal is not None
        assert given(RELEASED_BY_AN_ACCOUNTANT).when(HOLDER, pay()).refusal is None

    def test_is_not_approved_afterwards_by_who_recorded_it(self) -> None:
        asks = Rule("Story", When((RequestKind.PAYMENT,), accounts=(STORY,)), TO_ACCOUNTANTS.rules[0].steps)
        story: Story = adopted(COVERED, ruled(asks, Rule("Others", When((RequestKind.PAYMENT,)))))
        story = [*story, (LINE_PRODUCER, spend(ART, "100", "KS-1")), (ACCOUNTANT, pay())]
        story = [*story, (LINE_PRODUCER, recode("S-000001", STORY))]
        seen = Approve(round="A-3", content_hash=asked(story, "A-3").content_hash)
        given(story).when(ACCOUNTANT, seen).then_refused(ApproverHadAHandInIt(ACCOUNTANT, "S-000001"))
        assert given(story).when(HOLDER, seen).refusal is None

    def test_of_a_closed_production_is_recorded_still(self) -> None:
        assert given(CLOSED).when(ACCOUNTANT, pay()).refusal is None


class TestAnExchangeDifference:
    def test_is_what_left_the_bank_beyond_what_was_booked(self) -> None:
        paid, posted = given(IN_DOLLARS).when(ACCOUNTANT, pay(amount="8130.50")).facts
        assert (paid.booked, paid.amount) == (inr("8000"), inr("8130.50"))
        assert (paid.difference, paid.difference_of) == ("S-000002", "S-000001")
        assert posted == difference("S-000002", "130.50")
        assert spent(DEARER) == Decimal("8130.50")

    def test_is_below_zero_where_less_left_it(self) -> None:
        facts = given(IN_DOLLARS).when(ACCOUNTANT, pay(amount="7900")).facts
        assert facts[1] == difference("S-000002", "-100")
        assert spent([*IN_DOLLARS, (ACCOUNTANT, pay(amount="7900"))]) == Decimal(7900)

    def test_is_none_where_the_same_left_it(self) -> None:
        assert len(given(IN_DOLLARS).when(ACCOUNTANT, pay(amount="8000")).facts) == 1

    def test_is_of_what_is_paid_with_tax_that_comes_back_and_without_what_is_withheld(self) -> None:
        taxed = {"tax": Decimal(10), "recoverable_tax": Decimal(10), "withheld": Decimal(5)}
        logged = spend(ART, "100", "KS-1", currency="USD", rate=DOLLARS, **taxed)
        facts = given([*LOCKED, (LINE_PRODUCER, logged)]).when(ACCOUNTANT, pay(amount="8500")).facts
        assert facts[0].booked == inr("8400")
        assert facts[1].cost == inr("100")

    def test_is_posted_where_and_when_the_sender_says(self) -> None:
        on = TODAY.replace(day=30)
        posted = given(IN_DOLLARS).when(ACCOUNTANT, pay(amount="8130.50", account=EDITING, posted_on=on)).facts[1]
        assert posted == difference("S-000002", "130.50", EDITING, posted_on=on)

    def test_of_a_batch_is_of_the_sum_of_its_entries(self) -> None:
        split = batch(line(ART, "100"), line(EDITING, "50"), currency="USD", rate=DOLLARS)
        facts = given([*LOCKED, (ACCOUNTANT, split)]).when(ACCOUNTANT, pay("S-000002", amount="12100")).facts
        assert (facts[0].booked, facts[0].difference_of) == (inr("12000"), "S-000002")
        assert (facts[1].account, facts[1].cost) == (EDITING, inr("100"))

    def test_takes_its_account_past_its_budget_like_any_spend(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, dollars("2500"))]  # all of the 200,000
        facts = given(story).when(ACCOUNTANT, pay(amount="200000.01")).facts
        over = AccountOverspent("FLAG-1", "S-000002", ART, "v1", inr("200000"), inr("200000.01"), inr("0.01"))
        assert facts[-1] == over

    def test_below_zero_mends_what_was_over(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, dollars("2500")), (LINE_PRODUCER, spend(ART, "50"))]
        assert given(story).when(ACCOUNTANT, pay(amount="199950")).facts[1].clears == ("FLAG-1",)
        assert given(story).when(ACCOUNTANT, pay(amount="199950.01")).facts[1].clears == ()

    def test_outside_the_budget_is_flagged(self) -> None:
        facts = given(IN_DOLLARS).when(ACCOUNTANT, pay(amount="8001", account="9999")).facts
        because = OutsideBecause.UNKNOWN_ACCOUNT
        assert facts[-1] == SpendOutsideBudget("FLAG-1", "S-000002", "9999", "v1", inr("1"), because)

    def test_reaches_alerts(self) -> None:
        story: Story = [*adopted(COVERED, replace(ruled(), alerts_at=(90,))), (LINE_PRODUCER, dollars("2249"))]
        story = says(story, MAYA, "A-3")
        facts = given(story).when(ACCOUNTANT, pay(amount="180000")).facts
        assert [(each.of, each.percent) for each in of(SpendAlert, facts)] == [(ART, 90), ("production", 90)]

    def test_is_asked_about_by_no_policy_and_like_no_other_entry(self) -> None:
        story: Story = [*adopted(COVERED, replace(ruled(), otherwise=TO_ACCOUNTANTS.rules[0].steps))]
        for number, document in ((1, "KS-1"), (2, "KS-2")):
            story = says([*story, (LINE_PRODUCER, dollars("100", document=document))], ACCOUNTANT, f"A-{number + 2}")
        story = [*story, (HOLDER, pay(amount="8001"))]
        facts = given(story).when(HOLDER, pay("S-000002", amount="8001")).facts
        assert of(SpendLogged, facts)
        assert not of(DuplicateSuspected, facts)
        assert not of(ApprovalRequested, facts)

    def test_is_what_no_entry_looks_like(self) -> None:
        alike = spend(ART, "130.50", "NEFT 42")
        assert not of(DuplicateSuspected, given(DEARER).when(LINE_PRODUCER, alike).facts)


class TestAVoidedPayment:
    def test_is_no_payment(self) -> None:
        given(PAID).when(ACCOUNTANT, void()).then(PaymentVoided("S-000001", ("S-000001",), inr("50000"), None, None))
        story: Story = [*PAID, (ACCOUNTANT, void())]
        assert given(story).when(ACCOUNTANT, pay()).refusal is None
        assert given(story).when(ACCOUNTANT, reverse("S-000001")).refusal is None

    def test_takes_its_exchange_difference_back(self) -> None:
        """By whatever entry of it, the difference itself as well."""
        for number in ("S-000001", "S-000002"):
            given(DEARER).when(ACCOUNTANT, void(number)).then(
                PaymentVoided("S-000001", ("S-000001", "S-000002"), inr("8130.50"), "S-000002", "S-000001"),
                SpendReversed("S-000002", ART, inr("130.50"), TODAY, ()),
            )
        assert spent([*DEARER, (ACCOUNTANT, void())]) == Decimal(8000)

    def test_takes_back_what_it_was_reconciled_with(self) -> None:
        story: Story = [*FOUND, (ACCOUNTANT, void()), (ACCOUNTANT, pay())]
        assert of(SpendReconciled, given(story).when(ACCOUNTANT, reconcile()).facts)

    def test_ends_the_query_on_its_exchange_difference(self) -> None:
        story: Story = [*DEARER, (PRODUCER, ask("S-000002"))]
        assert of(QueryClosed, given(story).when(ACCOUNTANT, void()).facts)

    def test_takes_its_account_past_its_budget_again(self) -> None:
        story: Story = [*LOCKED, (LINE_PRODUCER, dollars("2500")), (LINE_PRODUCER, spend(ART, "50"))]
        story = [*story, (ACCOUNTANT, pay(amount="199950"))]
        [over] = of(AccountOverspent, given(story).when(ACCOUNTANT, void()).facts)
        assert (over.spent, over.over) == (inr("200050"), inr("50"))

    def test_of_another_entry_leaves_this_one_paid(self) -> None:
        story: Story = [*PAID, (ACCOUNTANT, pay("S-000002")), (ACCOUNTANT, void("S-000002"))]
        assert given(story).when(ACCOUNTANT, reconcile()).refusal is None


class TestAReconciliation:
    def test_says_where_the_payment_was_found(self) -> None:
        found = SpendReconciled("S-000001", ("S-000001",), "HDFC 2026-11", "118", reconcile().found_on)
        given(PAID).when(ACCOUNTANT, reconcile()).then(found)

    def test_is_of_all_that_was_paid_at_once_and_of_the_difference(self) -> None:
        [found] = given(DEARER).when(ACCOUNTANT, reconcile()).facts
        assert found.entries == ("S-000001", "S-000002")

    def test_is_undone_and_found_elsewhere(self) -> None:
        given(FOUND).when(ACCOUNTANT, undo()).then(
            ReconciliationUndone("S-000001", ("S-000001",), "HDFC 2026-11", "118")
        )
        assert given([*FOUND, (ACCOUNTANT, undo())]).when(ACCOUNTANT, reconcile(line="119")).refusal is None


class TestWhatWasPaid:
    def test_comes_back_as_a_credit(self) -> None:
        assert given(PAID).when(ACCOUNTANT, credit(ART, "50000")).refusal is None

    def test_is_recoded_without_its_payment(self) -> None:
        story: Story = [*PAID, (ACCOUNTANT, recode("S-000001", EDITING))]
        assert given(story).when(ACCOUNTANT, reconcile()).refusal is None
        assert given(story).when(ACCOUNTANT, pay()).refusal is not None


ACTS = ("ask", "answer", "pay", "void", "reconcile", "undo", "reverse")
#: How far each act takes an entry that was logged, from which states.
STEPS = {
    ("logged", "pay"): "paid",
    ("logged", "reverse"): "reversed",
    ("paid", "reconcile"): "reconciled",
    ("paid", "void"): "logged",
    ("reconciled", "void"): "logged",
    ("reconciled", "undo"): "paid",
}


class TestAnyOrder:
    @settings(deadline=None)
    @for_all(acts=st.lists(st.sampled_from(ACTS), max_size=14), rate=st.sampled_from(["7900", "8000", "8130.50"]))
    def test_takes_an_entry_forward_and_back_by_an_undo_alone_and_costs_what_left_the_bank(
        self, acts: list[str], rate: str
    ) -> None:
        commands = {"ask": ask(), "pay": pay(amount=rate), "void": void(), "reconcile": reconcile(), "undo": undo()}
        world, state, queries, open_ = play(IN_DOLLARS), "logged", 0, False
        for act in acts:
            query = answer(f"Q-{max(queries, 1)}")
            command = {**commands, "answer": query, "reverse": reverse("S-000001")}[act]
            may = {"ask": state != "reversed" and not open_, "answer": open_, "pay": state == "logged" and not open_}
            found = Given(world).when(ACCOUNTANT, command)
            assert (found.refusal is None) == may.get(act, (state, act) in STEPS), (act, state)
            if found.refusal is not None:
                continue
            world = world.after(ACCOUNTANT, command, found.facts)
            queries, open_ = queries + (act == "ask"), act == "ask" or (open_ and act not in ("answer", "reverse"))
            state = STEPS.get((state, act), state)
            assert world.production is not None
            cost = {"reversed": "0", "logged": "8000"}.get(state, rate)
            assert world.production.spending.spent_on(ART) == Decimal(cost)
            assert ("S-000001" in world.production.paying.paid) == (state in ("paid", "reconciled"))
