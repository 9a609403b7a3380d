"""What the view of what is withheld says, and that remitted and due add up to it at every version."""

from decimal import Decimal
from random import Random

from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from events.policy import RequestKind, Rule, When
from projections import audit_trail, withholding
from projections.audit_trail import TrailRow
from projections.projection import Rows
from projections.withholding import RemittanceState, Wanted, Withholding
from service.deciders.approval import Approve, Reject
from service.deciders.command import Command
from service.deciders.remittance import may_not_be_paid
from service.deciders.rounds import Outcome
from tests.deciders.advances import FLOAT, FLOATED, receipt_of
from tests.deciders.commitments import ruled
from tests.deciders.documents import batch, line
from tests.deciders.made_up import aimed, attempted, entry
from tests.deciders.paying import TO_ACCOUNTANTS, answer, ask, pay, void
from tests.deciders.periods import DAY
from tests.deciders.remittances import OVERPAID, OWED, REMITTED, VOIDED, payable, remit, void_remittance, withheld
from tests.deciders.rounds import COVERED, adopted
from tests.deciders.rung import WHY
from tests.deciders.stories import ACCOUNTANT, ART, EDITING, LINE_PRODUCER, PRODUCER, TODAY, recode, reverse, spend
from tests.handling.office import STREAM
from tests.projections.desk import folded, folded_of
from tests.spec import Story, World, play

EVERY = Wanted()
#: Remitted for a payroll; due of two invoices, of which one is queried.
MIXED: Story = [*REMITTED, withheld("5000"), withheld("700", document="KS-10"), (PRODUCER, ask("S-000005"))]


def shown(rows: Rows, wanted: Wanted = EVERY) -> Withholding:
    return withholding.view(rows, STREAM, 0, 0, "INR", wanted, {"kala-sets": "Kala Sets"})


def numbers(view: Withholding) -> list[str]:
    return [each.spend for each in view.entries]


class TestTheView:
    def test_says_what_is_withheld_remitted_and_due_of_each_and_of_all(self) -> None:
        view = shown(folded(withholding.PROJECTION, MIXED))
        assert [(each.spend, each.withheld, each.remitted, each.due, each.held) for each in view.entries] == [
            ("S-000001", Decimal("4000.00"), Decimal("4000.00"), Decimal("0.00"), False),
            ("S-000004", Decimal("5000.00"), Decimal("0.00"), Decimal("5000.00"), False),
            ("S-000005", Decimal("700.00"), Decimal("0.00"), Decimal("700.00"), True),
        ]
        assert (view.withheld, view.remitted, view.due) == (Decimal("9700.00"), Decimal("4000.00"), Decimal("5700.00"))
        assert view.payable == Decimal("5000.00")

    def test_sums_up_by_vendor(self) -> None:
        told = [(each.vendor_name, each.due) for each in shown(folded(withholding.PROJECTION, MIXED)).vendors]
        assert told == [("crew-payroll", Decimal("0.00")), ("Kala Sets", Decimal("5700.00"))]

    def test_is_asked_for_by_what_is_due_vendor_and_day(self) -> None:
        rows = folded(withholding.PROJECTION, [*MIXED, withheld("9", document="KS-11", posted_on=TODAY - DAY)])
        assert numbers(shown(rows, Wanted(due=True))) == ["S-000004", "S-000005", "S-000006"]
        assert numbers(shown(rows, Wanted(due=False))) == ["S-000001"]
        assert numbers(shown(rows, Wanted(vendor="crew-payroll"))) == ["S-000001"]
        up_to = shown(rows, Wanted(posted_to=TODAY - DAY))
        assert (numbers(up_to), up_to.payable) == (["S-000006"], Decimal("9.00"))

    def test_says_what_comes_to_too_much_once_an_entry_is_reversed(self) -> None:
        view = shown(folded(withholding.PROJECTION, OVERPAID), Wanted(due=True))
        (of,) = view.entries
        assert (of.state, of.withheld, of.due, view.payable) == (
            "reversed",
            Decimal("0.00"),
            *2 * (Decimal("-4000.00"),),
        )

    def test_lists_remittances_as_they_stand(self) -> None:
        (remitted,) = shown(folded(withholding.PROJECTION, REMITTED)).remittances
        assert (remitted.remittance, remitted.state, remitted.actor) == ("RM-1", RemittanceState.REMITTED, ACCOUNTANT)
        assert (remitted.paid_on, remitted.reference, remitted.voided_by) == (TODAY, "Challan 1", None)
        voided, again = shown(folded(withholding.PROJECTION, [*VOIDED, (ACCOUNTANT, remit())])).remittances
        assert (voided.state, voided.voided_by) == (RemittanceState.VOIDED, ACCOUNTANT)
        assert voided.voided_because == "The bank returned it."
        assert (again.remittance, again.state) == ("RM-2", RemittanceState.REMITTED)

    def test_frees_what_is_recoded_to_where_nobody_is_asked(self) -> None:
        asks = Rule("Art", When((RequestKind.PAYMENT,), accounts=(ART,)), TO_ACCOUNTANTS.rules[0].steps)
        held: Story = adopted(COVERED, ruled(asks, Rule("Others", When((RequestKind.PAYMENT,)))))
        held = [*held, (LINE_PRODUCER, spend(ART, "100", "KS-1", withheld=Decimal(10)))]
        freed: Story = [*held, (LINE_PRODUCER, recode("S-000001", EDITING))]
        assert [shown(folded(withholding.PROJECTION, story)).entries[0].held for story in (held, freed)] == [
            True,
            False,
        ]


