"""What waits for whom: the approval status in words, and the inbox, also of who acts for others."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from events.delegation import Power
from events.ids import PersonId
from events.policy import Approver, Mode, RequestKind, Rule, Step, When
from events.production import Stage
from events.team import Role
from service.deciders.approval import (
    Abstain,
    Approve,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    WithdrawVote,
)
from service.deciders.command import Command
from service.deciders.company import DismissMember, SuspendMember
from service.deciders.delegation import EndAbsence, RevokeDelegation
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget
from service.deciders.team import EndAppointment
from tests.deciders.commitments import ORDERS, amend, bought
from tests.deciders.rounds import (
    COVERED,
    EP,
    EPS,
    GUARANTORS,
    PRODUCERS,
    SPENT_AND_COVERED,
    adopted,
    away,
    delegated,
    last,
    overage,
    policy,
    says,
    submitted,
    transfer,
)
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    ART,
    ASSOCIATE_PRODUCER,
    AUDITOR,
    BANKER,
    CO_PRODUCER,
    DIRECTOR,
    DRAFTED,
    EDITING,
    FINANCIER,
    GUARANTOR,
    GUESTS,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRIYA,
    PRODUCER,
    STRANGER,
    TODAY,
    TWO_HATS,
    appoint,
    budget,
    equity,
    inr,
    reverse,
    spend,
    usd,
)
from tests.routes.world import World

SHARES = replace(EP, approvers=(Approver(every_holder=True),))


async def shown(world: World) -> dict[str, Any]:
    """The latest round."""
    latest: dict[str, Any] = (await world.read(AUDITOR, "approval-status"))["rounds"][0]
    return latest


async def waiting(world: World, person: str) -> list[tuple[str, str, str | None]]:
    """What a person may do, about which round, for whom."""
    items = (await world.read(person, "/v1/inbox"))["items"]
    return [(item["waits_for"], item["round"], item["on_behalf_of"]) for item in items]


class TestTheApprovalStatus:
    async def test_says_in_words_which_step_waits_for_whom_and_since_when(self, world: World) -> None:
        await world.play(says(submitted(EP, GUARANTORS), NOOR, "A-2"))

        latest = await shown(world)

        assert latest["waits_for"]["words"] == (
            "Step 2 of 2, any of the completion guarantors: waits for gita, since "
            f"{world.time.now.replace(second=0):%-d %B %Y %H:%M} UTC."
        )
        assert latest["steps"] == ["any of the executive producers", "any of the completion guarantors"]
        assert (latest["rule"], latest["policy"]) == ("Money", "P-1")
        assert {each["person"]: each["commands"] for each in latest["may"]} == {
            GUARANTOR: ["approve", "abstain", "reassign_step", "request_changes", "reject"],
            NOOR: ["withdraw_vote"],
            PRODUCER: ["recall_request", "nudge"],
        }

    async def test_names_only_what_is_not_refused_to_who_overrode_or_answered(self, world: World) -> None:
        terms = {"override_by": Role.EXECUTIVE_PRODUCER}
        story = submitted(EP, PRODUCERS, GUARANTORS, **terms)
        story = says(says(story, NOOR, "A-2"), MAYA, "A-2", OverrideStep, reason=WHY)
        await world.play(story)
        may = {each["person"]: each["commands"] for each in (await shown(world))["may"]}

        assert may[GUARANTOR] == ["approve", "abstain", "reassign_step", "request_changes", "reject"]
        assert may[NOOR] == ["withdraw_vote"]
        assert MAYA not in may
        assert may[TWO_HATS] == ["reassign_step", "override_step"]
        moves = ReassignStep(round="A-2", seat=GUARANTOR, to=DIRECTOR, reason=WHY)
        sent = {person: (await world.send(person, moves)).status_code for person in (MAYA, NOOR, TWO_HATS)}
        assert sent == {MAYA: 403, NOOR: 403, TWO_HATS: 201}

    async def test_names_nobody_who_reassigns_a_place_of_a_guest_or_where_nobody_is_waited_for(
        self, world: World
    ) -> None:
        bank = Step((Approver(person=PRIYA),))
        story = [*DRAFTED, *GUESTS, (MAYA, appoint(PRIYA, Role.FINANCIER))]
        story = adopted(story, policy(bank, override_by=Role.EXECUTIVE_PRODUCER))
        story = [*story, (PRODUCER, SubmitBudget(budget="v1"))]
        await world.play(story)
        of_a_guest = (await shown(world))["may"]
        await world.play([(MAYA, appoint(BANKER, Role.FINANCIER))])
        of_one_company = (await shown(world))["may"]
        await world.play(says(story, PRIYA, "A-2", Abstain)[-1:])
        after = (await shown(world))["may"]

        def who(may: list[dict[str, Any]]) -> list[str]:
            return [each["person"] for each in may if "reassign_step" in each["commands"]]

        assert (who(of_a_guest), who(of_one_company), who(after)) == ([], [MAYA, NOOR, PRIYA, TWO_HATS], [])

    async def test_names_who_is_away_and_who_may_answer_for_them(self, world: World) -> None:
        story = submitted(EPS)
        await world.play([*story, (MAYA, away(ASSOCIATE_PRODUCER)), (NOOR, delegated(FINANCIER))])

        asked = (await shown(world))["waits_for"]["asked"]

        assert asked == [
            {"person": MAYA, "through": [ASSOCIATE_PRODUCER], "away_until": TODAY.isoformat()},
            {"person": NOOR, "through": [FINANCIER], "away_until": None},
            {"person": TWO_HATS, "through": [], "away_until": None},
        ]

    async def test_names_nobody_for_whom_it_is_beyond_what_was_delegated(self, world: World) -> None:
        let = [
            (MAYA, delegated(FINANCIER, limit=inr("459999.99"))),
            (NOOR, delegated(FINANCIER, limit=inr("460000"))),
            (TWO_HATS, delegated(FINANCIER, limit=usd("460000"))),
        ]
        await world.play([*submitted(EPS), *let])
        asked = (await shown(world))["waits_for"]["asked"]
        to_answer = await waiting(world, FINANCIER)
        await world.play([(MAYA, AdoptApprovalPolicy(terms=policy(EP)))])
        of_no_amount = (await shown(world))["waits_for"]["asked"]

        assert [each["through"] for each in asked] == [[], [FINANCIER], []]
        assert to_answer == [("approve", "A-2", NOOR)]
        assert [each["through"] for each in of_no_amount] == [[], []]

    async def test_shows_both_when_one_answers_for_another(self, world: World) -> None:
        story = [*submitted(EP), (MAYA, away(ASSOCIATE_PRODUCER))]
        await world.play(says(story, f"{ASSOCIATE_PRODUCER}/{MAYA}", "A-2"))

        latest = await shown(world)
        trail = await world.read(AUDITOR, "audit-trail", limit=500, kind="ApprovalGiven")

        assert [(made["person"], made["by"]) for made in latest["decisions"]] == [(MAYA, ASSOCIATE_PRODUCER)]
        assert latest["state"] == "approved"
        given = trail["entries"][-1]
        assert (given["actor"], given["on_behalf_of"]) == (ASSOCIATE_PRODUCER, MAYA)
        assert given["actor_name"] == f"{ASSOCIATE_PRODUCER} for Maya Rao"
        for either in (MAYA, ASSOCIATE_PRODUCER):
            sought = await world.read(AUDITOR, "audit-trail", actor=either, kind="ApprovalGiven")
            assert given in sought["entries"]

    async def test_keeps_void_answers_and_shows_what_changed(self, world: World) -> None:
        story = says(submitted(EPS), MAYA, "A-2")
        await world.play([*story, (LINE_PRODUCER, budget("210000").model_copy(update={"round": "A-2"}))])

        latest = await shown(world)

        assert [(made["person"], made["counts"]) for made in latest["decisions"]] == [(MAYA, False)]
        assert (latest["former"], latest["subject"]) == ("v1", "v2")
        art = {"account": "2200", "before": "200000.00", "after": "210000.00", "was": None, "now": None}
        assert art in latest["changes"]
        assert MAYA in [asked["person"] for asked in latest["waits_for"]["asked"]]

    async def test_waits_for_conditions_once_the_steps_have_passed(self, world: World) -> None:
        story = says(submitted(EP), MAYA, "A-2", Approve, conditions=("The bond is signed.",))
        await world.play(story)
        before = await shown(world)
        await world.play([(MAYA, CloseCondition(round="A-2", condition=1, waived=False, words="It is."))])
        after = await shown(world)

        assert before["waits_for"]["words"].endswith("until these are met or waived: The bond is signed. (maya).")
        assert before["waits_for"]["conditions"] == [1]
        assert (after["state"], after["conditions"][0]["state"]) == ("approved", "met")

    async def test_reads_the_policy_in_force_out(self, world: World) -> None:
        await world.play(submitted(EP, GUARANTORS))
        version = (await world.read(AUDITOR, "approval-status"))["version"]

        now = (await world.read(AUDITOR, "approval-status"))["policy"]
        then = (await world.read(AUDITOR, "approval-status", as_of=version - 3))["policy"]

        assert (now["policy"], now["terms"]["name"], then) == ("P-1", "Ours", None)
        assert "any of the executive producers, then any of the completion guarantors" in now["in_english"]

    async def test_reads_a_proposed_policy_out(self, world: World) -> None:
        named = Step((Approver(person=MAYA), Approver(department_head=True)))
        await world.play(adopted(DRAFTED, policy(EP, GUARANTORS, otherwise=(named,)))[:-2])

        latest = await shown(world)

        assert latest["kind"] == "policy_change"
        assert "any of maya or the department heads" in latest["in_english"]
        assert "any of the executive producers, then any of the completion guarantors" in latest["in_english"]

    async def test_shows_in_which_sentences_a_proposed_policy_differs(self, world: World) -> None:
        first = Rule("Payments", When((RequestKind.PAYMENT,)), (EP,))
        more = (Rule("Transfers", When((RequestKind.TRANSFER,)), (Step((Approver(person=MAYA),)),)), first)
        story = adopted(DRAFTED, policy(EP, rules=(first,)))
        await world.play([*story, (MAYA, AdoptApprovalPolicy(terms=policy(EP, rules=more, cumulative_days=1)))])

        proposed, adopted_first = (await world.read(AUDITOR, "approval-status"))["rounds"][:2]

        assert adopted_first["differences"] == []
        assert proposed["differences"] == [
            "New: Transfers (transfer): maya.",
            "No more: What one vendor or account asks for within 30 days counts together.",
            "New: What one vendor or account asks for within 1 day counts together.",
        ]

    async def test_counts_what_replaced_the_content(self, world: World) -> None:
        story = submitted(EPS)
        await world.play(story)
        before = await shown(world)
        await world.play([(LINE_PRODUCER, budget("210000").model_copy(update={"round": "A-2"}))])
        after = await shown(world)

        assert after["amount"] != before["amount"]
        assert [each["counted"] for each in (before, after)] == [each["amount"] for each in (before, after)]

    async def test_offers_nothing_once_the_production_is_closed_and_says_what_it_waits_for(self, world: World) -> None:
        story = says([*adopted(COVERED, policy(EPS)), (PRODUCER, transfer())], NOOR, "A-3", conditions=("It rains.",))
        await world.play(story)
        before = await waiting(world, MAYA), await waiting(world, NOOR)
        await world.play([(MAYA, EnterStage(stage=Stage.CLOSED))])
        closed, then = await shown(world), (await world.read(AUDITOR, "approval-status"))["version"]
        waits = closed["waits_for"]

        assert before == ([("approve", "A-3", None)], [("close_condition", "A-3", None)])
        assert (closed["may"], waits["asked"], await waiting(world, MAYA), await waiting(world, NOOR)) == ([],) * 4
        assert waits["words"].startswith("Waits since ")
        assert waits["words"].endswith(
            " UTC for the production to be reopened (`enter-stage`); a closed one takes no answer to it."
        )
        for person, command in ((MAYA, last(story, "A-3")), (PRODUCER, Nudge(round="A-3", reason=WHY))):
            assert (await world.send(person, command)).json()["rule"] == "P3"
        await world.play([(MAYA, EnterStage(stage=Stage.PRODUCTION, reason="Reshoots."))])
        assert (await waiting(world, MAYA), await waiting(world, NOOR)) == before
        assert (await shown(world))["may"] != []
        assert (await world.read(AUDITOR, "approval-status", as_of=then))["rounds"][0]["may"] == []

    @pytest.mark.parametrize(
        ("kind", "asks", "reopens"),
        [
            (RequestKind.PAYMENT, (LINE_PRODUCER, spend(ART, "1000", "KS-1")), False),
            (RequestKind.APPOINTMENT, (MAYA, EndAppointment(person=PRODUCER, role=Role.PRODUCER, reason=WHY)), False),
            (RequestKind.REOPENING, (MAYA, EnterStage(stage=Stage.PRODUCTION, reason="Reshoots.")), True),
        ],
        ids=["a payment", "the end of an appointment", "reopening"],
    )
    async def test_goes_on_offering_what_a_closed_production_takes(
        self, world: World, kind: RequestKind, asks: tuple[PersonId, Command], reopens: bool
    ) -> None:
        rest = tuple(each for each in RequestKind if each not in (kind, RequestKind.POLICY_CHANGE))
        rules = (Rule("This", When((kind,)), (PRODUCERS, EPS)), Rule("The rest", When(rest)))
        closes = (MAYA, EnterStage(stage=Stage.CLOSED))
        story = [*adopted(COVERED, policy(rules=rules)), *((closes, asks) if reopens else (asks, closes))]
        await world.play(story)
        latest = await shown(world)
        may = {each["person"]: each["commands"] for each in latest["may"]}

        assert (latest["kind"], latest["state"]) == (kind, "open")
        assert "approve" in may[PRODUCER]
        assert await waiting(world, PRODUCER) == [("approve", latest["round"], None)]
        assert (await world.send(PRODUCER, last(story, latest["round"]))).status_code == 201

    @pytest.mark.parametrize("conditions", [(), ("The bond is signed.",)])
    async def test_offers_no_approval_that_would_end_where_nobody_approved_whom_the_policy_asks(
        self, world: World, conditions: tuple[str, ...]
    ) -> None:
        terms = policy(PRODUCERS, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        story = [*adopted(COVERED, terms), (LINE_PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=PRODUCER, to=DIRECTOR, reason=WHY))]
        story = says(story, DIRECTOR, "A-3", conditions=conditions)
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=GUARANTOR, to=CO_PRODUCER, reason=WHY))]
        await world.play([*story, (CO_PRODUCER, away(STRANGER))])
        latest = await shown(world)
        may = {each["person"]: each["commands"] for each in latest["may"]}
        inboxes = {who: [each for each in await waiting(world, who) if each[0] == "approve"] for who in may}
        refused = await world.send(CO_PRODUCER, last(story, "A-3"))
        back = ReassignStep(round="A-3", seat=CO_PRODUCER, to=GUARANTOR, reason=WHY)

        if conditions:  # it waits for them, whoever approves
            assert (may[CO_PRODUCER][0], refused.status_code, len(inboxes[CO_PRODUCER])) == ("approve", 201, 1)
            then, closes = await shown(world), CloseCondition(round="A-3", condition=1, waived=False, words="It is.")
            assert then["waits_for"]["words"].startswith("Nobody whom it asks has approved it, since ")
            assert "close_condition" not in [command for each in then["may"] for command in each["commands"]]
            assert (await waiting(world, DIRECTOR), (await world.send(DIRECTOR, closes)).status_code) == ([], 409)
            return
        assert (refused.status_code, refused.json()["rule"]) == (409, "A10")
        assert "`reassign-step`" in refused.json()["otherwise"]
        assert may[CO_PRODUCER] == ["abstain", "reassign_step", "request_changes", "reject"]
        assert set(map(tuple, inboxes.values())) == {()}
        assert await waiting(world, STRANGER) == []
        assert latest["waits_for"]["asked"] == []
        assert (
            f"waits for nobody whom the policy asks: others put {CO_PRODUCER} there, who may give the place back"
            " (`reassign-step`), or recall it, change the policy and ask anew"
        ) in latest["waits_for"]["words"]
        await world.play([(CO_PRODUCER, back)])
        assert await waiting(world, GUARANTOR) == [("approve", "A-3", None)]
        assert (await world.send(GUARANTOR, last(story, "A-3"))).status_code == 201

    async def test_offers_it_to_who_was_put_there_by_whose_place_it_is(self, world: World) -> None:
        terms = policy(PRODUCERS, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        story = [*adopted(COVERED, terms), (LINE_PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=PRODUCER, to=DIRECTOR, reason=WHY))]
        story = says(story, DIRECTOR, "A-3")
        story = [*story, (GUARANTOR, ReassignStep(round="A-3", seat=GUARANTOR, to=CO_PRODUCER, reason=WHY))]
        await world.play(story)

        assert await waiting(world, CO_PRODUCER) == [("approve", "A-3", None)]
        assert (await world.send(CO_PRODUCER, last(story, "A-3"))).status_code == 201

    async def test_says_what_counted_together(self, world: World) -> None:
        payments = Rule("Payments", When((RequestKind.PAYMENT,)), (EP,))
        story = adopted(COVERED, policy(EP, rules=(payments,)))
        await world.play([*story, *((LINE_PRODUCER, spend(ART, "1000", document)) for document in ("KS-1", "KS-2"))])

        latest = await shown(world)

        assert (latest["amount"]["amount"], latest["counted"]["amount"]) == ("1000.00", "2000.00")

    async def test_says_with_whom_and_for_what_an_amended_order_is(self, world: World) -> None:
        orders = Rule("Orders", ORDERS, (EP,))
        story = says([*adopted(COVERED, policy(EP, rules=(orders,))), *bought((ART, "1000"))], MAYA, "A-3")
        await world.play([*story, (LINE_PRODUCER, amend((ART, "1200"), (EDITING, "50")))])

        latest = await shown(world)

        assert latest["in_english"] == (
            "Promise PO-0001, INR 1,250.00, to kala-sets: Timber (2200, 1,200.00) and Timber (5000, 50.00); in the"
            " place of Timber (2200, 1,000.00)."
        )
        assert [line["amount"] for line in latest["body"]["former"]] == ["1000.00"]

    async def test_says_that_a_policy_asks_about_requisitions_from_now_on(self, world: World) -> None:
        asks = Rule("Requisitions", When((RequestKind.REQUISITION,)), (EP,))
        story = adopted(COVERED, policy(EP, rules=()))
        await world.play([*story, (MAYA, AdoptApprovalPolicy(terms=policy(EP, rules=(asks,))))])

        assert (await shown(world))["differences"] == [
            "New: Requisitions (requisition): any of the executive producers.",
            "No more: Requisitions, which no rule names: no approval is needed.",
        ]

    async def test_says_when_it_waits_for_nobody_who_may(self, world: World) -> None:
        nobody = Step((Approver(department_head=True),))
        moves = Rule("Moves", When((RequestKind.TRANSFER,)), (nobody,))
        terms = replace(policy(EPS), rules=(moves, *policy(EPS).rules))
        await world.play([*adopted(LOCKED, terms), (PRODUCER, transfer())])

        words = (await shown(world))["waits_for"]["words"]

        assert "waits for nobody who may approve it: appoint somebody, or recall it, change the policy" in words

    async def test_says_that_who_abstained_may_approve_after_all(self, world: World) -> None:
        await world.play(says(submitted(GUARANTORS), GUARANTOR, "A-2", Abstain))

        words = (await shown(world))["waits_for"]["words"]

        assert f"waits for nobody who has yet to answer; {GUARANTOR} abstained, and may approve after all" in words

    @pytest.mark.parametrize(
        ("step", "remedy"),
        [
            (replace(SHARES, mode=Mode.SHARE, share=Decimal(75)), None),
            (
                replace(SHARES, mode=Mode.SHARE, share=Decimal("75.1")),
                "appoint somebody, commit funding that somebody speaks for,",
            ),
            (replace(EP, mode=Mode.QUORUM, quorum=3), None),
            (replace(EP, mode=Mode.QUORUM, quorum=4), "appoint somebody,"),
            (replace(EP, mode=Mode.QUORUM, quorum=4, within_days=1, escalates_to=GUARANTORS.approvers), None),
        ],
    )
    async def test_says_when_even_all_of_them_are_not_enough(
        self, world: World, step: Step, remedy: str | None
    ) -> None:
        story = [*COVERED, (MAYA, equity(inr("200000"), party="Nobody's"))]
        await world.play([*adopted(story, policy(step)), (PRODUCER, transfer())])
        words = (await shown(world))["waits_for"]["words"]

        enough = remedy is None
        assert ("even all of them are not enough for it" in words) is not enough
        assert enough or words.endswith(f": {remedy} or recall it, change the policy and ask anew.")

    async def test_as_of_then_shows_who_was_asked_then(self, world: World) -> None:
        story = [*submitted(EPS), (MAYA, appoint(STRANGER, Role.EXECUTIVE_PRODUCER))]
        await world.play(story)
        version = (await world.read(AUDITOR, "approval-status"))["version"]

        now = await world.read(AUDITOR, "approval-status")
        then = await world.read(AUDITOR, "approval-status", as_of=version - 1)

        assert STRANGER in [each["person"] for each in now["rounds"][0]["waits_for"]["asked"]]
        assert STRANGER not in [each["person"] for each in then["rounds"][0]["waits_for"]["asked"]]

    async def test_waits_for_who_is_suspended_and_not_for_who_is_dismissed(self, world: World) -> None:
        await world.play(submitted(EPS))
        await world.play([(ADMINISTRATOR, SuspendMember(person=NOOR)), (ADMINISTRATOR, DismissMember(person=TWO_HATS))])

        asked = (await shown(world))["waits_for"]["asked"]

        assert [each["person"] for each in asked] == [MAYA, NOOR]
        assert (
            f"{NOOR} (suspended until an administrator reinstates them)" in (await shown(world))["waits_for"]["words"]
        )

    async def test_offers_nothing_to_who_is_suspended(self, world: World) -> None:
        await world.play([*submitted(EPS), (ADMINISTRATOR, SuspendMember(person=NOOR))])

        assert NOOR not in [each["person"] for each in (await shown(world))["may"]]

    async def test_says_when_it_has_all_it_takes_and_moves_on_with_the_next_act(self, world: World) -> None:
        story = [*submitted(EPS), (TWO_HATS, EndAppointment(person=TWO_HATS, role=Role.EXECUTIVE_PRODUCER, reason=WHY))]
        await world.play(says(says(story[:-1], MAYA, "A-2"), NOOR, "A-2"))
        before = (await shown(world))["waits_for"]["words"]
        await world.play(story[-1:])
        words = (await shown(world))["waits_for"]["words"]
        await world.play([(PRODUCER, Nudge(round="A-2", reason=WHY))])

        assert "has all it takes" not in before
        assert words == (
            "Step 1 of 1, all of the executive producers: has all it takes; the next act in the round moves it on, such"
            " as a nudge."
        )
        assert (await shown(world))["state"] == "approved"

    async def test_says_of_a_step_that_asks_nobody_any_more_that_it_moves_on(self, world: World) -> None:
        gone = (ADMINISTRATOR, DismissMember(person=GUARANTOR, reason=WHY))
        story = says(submitted(EP, replace(GUARANTORS, optional=True)), NOOR, "A-2")
        await world.play([*story, gone])
        words = (await shown(world))["waits_for"]["words"]
        await world.play([(PRODUCER, Nudge(round="A-2", reason=WHY))])

        assert "has all it takes" in words
        assert (await shown(world))["state"] == "approved"

    async def test_says_when_a_step_will_ask_whom_else(self, world: World) -> None:
        await world.play(submitted(replace(EP, within_days=2, escalates_to=GUARANTORS.approvers)))
        latest = await shown(world)
        world.time.now += timedelta(days=2)
        later = await shown(world)

        at = f"{world.time.now.replace(second=0):%-d %B %Y %H:%M} UTC"
        assert latest["waits_for"]["words"].endswith(f"; from {at} on it asks {GUARANTOR}, too.")
        assert "too." not in later["waits_for"]["words"]
        assert GUARANTOR in [each["person"] for each in later["waits_for"]["asked"]]

    async def test_waits_anew_for_a_step_that_was_passed_over_by_who_may_not_any_more(self, world: World) -> None:
        terms = {"override_by": Role.EXECUTIVE_PRODUCER}
        story = says(submitted(GUARANTORS, EP, **terms), MAYA, "A-2", OverrideStep, reason=WHY)
        await world.play([*story, (ADMINISTRATOR, DismissMember(person=MAYA, reason=WHY))])
        before = await shown(world), await waiting(world, GUARANTOR)
        await world.play([(PRODUCER, Nudge(round="A-2", reason=WHY))])
        after = await shown(world), await waiting(world, GUARANTOR)

        for latest, theirs in (before, after):
            assert [each["person"] for each in latest["waits_for"]["asked"]] == [GUARANTOR]
            assert [made["counts"] for made in latest["decisions"]] == [False]
            assert theirs == [("approve", "A-2", None)]

    async def test_asks_again_whose_place_it_was_when_who_has_it_answers_no_more(self, world: World) -> None:
        gives = ReassignStep(round="A-2", seat=MAYA, to=DIRECTOR, reason=WHY)
        await world.play([*submitted(EPS), (MAYA, gives)])
        before = [each["person"] for each in (await shown(world))["waits_for"]["asked"]], await waiting(world, MAYA)
        await world.play([(ADMINISTRATOR, DismissMember(person=DIRECTOR, reason=WHY))])
        after = [each["person"] for each in (await shown(world))["waits_for"]["asked"]], await waiting(world, MAYA)

        assert before == ([DIRECTOR, NOOR, TWO_HATS], [])
        assert after == ([MAYA, NOOR, TWO_HATS], [("approve", "A-2", None)])

    async def test_keeps_the_conditions_of_an_approval_that_is_taken_back(self, world: World) -> None:
        story = says(submitted(EPS), MAYA, "A-2", conditions=("The bond is signed.",))
        await world.play([*story, (MAYA, WithdrawVote(round="A-2"))])
        latest = await shown(world)

        assert [(each["state"], each["by"]) for each in latest["conditions"]] == [("open", MAYA)]
        assert "close_condition" in next(each["commands"] for each in latest["may"] if each["person"] == MAYA)

    async def test_counts_the_amount_of_the_content_that_is_asked_about(self, world: World) -> None:
        story = submitted(EPS)
        grown = budget("210000").model_copy(update={"round": "A-2"})
        await world.play([*story, (LINE_PRODUCER, grown)])
        latest = await shown(world)

        assert latest["amount"] == latest["counted"] == {"amount": "471300.00", "currency": "INR"}

    async def test_of_an_overage_excludes_who_logged_the_spend_behind_it(self, world: World) -> None:
        await world.play([*SPENT_AND_COVERED, (PRODUCER, overage(account=ART))])

        assert {LINE_PRODUCER, ACCOUNTANT, PRODUCER} <= set((await shown(world))["waits_for"]["excluded"])

    async def test_counts_no_answer_of_who_has_logged_spend_on_its_account_since(self, world: World) -> None:
        story = [*adopted(COVERED, policy(EP, GUARANTORS)), (PRODUCER, transfer())]
        story = says([*story, (MAYA, appoint(NOOR, Role.ACCOUNTANT))], NOOR, "A-3")
        await world.play(story)
        before = await shown(world), await waiting(world, MAYA)
        await world.play([(NOOR, spend(ART, "10"))])
        after = await shown(world), await waiting(world, MAYA)

        assert [made["counts"] for latest, _ in (before, after) for made in latest["decisions"]] == [True, False]
        assert [latest["waits_for"]["step"] for latest, _ in (before, after)] == [2, 1]
        assert [each["person"] for each in after[0]["waits_for"]["asked"]] == [MAYA, TWO_HATS]
        assert (before[1], after[1]) == ([], [("approve", "A-3", None)])
        assert (await world.send(MAYA, last(story, "A-3"))).status_code == 201

    async def test_counts_no_answer_of_who_is_asked_no_more_nor_through_who_acts_for_them_no_more(
        self, world: World
    ) -> None:
        story = [*adopted(COVERED, policy(PRODUCERS, EP)), (LINE_PRODUCER, transfer())]
        story = [*story, (PRODUCER, delegated(STRANGER, Power.APPROVE))]
        story = [*story, (f"{STRANGER}/{PRODUCER}", last(story, "A-3"))]
        await world.play(story)
        before = await shown(world)
        await world.play([(PRODUCER, RevokeDelegation(delegation="D-1"))])
        revoked = await shown(world)
        await world.play([(MAYA, EndAppointment(person=PRODUCER, role=Role.PRODUCER, reason=WHY))])
        gone = await shown(world)

        assert [each["decisions"][0]["counts"] for each in (before, revoked, gone)] == [True, False, False]
        assert [each["waits_for"]["step"] for each in (before, revoked, gone)] == [2, 1, 1]
        assert PRODUCER in [each["person"] for each in revoked["waits_for"]["asked"]]
        assert "withdraw_vote" not in [command for each in gone["may"] for command in each["commands"]]

    async def test_stays_past_a_step_that_others_approved_as_well(self, world: World) -> None:
        story = [*adopted(COVERED, policy(EPS, GUARANTORS)), (PRODUCER, transfer())]
        for person in (MAYA, NOOR, TWO_HATS):
            story = says(story, person, "A-3")
        await world.play([*story, (NOOR, EndAppointment(person=NOOR, role=Role.EXECUTIVE_PRODUCER, reason=WHY))])

        latest = await shown(world)

        assert [made["counts"] for made in latest["decisions"]] == [True, False, True]
        assert latest["waits_for"]["step"] == 2

    async def test_offers_nobody_to_pass_over_the_last_step_where_only_who_was_put_there_approved(
        self, world: World
    ) -> None:
        terms = policy(PRODUCERS, GUARANTORS, override_by=Role.EXECUTIVE_PRODUCER)
        story = [*adopted(COVERED, terms), (LINE_PRODUCER, transfer())]
        story = [*story, (MAYA, ReassignStep(round="A-3", seat=PRODUCER, to=DIRECTOR, reason=WHY))]
        story = says(story, DIRECTOR, "A-3")
        await world.play(story)

        assert "override_step" not in [command for each in (await shown(world))["may"] for command in each["commands"]]
        assert (await world.send(NOOR, last(story, "A-3", OverrideStep, reason=WHY))).status_code == 409

    async def test_as_of_the_newest_version_bars_whom_it_bars_now(self, world: World) -> None:
        await world.play([*SPENT_AND_COVERED, (MAYA, appoint(TWO_HATS, Role.LINE_PRODUCER))])
        await world.play([(PRODUCER, overage(account=ART)), (TWO_HATS, spend(ART, "10", "KS-77"))])
        now = await world.read(AUDITOR, "approval-status")
        then = await world.read(AUDITOR, "approval-status", as_of=now["version"])

        assert TWO_HATS in now["rounds"][0]["waits_for"]["excluded"]
        assert then["rounds"][0]["waits_for"] == now["rounds"][0]["waits_for"]

    async def test_asks_nobody_who_has_logged_spend_on_its_account_since(self, world: World) -> None:
        await world.play([*SPENT_AND_COVERED, (MAYA, appoint(TWO_HATS, Role.LINE_PRODUCER))])
        await world.play([(PRODUCER, overage(account=ART))])
        before = await waiting(world, TWO_HATS), (await shown(world))["waits_for"]
        await world.play([(TWO_HATS, spend(ART, "10", "KS-77"))])
        after = await waiting(world, TWO_HATS), (await shown(world))["waits_for"]

        assert len(before[0]) == 1
        assert TWO_HATS in [each["person"] for each in before[1]["asked"]]
        assert after[0] == []
        assert TWO_HATS in after[1]["excluded"]
        assert TWO_HATS not in [each["person"] for each in after[1]["asked"]]


class TestTheInbox:
    async def test_is_of_those_who_are_asked_now(self, world: World) -> None:
        story = submitted(EP, GUARANTORS)
        await world.play(story)
        first = {who: await waiting(world, who) for who in (MAYA, GUARANTOR, PRODUCER)}
        await world.play(says(story, MAYA, "A-2")[-1:])
        second = {who: await waiting(world, who) for who in (MAYA, GUARANTOR, PRODUCER)}

        assert first == {MAYA: [("approve", "A-2", None)], GUARANTOR: [], PRODUCER: []}
        assert second == {MAYA: [], GUARANTOR: [("approve", "A-2", None)], PRODUCER: []}

    async def test_is_a_substitutes_too_who_holds_no_role_and_only_while_it_lasts(self, world: World) -> None:
        await world.play([*submitted(EP), (MAYA, away(STRANGER)), (NOOR, delegated(STRANGER, Power.APPROVE))])
        both = await waiting(world, STRANGER)
        read = await world.get(STRANGER, "approval-status")
        await world.play([(MAYA, EndAbsence())])
        one = await waiting(world, STRANGER)
        await world.play([(NOOR, RevokeDelegation(delegation="D-1"))])

        assert sorted(both) == [("approve", "A-2", MAYA), ("approve", "A-2", NOOR)]
        assert one == [("approve", "A-2", NOOR)]
        assert await waiting(world, STRANGER) == []
        left = await world.get(STRANGER, "approval-status")
        assert (read.status_code, left.status_code) == (200, 403)  # who answers can read what they answer about

    async def test_shows_the_conditions_that_one_set(self, world: World) -> None:
        await world.play(says(submitted(EP), MAYA, "A-2", Approve, conditions=("The bond is signed.",)))

        assert await waiting(world, MAYA) == [("close_condition", "A-2", None)]

    async def test_shows_them_to_others_whom_the_step_asks_once_who_set_it_may_not_approve(self, world: World) -> None:
        story = [*adopted(COVERED, policy(EP)), (PRODUCER, transfer()), (MAYA, appoint(NOOR, Role.ACCOUNTANT))]
        await world.play(says(story, NOOR, "A-3", Approve, conditions=("The bond is signed.",)))
        before = {who: await waiting(world, who) for who in (MAYA, NOOR)}
        await world.play([(NOOR, spend(ART, "10"))])
        after = {who: await waiting(world, who) for who in (MAYA, NOOR)}

        assert before == {MAYA: [], NOOR: [("close_condition", "A-3", None)]}
        assert ("close_condition", "A-3", None) in after[MAYA]
        assert after[NOOR] == []

    async def test_offers_no_place_to_who_filled_one_already(self, world: World) -> None:
        story = [*submitted(EP, EPS), (MAYA, away(NOOR))]
        await world.play(says(story, NOOR, "A-2"))

        status = await shown(world)
        may = {each["person"]: each["commands"] for each in status["may"]}

        assert await waiting(world, NOOR) == []
        assert await waiting(world, TWO_HATS) == [("approve", "A-2", None)]
        assert may[NOOR] == ["request_changes", "reject", "withdraw_vote"]
        assert [(each["person"], each["through"]) for each in status["waits_for"]["asked"]] == [
            (MAYA, []),
            (TWO_HATS, []),
        ]

    async def test_offers_a_second_place_where_the_policy_lets_one_person_fill_two(self, world: World) -> None:
        await world.play(says(submitted(EP, EPS, one_person_may_fill_two_steps=True), NOOR, "A-2"))

        assert await waiting(world, NOOR) == [("approve", "A-2", None)]

    async def test_shows_open_alerts_to_who_answers_for_what_is_spent(self, world: World) -> None:
        terms = policy(EP, alerts_at=(40, 80, 100))
        story = [*adopted(LOCKED, terms), (LINE_PRODUCER, spend(ART, "90000")), (LINE_PRODUCER, spend(ART, "75000"))]
        await world.play(story)

        seen = {who: (await world.read(who, "/v1/inbox"))["alerts"] for who in (MAYA, ACCOUNTANT, FINANCIER, DIRECTOR)}
        await world.play([(ACCOUNTANT, reverse("S-000001")), (ACCOUNTANT, reverse("S-000002"))])
        after = (await world.read(MAYA, "/v1/inbox"))["alerts"]

        highest = [(each["scope"], each["of"], each["percent"]) for each in seen[MAYA]]
        assert sorted(highest) == [("account", ART, 80), ("level", "production", 80)]
        assert seen[MAYA][0]["reason"].startswith("INR 165,000.00 of INR 200,000.00 is spent on account 2200")
        assert (seen[ACCOUNTANT], seen[FINANCIER], seen[DIRECTOR]) == (seen[MAYA], [], [])
        assert after == []

    async def test_of_a_nudge_is_no_different(self, world: World) -> None:
        await world.play([*submitted(EP), (PRODUCER, Nudge(round="A-2", reason="We shoot on Monday."))])

        assert await waiting(world, NOOR) == [("approve", "A-2", None)]
