import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from events.approval import ApprovalGiven, BudgetApproved
from events.commitment import CommitmentSubmitted
from events.group_commit import OutcomeUnknown
from events.policy import Control, ControlAction, ControlScope, Rule
from events.spend import SpendLogged, SpendReversed
from service.deciders import decision
from service.deciders.approval import RoundIsClosed
from service.deciders.budget import LockBudget, UnlockBudget
from service.deciders.company import OPERATOR, AdmitMember
from service.deciders.control import BeyondWhatIsAvailable
from service.deciders.refusal import Refusal
from service.deciders.spend import LogSpend
from service.deciders.submission import SubmitBudget
from service.handling import Answer, KeyReused, VersionMismatch
from tests.conftest import Urls
from tests.deciders.commitments import ORDERS, order, ruled, submit
from tests.deciders.rounds import adopted
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    AUDITOR,
    EDITING,
    FUNDED,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRODUCER,
    STAFFED,
    SUBMITTED,
    approve,
    budget,
    recode,
    reverse,
    spend,
)
from tests.events.locks import blocked, terminated
from tests.handling.office import STREAM, Office, opened, wish
from tests.handling.proxy import wired
from tests.spec import Story

UNLOCK = UnlockBudget(budget="v1", reason="The shoot grows.")


async def types(office: Office, stream: str = STREAM) -> Counter[str]:
    return Counter(type(recorded.event).__name__ for recorded in await office.log.read_stream(stream))


async def version(office: Office, stream: str = STREAM) -> int:
    return (await office.log.heads(stream))[stream].version


def told(answer: Answer) -> tuple[Any, ...]:
    """All of an answer but whether it is a replay."""
    return (answer.stream_id, answer.command_id, answer.version, answer.position, answer.link, answer.events)


class TestOneKey:
    async def test_sent_50_times_at_once_happens_once_and_gets_one_answer(self, office: Office) -> None:
        await office.play(STAFFED)

        answers = await asyncio.gather(
            *(office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one") for _ in range(50))
        )

        assert [answer.replayed for answer in answers].count(False) == 1
        assert len({told(answer) for answer in answers}) == 1
        assert (await types(office))["SpendLogged"] == 1

    async def test_sent_50_times_at_once_to_two_processes_happens_once(self, office: Office, other: Office) -> None:
        await office.play(STAFFED)
        await other.send(LINE_PRODUCER, spend(EDITING, "1", "warm"))

        answers = await asyncio.gather(
            *((office, other)[place % 2].send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one") for place in range(50))
        )

        assert [answer.replayed for answer in answers].count(False) == 1
        assert len({told(answer) for answer in answers}) == 1
        assert (await types(office))["SpendLogged"] == 2

    async def test_of_a_command_that_changes_nothing_is_replayed_even_when_it_would_change_something_now(
        self, office: Office
    ) -> None:
        [*_, (_, last)] = STAFFED
        await office.play(STAFFED)
        nothing = await office.send(MAYA, last, "nothing")
        assert nothing.events == ()

        again = await office.send(MAYA, last, "nothing")

        assert again.replayed
        assert told(again) == told(nothing)

    async def test_with_another_request_is_refused(self, office: Office) -> None:
        await office.play(STAFFED)
        await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one")
        before = await version(office)

        for other_request in (
            office.send(LINE_PRODUCER, spend(ART, "501", "KS-1"), "one"),
            office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one", if_match=before),
            office.send(LINE_PRODUCER, reverse("S-000001"), "one"),
            office.send(LINE_PRODUCER, reverse("S-000009"), "one"),  # which a rule is against as well
        ):
            with pytest.raises(KeyReused):
                await other_request
        assert await version(office) == before

    async def test_of_another_person_is_another_key(self, office: Office) -> None:
        await office.play(STAFFED)

        one = await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one")
        two = await office.send(ACCOUNTANT, spend(ART, "500", "KS-2"), "one")

        assert not two.replayed
        assert two.version == one.version + len(two.events)

    async def test_after_a_refusal_may_be_sent_again_and_is_then_decided_anew(self, office: Office) -> None:
        await office.play(STAFFED)
        with pytest.raises(Refusal):
            await office.send(LINE_PRODUCER, reverse("S-000001"), "one")
        await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))

        answer = await office.send(LINE_PRODUCER, reverse("S-000001"), "one")

        assert not answer.replayed
        assert isinstance(answer.events[0].event, SpendReversed)

    @pytest.mark.parametrize("cached", [True, False], ids=["in the same process", "in a new process"])
    async def test_of_a_command_that_would_be_refused_now_is_replayed(
        self, office: Office, other: Office, cached: bool
    ) -> None:
        await office.play(STAFFED)
        await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))
        first = await office.send(LINE_PRODUCER, reverse("S-000001"), "one")
        with pytest.raises(Refusal):
            await office.send(LINE_PRODUCER, reverse("S-000001"), "two")

        again = await (office if cached else other).send(LINE_PRODUCER, reverse("S-000001"), "one")

        assert again.replayed
        assert told(again) == told(first)


