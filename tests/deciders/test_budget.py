"""A budget version: whether it adds, what it replaces, and when it is the baseline."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from events import codec
from events.budget import (
    AccountLine,
    BudgetDrafted,
    BudgetLocked,
    BudgetTotals,
    BudgetUnlocked,
    ChargeBase,
    ChargeKind,
    ChargeLine,
    CreditLine,
    DifferenceWaived,
    LabelDisagrees,
    Level,
    TotalDisagrees,
    TotalName,
)
from events.ids import BudgetId
from events.money import Money
from events.team import Role
from service.deciders.approval import ApproverSetTheBudget, Reject, RequestChanges
from service.deciders.budget import BudgetState, LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.budget_content import Base, BudgetCharge
from service.deciders.submission import SubmitBudget
from tests.deciders.stories import (
    APPROVED,
    ART,
    BOND,
    CONTINGENCY,
    DRAFTED,
    EDITING,
    EVERY_LEVEL,
    FEATURE,
    FOUNDED,
    FUNDED,
    INSURANCE,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    OPENING,
    OVERHEAD,
    PRODUCER,
    REBATE,
    SMALL,
    STAFFED,
    STORY,
    SUBMITTED,
    TWO_HATS,
    UNRECONCILED,
    account,
    appoint,
    approve,
    budget,
    content,
    inr,
)
from tests.spec import Answer, Story, given, play

WHY = "Rounding of the old tool."


def drafted(answer: Answer) -> BudgetDrafted:
    fact = answer.facts[0]
    assert isinstance(fact, BudgetDrafted)
    return fact


def state_of(story: Story, version: BudgetId) -> BudgetState:
    production = play(story).production
    assert production is not None
    return production.budgets.versions[version].state


def percentage(percent: str, base: Base, amount: str | None = None) -> BudgetCharge:
    return BudgetCharge(
        code=BOND,
        name="Completion bond",
        kind=ChargeKind.COMPLETION_BOND,
        percent=Decimal(percent),
        base=base,
        amount=None if amount is None else Decimal(amount),
    )


def stating(**totals: str) -> SetBudget:
    return budget(stated={TotalName(name): Decimal(amount) for name, amount in totals.items()})


def charged(*charges: BudgetCharge, **changes: Any) -> tuple[ChargeLine, ...]:
    return drafted(given(FUNDED).when(LINE_PRODUCER, budget(charges=charges, **changes))).charges


class TestSetBudget:
    def test_sets_a_whole_version(self) -> None:
        answer = given(FUNDED).when(LINE_PRODUCER, SMALL)
        every = (Level.ABOVE_THE_LINE, Level.PRODUCTION, Level.POST, Level.OTHER)
        answer.then(
            BudgetDrafted(
                budget="v1",
                currency="INR",
                rates=(),
                globals=(),
                fringes=(),
                sub_budgets=(),
                accounts=(
                    AccountLine(STORY, "Story and Rights", Level.ABOVE_THE_LINE, Decimal(100_000), None, (), ()),
                    AccountLine(ART, "Art Direction", Level.PRODUCTION, Decimal(200_000), None, (), ()),
                    AccountLine(EDITING, "Editing", Level.POST, Decimal(80_000), None, (), ()),
                    AccountLine(INSURANCE, "Insurance", Level.OTHER, Decimal(20_000), None, (), ()),
                ),
                charges=(
                    ChargeLine(
                        code=CONTINGENCY,
                        name="Contingency",
                        kind=ChargeKind.CONTINGENCY,
                        percent=Decimal(10),
                        base=ChargeBase(every, (), (INSURANCE,), Decimal(380_000)),
                        amount=Decimal(38_000),
                    ),
                    ChargeLine(
                        code=BOND,
                        name="Completion bond",
                        kind=ChargeKind.COMPLETION_BOND,
                        percent=Decimal(3),
                        base=ChargeBase(every, (), (), Decimal(400_000)),
                        amount=Decimal(12_000),
                    ),
                    ChargeLine(OVERHEAD, "Overhead", ChargeKind.OVERHEAD, None, None, Decimal(10_000)),
                ),
                credits=(CreditLine(REBATE, "State rebate", None, None, None, None, Decimal(60_000)),),
                stated=(),
                tolerance=Decimal(0),
                totals=BudgetTotals(
                    above_the_line=Decimal(100_000),
                    production=Decimal(200_000),
                    post=Decimal(80_000),
                    other=Decimal(20_000),
                    below_the_line=Decimal(300_000),
                    above_and_below=Decimal(400_000),
                    charges=Decimal(60_000),
                    grand_total=Decimal(460_000),
                    credits=Decimal(60_000),
                    net_total=Decimal(400_000),
                ),
                content_hash=content(DRAFTED),
                scenario="main",
                document=None,
                document_sha256=None,
                replaces=None,
                clears=(),
            )
        )

    def test_writes_every_amount_with_the_digits_of_its_currency(self) -> None:
        fact = drafted(given(FUNDED).when(LINE_PRODUCER, SMALL))
        lines = (*fact.accounts, *fact.charges, *fact.credits)
        assert {line.amount.as_tuple().exponent for line in lines} == {-2}

    def test_that_is_there_as_a_draft_does_nothing(self) -> None:
        given(DRAFTED).when(PRODUCER, SMALL).then_nothing()

    def test_of_another_scenario_stands_beside_it(self) -> None:
        low = drafted(given(DRAFTED).when(PRODUCER, budget("210000", scenario="low")))
        assert (low.budget, low.scenario, low.replaces) == ("v2", "low", None)
        story: Story = [*DRAFTED, (PRODUCER, budget("210000", scenario="low"))]
        lower = drafted(given(story).when(PRODUCER, budget("190000", scenario="low")))
        assert (lower.scenario, lower.replaces) == ("low", "v2")
        again = drafted(given(story).when(PRODUCER, budget("220000")))
        assert (again.scenario, again.replaces) == ("main", "v1")

    def test_of_another_scenario_stands_beside_what_is_submitted_and_outlives_its_approval(self) -> None:
        story: Story = [*SUBMITTED, (PRODUCER, budget("210000", scenario="low"))]
        story = [*story, (MAYA, approve(story))]
        assert (state_of(story, "v1"), state_of(story, "v2")) == (BudgetState.APPROVED, BudgetState.DRAFT)
        assert drafted(given(story).when(PRODUCER, budget("190000", scenario="low"))).replaces == "v2"
        assert drafted(given(story).when(PRODUCER, budget("190000"))).replaces is None

    def test_keeps_who_drafted_a_scenario_from_approving_it_when_another_was_approved(self) -> None:
        story: Story = [*SUBMITTED, (TWO_HATS, budget("210000", scenario="low"))]
        story = [*story, (MAYA, approve(story)), (PRODUCER, SubmitBudget(budget="v2"))]
        refusal = given(story).when(TWO_HATS, approve(story, "A-2", "v2")).refusal
        assert isinstance(refusal, ApproverSetTheBudget)
        assert given(story).when(MAYA, approve(story, "A-2", "v2")).refusal is None

    def test_in_a_round_is_of_its_scenario(self) -> None:
        story: Story = [*FUNDED, (PRODUCER, budget(scenario="low")), (PRODUCER, SubmitBudget(budget="v1"))]
        fact = drafted(given(story).when(PRODUCER, budget("210000", round="A-1")))
        assert (fact.scenario, fact.replaces) == ("low", "v1")

    def test_replaces_a_draft(self) -> None:
        changed = drafted(given(DRAFTED).when(PRODUCER, budget("210000")))
        assert (changed.budget, changed.replaces) == ("v2", "v1")
        assert state_of([*DRAFTED, (PRODUCER, budget("210000"))], "v1") is BudgetState.REPLACED

    def test_replaces_a_draft_that_was_sent_back(self) -> None:
        sent_back: Story = [
            *SUBMITTED,
            (MAYA, RequestChanges(round="A-1", content_hash=content(SUBMITTED), words="Less.")),
        ]
        assert drafted(given(sent_back).when(PRODUCER, budget("190000"))).replaces == "v1"

    @pytest.mark.parametrize("story", [APPROVED, LOCKED], ids=["approved", "locked"])
    def test_never_replaces_the_version_in_force(self, story: Story) -> None:
        changed = drafted(given(story).when(PRODUCER, budget("210000")))
        assert (changed.budget, changed.replaces) == ("v2", None)
        assert state_of([*story, (PRODUCER, budget("210000"))], "v1") is state_of(story, "v1")

    def test_after_a_rejection_is_a_new_version_even_with_the_same_content(self) -> None:
        rejected: Story = [
            *SUBMITTED,
            (MAYA, Reject(round="A-1", content_hash=content(SUBMITTED), words="Not at this price.")),
        ]
        again = drafted(given(rejected).when(PRODUCER, SMALL))
        assert (again.budget, again.replaces) == ("v2", None)
        assert state_of([*rejected, (PRODUCER, SMALL)], "v1") is BudgetState.REJECTED

    def test_hashes_the_content_and_not_the_version(self) -> None:
        back_again: Story = [*DRAFTED, (PRODUCER, budget("210000")), (PRODUCER, SMALL)]
        hashes = [content(back_again, version) for version in ("v1", "v2", "v3")]
        assert hashes[0] == hashes[2] != hashes[1]

    @pytest.mark.parametrize(
        "changed",
        [
            budget("200000.01"),
            budget(accounts=(account(ART, "Art", Level.PRODUCTION, "200000"), *SMALL.accounts[2:])),
            budget(charges=SMALL.charges[1:]),
            budget(credits=()),
            stating(grand_total="460000"),
        ],
        ids=["an amount", "an account", "a charge", "a credit", "a stated total"],
    )
    def test_with_anything_changed_is_other_content(self, changed: SetBudget) -> None:
        assert content([*FUNDED, (PRODUCER, changed)]) != content(DRAFTED)


class TestCharges:
    def test_are_a_percentage_of_levels_and_accounts_less_exclusions(self) -> None:
        base = Base(levels=(Level.POST, Level.OTHER), accounts=(ART,), less=(INSURANCE,))
        (bond,) = charged(percentage("10", base))
        assert bond.base == ChargeBase(base.levels, base.accounts, base.less, Decimal(280_000))
        assert bond.amount == Decimal(28_000)

    def test_count_an_account_once_that_is_named_beside_its_level(self) -> None:
        (bond,) = charged(percentage("10", Base(levels=(Level.PRODUCTION,), accounts=(ART,))))
        assert bond.amount == Decimal(20_000)

    def test_never_compound(self) -> None:
        first, second = charged(
            percentage("10", EVERY_LEVEL),
            percentage("10", EVERY_LEVEL).model_copy(update={"code": OVERHEAD}),
        )
        assert first.amount == second.amount == Decimal(40_000)

    def test_of_nothing_are_nothing(self) -> None:
        (bond,) = charged(percentage("0", EVERY_LEVEL))
        assert bond.amount == 0

    @pytest.mark.parametrize(
        ("percent", "of", "amount"),
        [
            ("2.5", "0.20", "0.01"),
            ("2.5", "0.60", "0.02"),
            ("33.3333", "100.00", "33.33"),
            ("0.0005", "1000.00", "0.01"),
        ],
    )
    def test_are_rounded_once_half_up(self, percent: str, of: str, amount: str) -> None:
        accounts = (account(ART, "Art Direction", Level.PRODUCTION, of),)
        (bond,) = charged(percentage(percent, EVERY_LEVEL), accounts=accounts, credits=())
        assert bond.amount == Decimal(amount)

    def test_are_rounded_to_the_currencys_digits(self) -> None:
        yen = OPENING.model_copy(update={"currency": "JPY"})
        opened: Story = [*FOUNDED, (MAYA, yen), (MAYA, appoint(PRODUCER, Role.PRODUCER))]
        small = SetBudget(
            currency="JPY",
            accounts=(account(ART, "Art Direction", Level.PRODUCTION, "150"),),
            charges=(percentage("3", EVERY_LEVEL),),
        )
        (bond,) = drafted(given(opened).when(PRODUCER, small)).charges
        assert str(bond.amount) == "5"


class TestLabels:
    def disagreement(self, **figures: Any) -> LabelDisagrees:
        figures = {"base": inr("400000"), "expected": inr("12000")} | figures
        return LabelDisagrees(flag="FLAG-1", budget="v1", account=BOND, **figures)

    def test_that_agree_are_not_flagged(self) -> None:
        command = budget(charges=(percentage("3", EVERY_LEVEL, "12000"),))
        assert len(given(FUNDED).when(PRODUCER, command).facts) == 1

    def test_that_disagree_are_flagged_and_the_amount_is_kept(self) -> None:
        answer = given(FUNDED).when(PRODUCER, budget(charges=(percentage("3", EVERY_LEVEL, "40001"),)))
        assert drafted(answer).charges[0].amount == Decimal(40_001)
        assert answer.facts[1:] == (
            self.disagreement(labelled_percent=Decimal(3), implied_percent=Decimal("10.0003"), amount=inr("40001")),
        )

    def test_of_a_base_of_nothing_imply_no_percentage(self) -> None:
        nothing = (account(ART, "Art Direction", Level.PRODUCTION, "0"),)
        command = budget(accounts=nothing, charges=(percentage("3", EVERY_LEVEL, "1"),), credits=())
        assert given(FUNDED).when(PRODUCER, command).facts[1:] == (
            self.disagreement(
                labelled_percent=Decimal(3),
                implied_percent=None,
                base=inr("0"),
                expected=inr("0"),
                amount=inr("1"),
            ),
        )

    def test_do_not_make_the_version_unreconciled(self) -> None:
        labelled: Story = [*FUNDED, (PRODUCER, budget(charges=(percentage("3", EVERY_LEVEL, "40001"),)))]
        assert given(labelled).when(PRODUCER, SubmitBudget(budget="v1")).refusal is None

    def test_flagged_fall_with_the_draft_that_is_replaced(self) -> None:
        labelled: Story = [*FUNDED, (PRODUCER, budget(charges=(percentage("3", EVERY_LEVEL, "40001"),)))]
        assert drafted(given(labelled).when(PRODUCER, SMALL)).clears == ("FLAG-1",)

    def test_flagged_fall_with_the_version_that_is_superseded(self) -> None:
        labelled = budget(charges=(percentage("3", EVERY_LEVEL, "40001"),))
        first: Story = [*FUNDED, (LINE_PRODUCER, labelled), (PRODUCER, SubmitBudget(budget="v1"))]
        second: Story = [
            *first,
            (MAYA, approve(first)),
            (LINE_PRODUCER, SMALL),
            (PRODUCER, SubmitBudget(budget="v2")),
        ]
        drafted_again = play(second).facts[-2][0]
        approved = given(second).when(MAYA, approve(second, "A-2", "v2")).facts[1]
        assert (drafted_again.clears, approved.clears) == ((), ("FLAG-1",))


class TestStatedTotals:
    def difference(self, flag: str, total: TotalName, stated: str, computed: str) -> TotalDisagrees:
        figures: dict[str, Money] = {
            "stated": inr(stated),
            "computed": inr(computed),
            "difference": inr(str(Decimal(stated) - Decimal(computed))),
        }
        return TotalDisagrees(flag, "v1", total, **figures)

    def test_that_add_are_not_flagged(self) -> None:
        assert len(given(FUNDED).when(PRODUCER, stating(post="80000", net_total="400000")).facts) == 1

    def test_that_do_not_add_are_kept_and_flagged_in_the_order_of_the_top_sheet(self) -> None:
        answer = given(FUNDED).when(PRODUCER, stating(net_total="400001.50", above_the_line="99999", post="80000"))
        assert [(stated.total, stated.amount) for stated in drafted(answer).stated] == [
            ("above_the_line", Decimal(99_999)),
            ("post", Decimal(80_000)),
            ("net_total", Decimal("400001.50")),
        ]
        assert answer.facts[1:] == (
            self.difference("FLAG-1", TotalName.ABOVE_THE_LINE, "99999", "100000"),
            self.difference("FLAG-2", TotalName.NET_TOTAL, "400001.50", "400000"),
        )

    def test_never_become_the_total(self) -> None:
        submitted = given([*UNRECONCILED, (PRODUCER, waive())]).when(PRODUCER, SubmitBudget(budget="v1"))
        assert submitted.facts[0].total == inr("460000")

    def test_flagged_fall_with_the_draft_that_is_replaced(self) -> None:
        assert drafted(given(UNRECONCILED).when(PRODUCER, SMALL)).clears == ("FLAG-1",)


def waive(total: TotalName = TotalName.GRAND_TOTAL) -> WaiveDifference:
    return WaiveDifference(budget="v1", total=total, reason=WHY)


class TestWaiveDifference:
    def test_resolves_the_difference_and_clears_its_flag(self) -> None:
        given(UNRECONCILED).when(PRODUCER, waive()).then(
            DifferenceWaived("v1", TotalName.GRAND_TOTAL, inr("1"), clears=("FLAG-1",))
        )

    def test_lets_the_version_be_submitted_once_none_is_left(self) -> None:
        two: Story = [*FUNDED, (PRODUCER, stating(post="1", grand_total="2"))]
        one: Story = [*two, (PRODUCER, waive(TotalName.POST))]
        none: Story = [*one, (PRODUCER, waive())]
        refused = [given(story).when(PRODUCER, SubmitBudget(budget="v1")).refusal for story in (two, one)]
        assert [refusal.differences for refusal in refused] == [
            ("post INR -79,999.00", "grand total INR -459,998.00"),
            ("grand total INR -459,998.00",),
        ]
        assert given(none).when(PRODUCER, SubmitBudget(budget="v1")).refusal is None

    def test_leaves_nothing_for_a_replacement_to_clear(self) -> None:
        assert drafted(given([*UNRECONCILED, (PRODUCER, waive())]).when(PRODUCER, SMALL)).clears == ()


class TestTheRealTopSheet:
    def test_adds_to_the_rupee_and_flags_the_bonds_label(self) -> None:
        answer = given(STAFFED).when(LINE_PRODUCER, FEATURE)
        assert drafted(answer).totals == BudgetTotals(
            above_the_line=Decimal(10_336_000),
            production=Decimal(31_227_280),
            post=Decimal(7_560_000),
            other=Decimal(3_260_000),
            below_the_line=Decimal(42_047_280),
            above_and_below=Decimal(52_383_280),
            charges=Decimal(8_857_492),
            grand_total=Decimal(61_240_772),
            credits=Decimal(0),
            net_total=Decimal(61_240_772),
        )
        assert answer.facts[1:] == (
            LabelDisagrees(
                flag="FLAG-1",
                budget="v1",
                account=BOND,
                labelled_percent=Decimal(3),
                implied_percent=Decimal("10.0000"),
                base=inr("52383280"),
                expected=inr("1571498.40"),
                amount=inr("5238328"),
            ),
        )

    def test_has_its_charges(self) -> None:
        charges = drafted(given(STAFFED).when(LINE_PRODUCER, FEATURE)).charges
        assert {charge.code: charge.amount for charge in charges} == {
            CONTINGENCY: Decimal(2_619_164),
            BOND: Decimal(5_238_328),
            OVERHEAD: Decimal(1_000_000),
        }

    def test_keeps_its_account_of_nothing(self) -> None:
        accounts = drafted(given(STAFFED).when(LINE_PRODUCER, FEATURE)).accounts
        assert len(accounts) == 33
        assert [line.code for line in accounts if line.amount == 0] == ["6500"]

    def test_is_reconciled(self) -> None:
        given([*STAFFED, (LINE_PRODUCER, FEATURE)]).when(PRODUCER, SubmitBudget(budget="v1")).then(
            replace(
                play(SUBMITTED).facts[-1][0],
                content_hash=content([*STAFFED, (LINE_PRODUCER, FEATURE)]),
                total=inr("61240772"),
            )
        )


class TestLockBudget:
    def test_makes_the_version_in_force_the_baseline(self) -> None:
        given(APPROVED).when(MAYA, LockBudget(budget="v1")).then(BudgetLocked("v1", content(APPROVED), inr("460000")))

    def test_twice_does_nothing(self) -> None:
        given(LOCKED).when(NOOR, LockBudget(budget="v1")).then_nothing()

    def test_is_open_to_an_executive_producer_who_did_not_approve_it(self) -> None:
        assert given(APPROVED).when(TWO_HATS, LockBudget(budget="v1")).refusal is None


class TestUnlockBudget:
    def test_opens_it_to_a_successor(self) -> None:
        unlock = UnlockBudget(budget="v1", reason="The shoot grows.")
        given(LOCKED).when(NOOR, unlock).then(BudgetUnlocked("v1"))
        grown: Story = [*LOCKED, (LINE_PRODUCER, budget("210000")), (NOOR, unlock)]
        assert given(grown).when(PRODUCER, SubmitBudget(budget="v2")).refusal is None

    def test_keeps_it_in_force(self) -> None:
        unlocked: Story = [*LOCKED, (NOOR, UnlockBudget(budget="v1", reason="The shoot grows."))]
        assert state_of(unlocked, "v1") is BudgetState.APPROVED
        assert given(unlocked).when(MAYA, LockBudget(budget="v1")).facts

    def test_of_what_is_not_locked_does_nothing(self) -> None:
        given(APPROVED).when(MAYA, UnlockBudget(budget="v1", reason="The shoot grows.")).then_nothing()


class TestTheLargestBudget:
    def test_can_be_read_again(self) -> None:
        most = "9" * 15
        accounts = tuple(account(str(code), "Account", Level.OTHER, most) for code in range(1000, 1200))
        charges = tuple(
            percentage("0.5", EVERY_LEVEL).model_copy(update={"code": f"C{number}"}) for number in range(200)
        )
        answer = given(FUNDED).when(PRODUCER, budget(accounts=accounts, charges=charges, credits=()))
        assert codec.decode("BudgetDrafted", 1, codec.encode(drafted(answer))) == drafted(answer)