class TestTheTrail:
    def test_tells_both(self) -> None:
        story: Story = [*OWED, withheld("700"), (PRODUCER, ask("S-000004")), (ACCOUNTANT, remit())]
        told = folded(audit_trail.PROJECTION, [*story, (ACCOUNTANT, void_remittance())]).of(TrailRow, STREAM)[-2:]
        assert [row.sentence for row in told] == [
            "Remitted RM-1, INR 4,000.00, withheld of 1 entry posted up to 2 November 2026, by transfer on "
            "2 November 2026, reference Challan 1; 1 left out, not to be paid yet.",
            "Voided the remittance RM-1, INR 4,000.00.",
        ]
        assert [row.of_accounts for row in told] == [None, None]


#: Under a policy that asks about every payment, with a float.
BEGUN: Story = [*adopted(COVERED, TO_ACCOUNTANTS), *FLOATED[-1:]]


def approvals(world: World, dice: Random) -> list[Command]:
    """An answer to one of the rounds that are open."""
    assert world.production is not None
    rounds = world.production.approvals.rounds
    open_ = [number for number, each in rounds.items() if each.outcome is Outcome.OPEN]
    if not open_:
        return []
    number = dice.choice(open_)
    said = {"round": number, "content_hash": rounds[number].content_hash}
    return [Approve(**said), Approve(**said), Reject(**said, words=WHY)]


def happened(seed: int) -> list[World]:
    """The worlds of a production that withholds, remits, and does all that says what may be paid."""
    dice, world = Random(seed), play(BEGUN if seed % 2 else FLOATED)
    worlds = [world]
    for _ in range(60):
        tax = str(dice.randint(1, 900))
        command: Command = dice.choice(
            [
                withheld(tax, document=tax)[1],
                receipt_of("900", tax, FLOAT, withheld=Decimal(tax)),
                batch(line(ART, "900", withheld=Decimal(tax)), line(EDITING, "700"), document=tax),
                *(
                    remit(),
                    void_remittance(f"RM-{dice.randint(1, 4)}"),
                    reverse(entry(dice)),
                    recode(entry(dice), EDITING),
                ),
                *(ask(entry(dice)), answer(), pay(entry(dice)), void(entry(dice))),
                *approvals(world, dice),
            ]
        )
        assert world.production is not None
        command = aimed(command, world.production)
        step = attempted(world, dice.choice([ACCOUNTANT, ACCOUNTANT, LINE_PRODUCER, PRODUCER]), command)
        world = world.after(step.person, command, step.facts)
        worlds.append(world)
    return worlds


class TestWhateverHappened:
    @settings(max_examples=40, deadline=None)
    @for_all(st.integers(0, 2**32))
    def test_remitted_and_due_are_what_is_withheld_and_what_decisions_are_made_on(self, seed: int) -> None:
        for world in happened(seed)[::4]:
            assert world.production is not None
            production, view = world.production, shown(folded_of(withholding.PROJECTION, world))
            kept = production.remittances.kept
            assert {each.spend: (each.withheld, each.remitted) for each in view.entries} == {
                spend: (each.withheld, each.remitted) for spend, each in kept.items()
            }
            for each in (view, *view.entries, *view.vendors):
                assert each.withheld == each.remitted + each.due
            held = may_not_be_paid(production.spending, production.paying, production.advances)
            assert {each.spend for each in view.entries if each.held} == {spend for spend in kept if held(spend)}
            assert view.payable == payable(production)
            standing = [each.amount for each in view.remittances if each.state is RemittanceState.REMITTED]
            assert view.remitted == sum(standing, Decimal(0))
