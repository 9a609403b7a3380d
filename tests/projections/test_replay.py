"""Replay equals live: whatever happened, the stored rows are what the log adds up to, now and as of then."""

from dataclasses import dataclass, field
from decimal import Decimal
from itertools import count
from random import Random
from typing import Any, get_args

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from events import AnyEvent, FlagEvent, OfProduction
from events.advance import AdvanceAccounted, AdvanceClosed, AdvanceExceeded
from events.approval import (
    ApprovalRequested,
    ApprovedByPolicy,
    ChangesRequested,
    RequestRecalled,
    RequestRejected,
)
from events.envelope import Recorded
from events.paying import (
    PayingEvent,
    PaymentVoided,
    QueryAnswered,
    QueryClosed,
    ReconciliationUndone,
    SpendPaid,
    SpendQueried,
    SpendReconciled,
)
from events.policy import RequestKind
from events.spend import PaymentReleased, SpendLogged, SpendRecoded, SpendReversed, entries_of
from projections import PROJECTIONS, past, runner, sentences
from projections.projection import Rows
from projections.rebuild import rebuild
from projections.runner import Runner
from service.deciders.refusal import Refusal
from tests.conftest import Urls
from tests.deciders.rounds import DILUTED
from tests.deciders.stories import FUNDED, LOCKED, SPENT, STAFFED
from tests.forms import either
from tests.handling.office import Office
from tests.projections.desk import agree, caught_up, histories, lapsed, shown
from tests.projections.histories import ACTS, Step, steps, wished

STATE_VIEWS = ("current-budget", "approval-status", "funding")
LISTS = ("audit-trail", "flags", "spend-register")
NAMES = {("person", "maya"): "Maya Rao", ("person", "adele"): "Adele Fernandes"}
STARTS = {"staffed": STAFFED, "funded": FUNDED, "locked": LOCKED, "spent": SPENT}

_numbers = count(1)