class TestRacingApprovals:
    async def test_of_one_round_in_two_processes_make_one_set_of_facts(self, office: Office, other: Office) -> None:
        await office.play(SUBMITTED)
        await other.handling.production(STREAM)
        yes = approve(SUBMITTED)

        outcomes = await asyncio.gather(
            office.send(MAYA, yes, "maya"), other.send(NOOR, yes, "noor"), return_exceptions=True
        )

        happened = [each for each in outcomes if isinstance(each, Answer) and each.events]
        assert [[type(each.event) for each in answer.events][:2] for answer in happened] == [
            [ApprovalGiven, BudgetApproved]
        ]
        [loser] = [each for each in outcomes if each is not happened[0]]
        assert isinstance(loser, RoundIsClosed) or (isinstance(loser, Answer) and loser.events == ())
        found = await types(office)
        assert (found["ApprovalGiven"], found["BudgetApproved"]) == (1, 1)

    async def test_end_the_same_whoever_comes_first(self, office: Office, other: Office) -> None:
        for turn in range(8):
            stream = f"acme/take-{turn}"
            await office.play(SUBMITTED, stream)
            yes, at = approve(SUBMITTED), {"production": stream.split("/")[1]}
            await asyncio.gather(office.send(MAYA, yes, **at), other.send(NOOR, yes, **at), return_exceptions=True)
            found = await types(office, stream)
            assert (found["ApprovalGiven"], found["BudgetApproved"]) == (1, 1)


class TestTwoOrdersAtOnce:
    """60 and 60 of the 100 that are left, sent to two processes in the same moment."""

    @pytest.mark.parametrize("action", [ControlAction.STOP, ControlAction.WARN])
    async def test_one_is_refused_where_the_policy_stops_it_and_warned_of_where_it_warns(
        self, office: Office, other: Office, action: ControlAction
    ) -> None:
        terms = ruled(Rule("Orders", ORDERS), controls=(Control(ControlScope.ACCOUNT, action),))
        story: Story = [*FUNDED, (LINE_PRODUCER, budget("100")), (PRODUCER, SubmitBudget(budget="v1"))]
        story = adopted([*story, (MAYA, approve(story))], terms)
        story = [*story, *((LINE_PRODUCER, order((ART, "60"))) for _ in range(2))]
        await office.play(story)
        await other.handling.production(STREAM)

        outcomes = await asyncio.gather(
            office.send(LINE_PRODUCER, submit(1)), other.send(LINE_PRODUCER, submit(2)), return_exceptions=True
        )

        answers = [each for each in outcomes if isinstance(each, Answer)]
        warned = [e.event.beyond for a in answers for e in a.events if isinstance(e.event, CommitmentSubmitted)]
        assert (await types(office))["CommitmentOpened"] == len(answers)
        if action is ControlAction.STOP:
            [refused] = [each for each in outcomes if isinstance(each, BeyondWhatIsAvailable)]
            assert (str(refused.available.amount), str(refused.over.amount)) == ("40.00", "20.00")
            assert warned == [()]
        else:
            assert sorted(len(each) for each in warned) == [0, 1]


class TestTurn:
    async def test_with_a_replay_in_the_middle_answers_all_rightly(self, office: Office) -> None:
        await office.play(STAFFED)
        first = await office.send(LINE_PRODUCER, spend(ART, "5", "KS-5"), "key-of-5")
        appends = len(office.wakes)

        answers = await asyncio.gather(
            *(
                office.send(LINE_PRODUCER, spend(ART, str(place), f"KS-{place}"), f"key-of-{place}")
                for place in range(1, 11)
            )
        )

        assert len(office.wakes) == appends + 1  # all of them were one turn
        replays = [answer for answer in answers if answer.replayed]
        assert [told(answer) for answer in replays] == [told(first)]
        news = [answer for answer in answers if not answer.replayed]
        logged = [answer.events[0].event for answer in news]
        assert [event.document for event in logged if isinstance(event, SpendLogged)] == [
            f"KS-{place}" for place in (1, 2, 3, 4, 6, 7, 8, 9, 10)
        ]
        assert [event.spend for event in logged if isinstance(event, SpendLogged)] == [
            f"S-{number:06}" for number in range(2, 11)
        ]
        assert [happened.version for answer in news for happened in answer.events] == list(
            range(first.version + 1, await version(office) + 1)
        )
        for answer in answers:
            stored = await office.log.read_stream(STREAM, answer.events[0].version - 1, answer.version)
            assert [each.event for each in stored] == [each.event for each in answer.events]
            assert await office.log.link_at(STREAM, answer.version) == answer.link

    async def test_with_replays_reused_keys_and_refusals_gives_each_its_own(self, office: Office) -> None:
        await office.play(STAFFED)
        first = await office.send(LINE_PRODUCER, spend(ART, "1", "KS-1"), "a")
        await office.send(LINE_PRODUCER, spend(ART, "2", "KS-2"), "b")

        replay, new, reused, refused, reversal, second, mismatch = await asyncio.gather(
            office.send(LINE_PRODUCER, spend(ART, "1", "KS-1"), "a"),
            office.send(LINE_PRODUCER, spend(ART, "3", "KS-3"), "c"),
            office.send(LINE_PRODUCER, spend(ART, "22", "KS-22"), "b"),
            office.send(AUDITOR, spend(ART, "4", "KS-4"), "d"),
            office.send(ACCOUNTANT, reverse("S-000003"), "e"),
            office.send(ACCOUNTANT, reverse("S-000003"), "f"),
            office.send(ACCOUNTANT, reverse("S-000002"), "g", if_match=1),
            return_exceptions=True,
        )

        assert isinstance(replay, Answer)
        assert told(replay) == told(first)
        assert isinstance(new, Answer)
        assert isinstance(reversal, Answer)
        assert isinstance(new.events[0].event, SpendLogged)
        assert new.events[0].event.spend == "S-000003"
        assert reversal.version == new.version + len(reversal.events)
        assert isinstance(reused, KeyReused)
        assert isinstance(refused, Refusal)
        assert isinstance(second, Refusal)
        assert isinstance(mismatch, VersionMismatch)

    async def test_has_no_more_commands_than_fit_and_answers_the_rest_later(
        self, office: Office, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await office.play(STAFFED)
        monkeypatch.setattr("service.handling.TURN", 4)
        appends = len(office.wakes)

        answers = await asyncio.gather(
            *(office.send(LINE_PRODUCER, spend(ART, "1", f"KS-{place}")) for place in range(10))
        )

        assert len(office.wakes) == appends + 3
        assert sorted(answer.version for answer in answers) == [answer.version for answer in answers]


class TestIfMatch:
    async def test_of_the_version_seen_is_accepted(self, office: Office) -> None:
        await office.play(STAFFED)
        seen = await version(office)

        answer = await office.send(LINE_PRODUCER, spend(ART, "1"), if_match=seen)

        assert answer.events[0].version == seen + 1

    async def test_of_another_version_is_refused_with_both(self, office: Office, other: Office) -> None:
        await office.play(STAFFED)
        seen = await version(office)
        await other.send(LINE_PRODUCER, spend(ART, "1"))

        with pytest.raises(VersionMismatch) as refused:
            await office.send(LINE_PRODUCER, spend(ART, "2"), if_match=seen)
        assert (refused.value.seen, refused.value.actual) == (seen, seen + 2)

    async def test_is_checked_after_the_key(self, office: Office) -> None:
        await office.play(STAFFED)
        seen = await version(office)
        first = await office.send(LINE_PRODUCER, spend(ART, "1"), "one", if_match=seen)

        again = await office.send(LINE_PRODUCER, spend(ART, "1"), "one", if_match=seen)

        assert again.replayed
        assert told(again) == told(first)


class TestTwoProcesses:
    async def test_before_one_hot_production_leave_one_gapless_stream(self, office: Office, other: Office) -> None:
        await office.play(STAFFED)
        began = (await office.log.heads(STREAM))[STREAM].version
        for each in (office, other):  # both know what has been, so that neither has a start
            await each.handling.company("acme")
            await each.handling.production(STREAM)

        async def client(number: int) -> None:
            mine = (office, other)[number % 2]
            for turn in range(20):
                key = f"{number}-{turn}"
                answer = await mine.send(LINE_PRODUCER, spend(ART, "1", key), key)
                assert answer.events

        async with asyncio.timeout(60):
            await asyncio.gather(*(client(number) for number in range(32)))

        history = await office.log.read_stream(STREAM)
        assert [each.version for each in history] == list(range(1, len(history) + 1))
        entries = [each.event for each in history[began:] if isinstance(each.event, SpendLogged)]
        assert Counter(each.document for each in entries) == {f"{n}-{turn}": 1 for n in range(32) for turn in range(20)}
        assert {each.spend for each in entries} == {f"S-{place:06d}" for place in range(1, len(entries) + 1)}
        early = Counter(int(str(each.document).split("-")[0]) % 2 for each in entries[: len(entries) // 2])
        assert min(early[0], early[1]) >= len(entries) // 8, f"one process waits for the other: {early}"


class TestAFloodOfCommands:
    async def test_for_one_production_keeps_no_other_waiting(self, office: Office) -> None:
        await office.play(STAFFED)
        await office.play(STAFFED, "acme/quiet")
        batches = 0

        def answered(*_: object) -> None:
            nonlocal batches
            batches += 1

        office.log.commits.answered = answered
        flood = [asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", f"F-{n}"))) for n in range(1500)]
        await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        before = batches
        await office.send(LINE_PRODUCER, spend(ART, "1", "quiet"), production="quiet")

        assert batches - before <= 10  # those on their way, and those that its own turn waits for
        assert not all(each.done() for each in flood), "the flood was over: this proves nothing"
        await asyncio.gather(*flood)


class TestNames:
    async def test_of_people_are_as_last_told_whatever_is_sent_again(self, office: Office) -> None:
        await office.play(STAFFED)
        people = "SELECT name FROM people WHERE person = 'zoe'"
        await office.send(OPERATOR, AdmitMember(person="zoe", name="Zoe Kahn"), "first")
        await office.send(OPERATOR, AdmitMember(person="zoe", name="Zoe Kahn-Ito"), "second")

        assert (await office.send(OPERATOR, AdmitMember(person="zoe", name="Zoe Kahn"), "first")).replayed
        assert await office.pool.fetchval(people) == "Zoe Kahn-Ito"


class TestRehearsal:
    async def test_says_what_would_happen_and_appends_nothing(self, office: Office, urls: Urls) -> None:
        await office.play(STAFFED)
        before = await office.log.heads(STREAM, "acme")
        command = spend(ART, "500", "KS-1", vendor_name="Kala Sets")

        said = await office.handling.rehearse(wish(LINE_PRODUCER, command, "one"))

        assert await office.log.heads(STREAM, "acme") == before
        assert await office.log.known("acme/lena", "one") is None
        assert await office.pool.fetchval("SELECT count(*) FROM vendors") == 0
        assert (said.dry_run, said.link, said.replayed) == (True, None, False)
        answer = await office.send(LINE_PRODUCER, command, "one")
        assert not answer.replayed
        assert [(each.version, each.event) for each in said.events] == [
            (each.version, each.event) for each in answer.events
        ]
        assert said.version == answer.version

    async def test_is_refused_like_the_command_itself(self, office: Office) -> None:
        await office.play(STAFFED)

        with pytest.raises(Refusal):
            await office.handling.rehearse(wish(AUDITOR, spend(ART, "500")))
        with pytest.raises(VersionMismatch):
            await office.handling.rehearse(wish(LINE_PRODUCER, spend(ART, "500"), if_match=1))

    async def test_is_of_the_newest_version(self, office: Office, other: Office) -> None:
        await office.play(STAFFED)
        await other.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))

        said = await office.handling.rehearse(wish(LINE_PRODUCER, reverse("S-000001")))

        assert isinstance(said.events[0].event, SpendReversed)


class TestDecision:
    async def test_is_no_refusal_from_an_old_state(self, office: Office, other: Office) -> None:
        await office.play(LOCKED)
        await other.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))

        answer = await office.send(LINE_PRODUCER, reverse("S-000001"))

        assert isinstance(answer.events[0].event, SpendReversed)

    async def test_is_no_acceptance_from_an_old_state(self, office: Office, other: Office) -> None:
        await office.play(LOCKED)
        await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))
        await other.send(LINE_PRODUCER, reverse("S-000001"))

        with pytest.raises(Refusal):
            await office.send(LINE_PRODUCER, recode("S-000001", EDITING))
        assert (await types(office))["SpendRecoded"] == 0

    async def test_is_of_the_newest_state_when_a_turn_has_both(self, office: Office, other: Office) -> None:
        await office.play(LOCKED)
        await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"))
        await other.send(LINE_PRODUCER, spend(ART, "600", "KS-2"))
        await other.send(LINE_PRODUCER, reverse("S-000001"))

        refused, accepted, new = await asyncio.gather(
            office.send(LINE_PRODUCER, recode("S-000001", EDITING)),  # by its old state: yes
            office.send(LINE_PRODUCER, recode("S-000002", EDITING)),  # by its old state: no
            office.send(LINE_PRODUCER, spend(ART, "700", "KS-3")),
            return_exceptions=True,
        )

        assert isinstance(refused, Refusal)
        assert isinstance(accepted, Answer)
        assert isinstance(new, Answer)
        assert isinstance(new.events[0].event, SpendLogged)
        assert new.events[0].event.spend == "S-000003"

    async def test_that_nothing_happens_is_of_the_newest_state_too(self, office: Office, other: Office) -> None:
        await office.play(LOCKED)
        [*_, (_, lock)] = LOCKED
        assert isinstance(lock, LockBudget)
        assert (await other.send(MAYA, lock)).events == ()
        await office.send(MAYA, UNLOCK)

        answer = await other.send(MAYA, lock)

        assert [type(each.event).__name__ for each in answer.events] == ["BudgetLocked"]

    async def test_with_a_bug_in_it_fails_alone(self, office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
        await office.play(STAFFED)
        decide = decision.decide

        def faulty(command: Any, *others: Any, **named: Any) -> Any:
            assert not (isinstance(command, LogSpend) and command.document == "KS-2"), "a bug"
            return decide(command, *others, **named)

        monkeypatch.setattr(decision, "decide", faulty)
        outcomes = await asyncio.gather(
            *(office.send(LINE_PRODUCER, spend(ART, "1", f"KS-{place}")) for place in range(5)),
            return_exceptions=True,
        )

        assert [isinstance(each, Answer) for each in outcomes] == [True, True, False, True, True]
        assert isinstance(outcomes[2], AssertionError)
        logged = [e.event.document for e in await office.log.read_stream(STREAM) if isinstance(e.event, SpendLogged)]
        assert logged == ["KS-0", "KS-1", "KS-3", "KS-4"]

    async def test_on_the_company_sees_what_another_process_admitted_once_the_doors_looked(
        self, office: Office, other: Office
    ) -> None:
        await office.play(STAFFED)
        await other.send(OPERATOR, AdmitMember(person="zoe"))

        newest = await office.handling.company("acme", await version(office, "acme"))

        assert newest is not None
        assert newest.is_member("zoe")


class TestOutcome:
    async def test_of_an_append_that_was_killed_is_that_it_happens_all_the_same(
        self, office: Office, urls: Urls
    ) -> None:
        await office.play(STAFFED)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
            waiting = asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one"))
            for _ in range(2):
                await terminated(admin)
        await admin.close()

        assert not (await waiting).replayed
        assert (await types(office))["SpendLogged"] == 1

    async def test_of_one_that_is_killed_again_and_again_is_unknown_and_the_retry_makes_it_happen(
        self, office: Office, urls: Urls
    ) -> None:
        await office.play(STAFFED)
        before = await version(office)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
            waiting = asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one"))
            for _ in range(3):
                await terminated(admin)
            with pytest.raises(OutcomeUnknown):
                await waiting
        await admin.close()
        assert await version(office) == before

        answer = await office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "one")

        assert not answer.replayed
        assert (await types(office))["SpendLogged"] == 1

    async def test_of_one_whose_answer_was_lost_is_found_in_the_ledger(self, urls: Urls) -> None:
        async with wired(urls.service) as (wire, url), opened(url) as office:
            await office.play(STAFFED)
            before = await version(office)
            wire.marker = b"cut-here"

            cut, beside = await asyncio.gather(
                office.send(LINE_PRODUCER, spend(ART, "500", "KS-1"), "cut-here"),
                office.send(LINE_PRODUCER, spend(ART, "600", "KS-2"), "beside"),
            )

            assert wire.cuts == 1
            assert (cut.replayed, beside.replayed) == (True, True)
            assert (cut.version, beside.version) == (before + 2, before + 4)
            assert await version(office) == before + 4
            assert (await types(office))["SpendLogged"] == 2

            after = await office.send(LINE_PRODUCER, spend(ART, "700", "KS-3"))
            assert after.version == before + 6