generated = settings(
    max_examples=either(short=6, long=60),
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # making a failing history smaller would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


async def sent(office: Office, stream: str, step: Step) -> bool:
    """Whether the step was accepted."""
    loaded = await office.handling.production(stream)
    assert loaded.state is not None
    person, command = wished(step, loaded.state)
    try:
        await office.send(person, command, production=stream.split("/")[1])
    except Refusal:
        return False
    return True


class TestReplay:
    @generated
    @given(
        history=st.lists(st.tuples(st.booleans(), steps), min_size=1, max_size=3),
        starts=st.tuples(st.sampled_from(sorted(STARTS)), st.sampled_from(sorted(STARTS))),
        pages=st.lists(st.sampled_from([1, 2, 3, 7, 50]), min_size=1, max_size=3),
        restart=st.booleans(),
        looks=st.lists(st.integers(1, 10_000), min_size=2, max_size=2),
    )
    async def test_equals_live_for_every_read_model(
        self,
        office: Office,
        client: httpx2.AsyncClient,
        history: list[tuple[bool, list[Step]]],
        starts: tuple[str, str],
        pages: list[int],
        restart: bool,
        looks: list[int],
    ) -> None:
        number = next(_numbers)
        streams = (f"acme/one-{number}", f"acme/two-{number}")
        await lapsed(office)  # of the history before this one
        live = Runner(office.pool)
        with pytest.MonkeyPatch.context() as patch:
            await live.refresh()
            for stream, start in zip(streams, starts, strict=True):
                await office.play(STARTS[start], stream)
            place = 0
            for which, part in history:
                for step in part:
                    place += 1
                    await sent(office, streams[which], step)
                    patch.setattr(runner, "PAGE", pages[place % len(pages)])
                    await live.step()
                if restart:
                    await live.release()
                    live = Runner(office.pool)
                    await live.refresh()
            patch.setattr(runner, "PAGE", pages[0])
            await caught_up(live)

        await agree(office, *streams)
        if restart:
            assert (await rebuild(office.pool, PROJECTIONS)).differences == ()
            await agree(office, *streams)
        for stream in streams:
            told = (await histories(office.log, stream))[stream]
            final_rows_stay(told)
            await shows_the_same_now_as_of_its_last_version(client, stream, len(told))
            for look in looks:
                prefix = told[: look % len(told) + 1]
                await lists_what_was_known(client, stream, prefix)
                await folds_what_was_known(office, stream, prefix, pages[0])

    async def test_of_payments_is_what_the_register_shows_as_of_every_version(
        self, office: Office, client: httpx2.AsyncClient
    ) -> None:
        stream = "acme/paid"
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT, stream)
        acts, dice = ("log foreign spend", "batch", "reverse spend", "pay", "undo", "reconcile", "query"), Random(1)
        for _ in range(110):
            act = dice.choice((*acts, "answer query"))
            await sent(office, stream, (act, dice.randrange(1000), dice.randrange(1000)))
        await caught_up(live)

        told = (await histories(office.log, stream))[stream]
        seen = {type(recorded.event) for recorded in told}
        assert {*get_args(PayingEvent)} <= seen
        for version in range(1, len(told) + 1):
            await lists_what_was_known(client, stream, told[:version])

    async def test_of_every_prefix_is_what_the_lists_show_as_of_it(
        self, office: Office, client: httpx2.AsyncClient
    ) -> None:
        stream = "acme/long"
        live = Runner(office.pool)
        await live.refresh()
        await office.play(SPENT, stream)
        acts = ("log spend", "recode spend", "approve", "set budget", "reverse spend", "submit", "log foreign spend")
        for place in range(60):
            await sent(office, stream, (acts[place % 7], place * 31 % 1000, place * 17 % 1000))
        await caught_up(live)

        told = (await histories(office.log, stream))[stream]
        kinds = {type(recorded.event) for recorded in told}
        assert {SpendLogged, SpendReversed, SpendRecoded} < kinds
        assert any(getattr(recorded.event, "clears", ()) for recorded in told)
        for version in range(1, len(told) + 1):
            await lists_what_was_known(client, stream, told[:version])
        for view in STATE_VIEWS:
            for version in (1, len(told) // 2, len(told)):
                then = await shown(client, f"/v1/{stream}/{view}", as_of=version)
                assert then["version"] == version

    async def test_by_an_instant_is_that_of_the_last_version_up_to_it(
        self, office: Office, client: httpx2.AsyncClient
    ) -> None:
        stream = "acme/long"
        live = Runner(office.pool)
        await live.refresh()
        await office.play(LOCKED, stream)
        versions = {}
        for place in range(5):
            office.clock.now = office.clock.now.replace(minute=place * 7)
            await sent(office, stream, ("log spend", place, place))
            versions[place] = (await office.handling.production(stream)).head.version
        await caught_up(live)

        for place, version in versions.items():
            for minutes in (place * 7, place * 7 + 6):
                instant = office.clock.now.replace(minute=minutes).isoformat().replace("+00:00", "Z")
                for view in (*STATE_VIEWS, *LISTS):
                    assert (await shown(client, f"/v1/{stream}/{view}", as_of=instant))["version"] == version


def final_rows_stay(history: list[Recorded[AnyEvent]]) -> None:
    """A rebuild copies final rows at once: no later event may put one again or take it away."""
    for projection in PROJECTIONS:
        rows, put = Rows().know(projection.kinds), set[Any]()
        for recorded in history:
            projection.apply(rows, recorded)
            for kind in projection.kinds:
                if kind.final:
                    changed = rows.changed.pop(kind.row, {})
                    assert put.isdisjoint((kind.row, key) for key in changed), kind.table.name
                    put.update((kind.row, key) for key in changed)


async def shows_the_same_now_as_of_its_last_version(client: httpx2.AsyncClient, stream: str, version: int) -> None:
    for view in (*STATE_VIEWS, *LISTS):
        now = await shown(client, f"/v1/{stream}/{view}")
        then = await shown(client, f"/v1/{stream}/{view}", as_of=version)
        assert now.pop("position") >= then.pop("position")
        assert then == now, view
        assert now["version"] == version


async def lists_what_was_known(client: httpx2.AsyncClient, stream: str, prefix: list[Recorded[AnyEvent]]) -> None:
    """Compare the lists as of a version with what a look at the facts up to it says, without SQL or folds."""
    version = prefix[-1].version
    trail = await shown(client, f"/v1/{stream}/audit-trail", as_of=version, limit=500)
    assert [trail_line(entry) for entry in trail["entries"]] == [expected_trail_line(each) for each in prefix]

    flags = await shown(client, f"/v1/{stream}/flags", as_of=version, limit=500)
    expected = expected_flags(prefix)
    assert [flag_line(flag) for flag in flags["flags"]] == expected
    for state in ("open", "cleared"):
        some = await shown(client, f"/v1/{stream}/flags", as_of=version, limit=500, state=state)
        assert [flag_line(flag) for flag in some["flags"]] == [each for each in expected if each["state"] == state]

    register = await shown(client, f"/v1/{stream}/spend-register", as_of=version, limit=500)
    assert [register_line(line) for line in register["lines"]] == expected_register(prefix)
    for filters in ({"account": "2200"}, {"state": "recoded"}, {"amount_min": "50000"}, {"kind": "invoice"}):
        some = await shown(client, f"/v1/{stream}/spend-register", as_of=version, limit=500, **filters)
        assert [register_line(line) for line in some["lines"]] == expected_register(prefix, **filters), filters


async def folds_what_was_known(office: Office, stream: str, prefix: list[Recorded[AnyEvent]], every: int) -> None:
    """Compare what is folded from marks with what is folded from nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(past, "EVERY", every)
        for projection in (each for each in PROJECTIONS if each.changes):
            rows, expected = projection.replay(prefix), await past.rows_at(office.pool, projection, stream, len(prefix))
            for kind in projection.kinds:
                assert rows.of(kind.row, stream) == expected.of(kind.row, stream), kind.table.name


def trail_line(entry: dict[str, Any]) -> dict[str, Any]:
    named = ("version", "position", "event_id", "kind", "actor", "roles", "reason", "command", "sentence", "actor_name")
    return {name: entry[name] for name in named}


def expected_trail_line(recorded: Recorded[Any]) -> dict[str, Any]:
    around = recorded.metadata

    def name(kind: str, who: str) -> str:
        return NAMES.get((kind, who), who)

    return {
        "version": recorded.version,
        "position": recorded.position,
        "event_id": str(recorded.event_id),
        "kind": type(recorded.event).__name__,
        "actor": around.actor,
        "roles": list(around.roles),
        "reason": around.reason,
        "command": around.command,
        "sentence": sentences.with_names(sentences.tell(recorded.event).sentence, name),
        "actor_name": name("person", around.actor)
        + (f" for {name('person', around.on_behalf_of)}" if around.on_behalf_of else ""),
    }


def flag_line(flag: dict[str, Any]) -> dict[str, Any]:
    cleared = flag["cleared_by"] or {}
    return {name: flag[name] for name in ("flag", "kind", "state", "raised_version", "account", "spend")} | {
        "by": (cleared.get("version"), cleared.get("kind"))
    }


def expected_flags(prefix: list[Recorded[AnyEvent]]) -> list[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for recorded in prefix:
        event: Any = recorded.event
        for flag in getattr(event, "clears", ()):
            found[flag] |= {"state": "cleared", "by": (recorded.version, type(event).__name__)}
        if isinstance(event, get_args(FlagEvent)):
            found[event.flag] = {
                "flag": event.flag,
                "kind": type(event).__name__,
                "state": "open",
                "raised_version": recorded.version,
                "account": getattr(event, "account", None),
                "spend": getattr(event, "spend", None),
                "by": (None, None),
            }
    return sorted(found.values(), key=lambda flag: int(flag["flag"].removeprefix("FLAG-")))


def register_line(line: dict[str, Any]) -> tuple[Any, ...]:
    named = ("version", "spend", "line", "state", "account", "vendor", "document", "kind", "currency", "memo")
    named += ("payment", "payment_round", "query", "paid_on", "paid", "statement_line", "difference_of")
    return (*(line[name] for name in named), Decimal(line["amount"]), Decimal(line["running_total"]))


def expected_register(
    prefix: list[Recorded[AnyEvent]],
    account: str | None = None,
    state: str | None = None,
    amount_min: str = "0",
    kind: str | None = None,
) -> list[tuple[Any, ...]]:
    entries = {each.event.spend: each.event for each in prefix if isinstance(each.event, SpendLogged)}
    states = dict.fromkeys(entries, "logged")
    for each in prefix:
        if isinstance(each.event, SpendRecoded) and states[each.event.spend] == "logged":
            states[each.event.spend] = "recoded"
        if isinstance(each.event, SpendReversed):
            states[each.event.spend] = "reversed"
    payments, followed = expected_payments(prefix), expected_to_follow(prefix)
    moves: list[tuple[int, str, str, str, Decimal]] = []
    for each in prefix:
        match each.event:
            case SpendLogged(spend, account_code, cost=cost):
                moves.append((each.version, spend, "spend", account_code, cost.amount))
            case SpendReversed(spend, account_code, cost):
                moves.append((each.version, spend, "reversal", account_code, -cost.amount))
            case SpendRecoded(spend, left, reached, cost):
                moves.append((each.version, spend, "recoded_out", left, -cost.amount))
                moves.append((each.version, spend, "recoded_in", reached, cost.amount))
    lines, total = [], Decimal(0)
    for version, spend, line, code, amount in moves:
        entry = entries[spend]
        if (
            account not in (None, code)
            or state not in (None, states[spend])
            or abs(amount) < Decimal(amount_min)
            or kind not in (None, entry.kind.value)
        ):
            continue
        total += amount
        of_entry = (entry.vendor, entry.document, entry.kind.value, entry.currency, entry.memo)
        payment, asked_in = payments.get(spend, ("not_asked", None))
        paid = followed.paid.get(spend, (None, None))
        found = followed.found.get(spend)
        payment = payment if spend not in followed.paid else "paid" if found is None else "reconciled"
        of_entry += (payment, asked_in, followed.open.get(spend), *paid, found, followed.differences.get(spend))
        lines.append((version, spend, line, states[spend], code, *of_entry, amount, total))
    return lines


def expected_payments(prefix: list[Recorded[AnyEvent]]) -> dict[str, tuple[str, str | None]]:
    """By entry that was asked about, whether it may be paid, and the round."""
    found: dict[str, tuple[str, str | None]] = {}
    for each in prefix:
        match each.event:
            case ApprovalRequested(round=number, kind=RequestKind.PAYMENT, subject=payable):
                found |= dict.fromkeys(entries_of(payable), ("waiting", number))
            case ApprovedByPolicy(kind=RequestKind.PAYMENT, subject=payable):
                found |= dict.fromkeys(entries_of(payable), ("released", None))
            case AdvanceAccounted(spend=spend) | AdvanceClosed(spend=spend):
                found[spend] = ("by_advance", None)
            case AdvanceExceeded(spend=spend):
                found[spend] = ("not_asked", None)
            case PaymentReleased(spend):
                found[spend] = ("released", found[spend][1])
            case RequestRejected(number) | RequestRecalled(number) | ChangesRequested(number):
                found |= {s: ("refused", number) for s, (_, asked_in) in found.items() if asked_in == number}
    return found


@dataclass
class Followed:
    """By entry, what became of it."""

    open: dict[str, str] = field(default_factory=dict)
    paid: dict[str, tuple[str, str]] = field(default_factory=dict)
    found: dict[str, str] = field(default_factory=dict)
    differences: dict[str, str] = field(default_factory=dict)


def expected_to_follow(prefix: list[Recorded[AnyEvent]]) -> Followed:
    """What became of entries after they were logged, by a look at the facts."""
    followed = Followed()
    for each in prefix:
        match each.event:
            case SpendQueried(query, spend):
                followed.open[spend] = query
            case QueryAnswered(spend=spend) | QueryClosed(spend=spend):
                del followed.open[spend]
            case SpendPaid(entries=entries, difference=difference, difference_of=of, amount=amount) as paid:
                if difference is not None and of is not None:
                    followed.differences[difference] = of
                    entries = (*entries, difference)
                followed.paid |= dict.fromkeys(entries, (paid.paid_on.isoformat(), f"{amount.amount}"))
            case PaymentVoided(entries=entries):
                for spend in entries:
                    del followed.paid[spend]
                    followed.found.pop(spend, None)
            case SpendReconciled(entries=entries, line=line):
                followed.found |= dict.fromkeys(entries, line)
            case ReconciliationUndone(entries=entries):
                for spend in entries:
                    del followed.found[spend]
    return followed


class TestGeneratedHistories:
    async def test_hold_every_kind_of_fact_sooner_or_later(self, office: Office, urls: Urls) -> None:
        """The histories above would prove little if most of what they send were refused."""
        accepted, sent_in_all = 0, 0
        found: set[str] = set()
        acts = [act for act, weight in ACTS.items() for _ in range(weight)]
        dice = Random(1)
        for stream, beginning in (("acme/busy", FUNDED), ("acme/busier", FUNDED), ("acme/busiest", DILUTED)):
            await office.play(beginning, stream)
            for _ in range(800):
                step = (dice.choice(acts), dice.randrange(1000), dice.randrange(1000))
                accepted += await sent(office, stream, step)
                sent_in_all += 1
            found |= {type(each.event).__name__ for each in await office.log.read_stream(stream)}
        read = {event.__name__ for projection in PROJECTIONS for event in projection.reads & {*get_args(OfProduction)}}

        assert accepted > sent_in_all / 3
        assert len(found) > len(read) * 0.8, sorted(read - found)