class TestMetadata:
    async def test_says_who_in_which_roles_why_and_by_which_command(self, office: Office) -> None:
        await office.play(STAFFED)
        office.clock.now += timedelta(hours=3)

        answer = await office.send("tara", STAFFED[-1][1].model_copy(update={"reason": "As agreed."}), "one")
        assert answer.events == ()
        answer = await office.send(LINE_PRODUCER, spend(ART, "1").model_copy(update={"reason": "On set."}))

        recorded = (await office.log.read_stream(STREAM, answer.version - len(answer.events)))[0]
        around = recorded.metadata
        assert (around.actor, around.roles) == (LINE_PRODUCER, ("line_producer",))
        assert (around.reason, around.command, around.source) == ("On set.", "LogSpend", "api")
        assert (around.command_id, around.correlation_id) == (answer.command_id, UUID(int=77))
        assert around.at == office.clock.now
        assert around.on_behalf_of is None

    async def test_has_the_same_command_for_all_facts_of_one(self, office: Office) -> None:
        await office.play(STAFFED)

        answer = await office.send(LINE_PRODUCER, spend("9999", "1"))

        facts = await office.log.read_stream(STREAM, answer.version - len(answer.events))
        assert [type(each.event).__name__ for each in facts] == ["SpendLogged", "SpendOutsideBudget"]
        assert facts[0].metadata == facts[1].metadata

    @pytest.mark.parametrize("fresh", [False, True], ids=["in the same process", "in a new process"])
    async def test_never_goes_back_in_time_within_a_stream(self, office: Office, other: Office, fresh: bool) -> None:
        await office.play(STAFFED)
        then = office.clock.now
        second = other if fresh else office
        for hours in (-5, 2, 1, -100, 3):
            second.clock.now = then + timedelta(hours=hours)
            await second.send(LINE_PRODUCER, spend(ART, "1"))

        times = [each.metadata.at for each in await office.log.read_stream(STREAM)]

        assert times == sorted(times)
        assert times[-1] == then + timedelta(hours=3)

    async def test_takes_the_clock_of_each_command_of_a_turn(self, office: Office) -> None:
        await office.play(STAFFED)
        seen = await version(office)
        ticks = iter(office.clock.now + timedelta(seconds=s) for s in (5, 3, 9))
        office.handling._clock = lambda: next(ticks)

        await asyncio.gather(*(office.send(LINE_PRODUCER, spend("1100", "1", f"D{n}")) for n in range(3)))

        times = [e.metadata.at for e in await office.log.read_stream(STREAM, seen) if isinstance(e.event, SpendLogged)]
        assert [(at - office.clock.now).total_seconds() for at in times] == [5, 5, 9]


class TestWaiting:
    async def test_of_one_that_gives_up_does_not_hurt_the_others(self, office: Office, urls: Urls) -> None:
        await office.play(STAFFED)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
            waiting = [
                asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", f"KS-{place}"), f"k{place}"))
                for place in range(6)
            ]
            await blocked(admin)
            later = asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", "KS-later")))
            never = asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", "KS-never"), "never"))
            await asyncio.sleep(0)
            waiting[0].cancel()
            waiting[3].cancel()
            never.cancel()
            await asyncio.wait([waiting[0], waiting[3], never])
        await admin.close()

        answers = [await task for place, task in enumerate(waiting) if place not in (0, 3)]
        assert [answer.replayed for answer in answers] == [False] * 4
        assert not (await later).replayed
        # Who gave up in the middle of the append finds that it happened; who gave up before, that it did not.
        assert (await office.send(LINE_PRODUCER, spend(ART, "1", "KS-3"), "k3")).replayed
        assert not (await office.send(LINE_PRODUCER, spend(ART, "1", "KS-never"), "never")).replayed

    async def test_of_the_only_one_that_gives_up_leaves_the_stream_usable(self, office: Office) -> None:
        await office.play(STAFFED)
        alone = asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", "KS-1"), "alone"))
        await asyncio.sleep(0)
        alone.cancel()
        await asyncio.wait([alone])

        assert (await office.send(LINE_PRODUCER, spend(ART, "2", "KS-2"))).events

    async def test_for_the_end_answers_everything_that_was_taken(self, office: Office, urls: Urls) -> None:
        await office.play(STAFFED)
        admin = await asyncpg.connect(urls.admin)
        async with admin.transaction():
            await admin.execute("SELECT FROM streams WHERE stream_id = $1 FOR UPDATE", STREAM)
            taken = [
                asyncio.create_task(office.send(LINE_PRODUCER, spend(ART, "1", f"KS-{place}"))) for place in range(5)
            ]
            await blocked(admin)
            draining = asyncio.create_task(office.handling.drain())
            done, _ = await asyncio.wait([draining], timeout=0.05)
            assert not done
        await admin.close()

        await draining
        assert all(task.done() for task in taken)
        assert {type(await task) for task in taken} == {Answer}

    async def test_for_the_end_of_nothing_is_over_at_once(self, office: Office) -> None:
        await office.handling.drain()
