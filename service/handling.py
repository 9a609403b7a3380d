"""From a command to its facts: load, fold, decide, append. The only append and the only retry are here.

Commands for one stream queue in its mailbox. A turn takes what waits, decides one after the other on the
evolving state, and appends the lot at one expected version, with a row of the ledger for each command. A
command the ledger knows fails the turn: it is answered from the ledger, dropped, and the rest decided again,
since they were decided on top of it. A refusal is final only against the newest version.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from events import AnyEvent
from events.append import Append, Appended, Conflict, Head, Known, LedgerEntry, NewEvent, Outcome, SentCommand, Withheld
from events.envelope import Metadata, Source
from events.group_commit import ConnectionEnded, OutcomeUnknown
from events.ids import PersonId, Slug, StreamId
from events.log import Log
from service.deciders import company, decision, production
from service.deciders.command import Command
from service.deciders.company import AdmitMember, Company, InviteMember
from service.deciders.cost_report import UNMADE, Made
from service.deciders.production import OpenProduction, Production
from service.deciders.refusal import Refusal
from service.directory import By, Directory
from service.streams import Loaded, Streams, evolve, weight

#: Commands that one turn decides at the most.
TURN = 100


class KeyReused(Exception):
    """The idempotency key was used before, by the same person, with another request."""


@dataclass
class VersionMismatch(Exception):
    """The stream is not at the version that the sender saw."""

    seen: int
    actual: int


#: What goes wrong with a command other than by a rule, in the words of who counts.
_FAILED: dict[type[Exception], str] = {
    KeyReused: "key_reused",
    VersionMismatch: "version_mismatch",
    OutcomeUnknown: "unknown",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A command with its sender and its terms."""

    company: Slug
    #: None for a command to the company itself.
    production: Slug | None
    command: Command
    actor: PersonId
    key: str
    correlation_id: UUID
    source: Source
    if_match: int | None = None
    #: Whom the sender acts for, by delegation or as their substitute.
    on_behalf_of: PersonId | None = None
    #: The API key it was sent with, if with one.
    credential: str | None = None
    #: When the sender last showed who they are; None when nobody says.
    authenticated_at: datetime | None = None
    #: The report that it issues; no part of the request.
    made: Made = UNMADE

    @property
    def stream_id(self) -> StreamId:
        """The stream the command is decided against."""
        return self.company if self.production is None else f"{self.company}/{self.production}"

    @property
    def principal(self) -> str:
        """Whose key it is."""
        return f"{self.company}/{self.actor}"

    @property
    def fingerprint(self) -> bytes:
        """Of the whole request: the same key may come again with the same request alone."""
        body = self.command.model_dump_json(exclude_unset=True)
        parts = [self.stream_id, type(self.command).__name__, body, str(self.if_match)]
        if self.on_behalf_of is not None:
            parts.append(self.on_behalf_of)
        framed = (len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
        return sha256(b"".join(framed)).digest()


@dataclass(frozen=True, slots=True)
class Happened:
    """A fact that a command made, in its place."""

    version: int
    event_id: UUID
    event: AnyEvent


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command led to."""

    stream_id: StreamId
    command_id: UUID
    #: Of the stream after the command.
    version: int
    #: Of the log; a view that shows it shows the command's effect.
    position: int
    #: Of the event at that version: keep it, and the stream can be checked against it. None in a rehearsal.
    link: bytes | None
    events: tuple[Happened, ...]
    replayed: bool = False
    dry_run: bool = False


@dataclass(eq=False, slots=True)
class _Pending:
    """A wish that waits for its answer."""

    wish: Wish
    answer: asyncio.Future[Answer]

    def accept(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)

    def fail(self, error: BaseException) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)


@dataclass(frozen=True, slots=True)
class _Decided:
    """A wish that was accepted in a turn."""

    pending: _Pending
    sent: SentCommand


@dataclass(slots=True)
class _Turn:
    """What a turn decided on one state."""

    stream_id: StreamId
    #: The state it began on, and the one it reached.
    base: Loaded[Any]
    loaded: Loaded[Any]
    accepted: list[_Decided] = field(default_factory=list)
    refused: list[tuple[_Pending, Exception]] = field(default_factory=list)


class Handling:
    """Handles the commands of a process.

    Args:
        clock: the time of business, UTC.
        new_id: a new identity for a command or an event.
        appended: called after every append, to wake who reads the log.
    """

    def __init__(
        self,
        log: Log,
        directory: Directory,
        clock: Callable[[], datetime],
        new_id: Callable[[], UUID],
        appended: Callable[[], None],
    ) -> None:
        self._log = log
        self._directory = directory
        self._clock = clock
        self._new_id = new_id
        self._appended = appended
        self.streams = Streams(log)
        #: What senders were told so far, and which refusals.
        self.told = dict.fromkeys(("accepted", "replayed", "refused", *_FAILED.values(), "failed"), 0)
        self.refused = Counter[type[Refusal]]()
        self._mailboxes: dict[StreamId, list[_Pending]] = {}
        self._workers: set[asyncio.Task[None]] = set()

    async def handle(self, wish: Wish) -> Answer:
        """What the command leads to, once it is durable.

        Raises:
            Refusal: a rule is against it, at the newest version.
            KeyReused: the key was used with another request.
            VersionMismatch: the stream is not at the version of `if_match`.
            OutcomeUnknown: the database was lost before it answered; the same key finds the truth.
        """
        pending = _Pending(wish, asyncio.get_running_loop().create_future())
        mailbox = self._mailboxes.setdefault(wish.stream_id, [])
        mailbox.append(pending)
        if len(mailbox) == 1:
            worker = asyncio.create_task(self._work(wish.stream_id))
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        try:
            answer = await pending.answer
        except Refusal as refusal:
            self.told["refused"] += 1
            self.refused[type(refusal)] += 1
            raise
        except Exception as error:
            self.told[next((word for kind, word in _FAILED.items() if isinstance(error, kind)), "failed")] += 1
            raise
        self.told["replayed" if answer.replayed else "accepted"] += 1
        return answer

    async def rehearse(self, wish: Wish) -> Answer:
        """What the command would lead to now; nothing is appended.

        Raises:
            Refusal: a rule is against it.
            VersionMismatch: the stream is not at the version of `if_match`.
        """
        loaded = await self.streams.newest(wish.stream_id)
        _, decided = self._decide(wish, loaded, await self._company_of(wish))
        happened = _happened(loaded.head.version, decided.events)
        head = loaded.head
        version = head.version + len(happened)
        return Answer(wish.stream_id, decided.command_id, version, head.position, None, happened, dry_run=True)

    async def company(self, slug: Slug, version: int | None = None) -> Company | None:
        """The company's newest state; a cached one is taken when it is of the version named as newest."""
        cached = self.streams.kept(slug)
        if cached is not None and cached.head.version == version:
            found: Company | None = cached.state
            return found
        return (await self.streams.newest(slug)).state

    async def production(self, stream_id: StreamId) -> Loaded[Production]:
        """The production's newest state."""
        return await self.streams.newest(stream_id)

    async def drain(self) -> None:
        """Wait until every command that was taken is answered."""
        while self._workers:
            await asyncio.wait(self._workers)

    async def _work(self, stream_id: StreamId) -> None:
        mailbox = self._mailboxes[stream_id]
        while mailbox:
            turn = _distinct(mailbox[:TURN])
            try:
                await self._persist(stream_id, turn)
            except Exception as error:
                for pending in turn:
                    pending.fail(error)
            mailbox[:] = [pending for pending in mailbox if not pending.answer.done()]
        del self._mailboxes[stream_id]

    async def _persist(self, stream_id: StreamId, turn: list[_Pending]) -> None:
        """Take a turn, and take it again when its connection ended on the way: the ledger has what happened."""
        for last in (False, False, True):
            try:
                await self._take(stream_id, turn)
                return
            except ConnectionEnded:  # what was lost on the way may have happened: what is kept is behind then
                if last:
                    raise

    async def _take(self, stream_id: StreamId, waiting: list[_Pending]) -> None:
        """Answer every wish of a turn."""
        loaded = self.streams.kept(stream_id) or await self.streams.newest(stream_id)
        lost = False
        while waiting := [pending for pending in waiting if not pending.answer.done()]:
            if lost:
                # Who won knows the newest state already and would win again: now it is our turn.
                async with self._log.holding(stream_id) as append:
                    turn = await self._decide_all(stream_id, waiting, await self.streams.newest(stream_id))
                    outcome = await append(await self._decided(turn)) if turn.accepted else None
            else:
                turn = await self._decide_all(stream_id, waiting, loaded)
                outcome = (await self._log.append(await self._decided(turn)))[0] if turn.accepted else None
            lost = isinstance(outcome, Conflict)
            loaded = await self._settle(turn, outcome)

    async def _decided(self, turn: _Turn) -> Append:
        """What a turn accepted, to be appended."""
        await self._learn(turn.accepted)
        return Append(turn.stream_id, turn.base.head, tuple(decided.sent for decided in turn.accepted))

    async def _settle(self, turn: _Turn, outcome: Outcome | None) -> Loaded[Any]:
        """Answer what can be answered; the state to decide the rest on."""
        match outcome:
            case Appended(entries, links, head):
                after = self.streams.keep(turn.stream_id, replace(turn.loaded, head=head))
                self._appended()
                for decided, entry, link in zip(turn.accepted, entries, links, strict=True):
                    happened = _happened(entry.first_version - 1, decided.sent.events)
                    decided.pending.accept(_answer(entry, link, happened))
                await self._refuse(turn)
                return after
            case Known(hits):
                for place, hit in hits.items():
                    await self._replay(turn.accepted[place].pending, hit)
                return turn.base
            case Conflict() | Withheld():
                return await self.streams.newest(turn.stream_id)
            case None:
                newest = await self.streams.newest(turn.stream_id)
                if newest.head.version == turn.base.head.version:
                    await self._refuse(turn)
                return newest

    async def _learn(self, accepted: Sequence[_Decided]) -> None:
        """Enter the names that commands bring, before they happen; a person's may be corrected since a first try."""
        for decided in accepted:
            wish, sent = decided.pending.wish, decided.sent
            of_person = isinstance(wish.command, AdmitMember | InviteMember)
            if of_person and not await self._log.known(wish.principal, wish.key):
                at = sent.events[0].metadata.at if sent.events else self._clock()
                await self._directory.learn_person(wish.company, wish.command, sent.command_id, By(wish.actor, at))
        wishes = [decided.pending.wish for decided in accepted]
        await self._directory.learn_vendors(wishes[0].company, [wish.command for wish in wishes])

    async def _decide_all(self, stream_id: StreamId, waiting: list[_Pending], base: Loaded[Any]) -> _Turn:
        turn = _Turn(stream_id, base, base)
        for pending in waiting:
            try:
                after, sent = self._decide(pending.wish, turn.loaded, await self._company_of(pending.wish))
            except (Refusal, VersionMismatch) as refusal:
                turn.refused.append((pending, refusal))
            except Exception as fault:
                pending.fail(fault)  # a bug in one decision is nobody else's
            else:
                turn.loaded = after
                turn.accepted.append(_Decided(pending, sent))
        return turn

    def _decide(self, wish: Wish, loaded: Loaded[Any], of_company: Company | None) -> tuple[Loaded[Any], SentCommand]:
        """The state after the command, and what to append for it."""
        head, state, command = loaded.head, loaded.state, wish.command
        if wish.if_match is not None and wish.if_match != head.version:
            raise VersionMismatch(wish.if_match, head.version)
        at = self._clock() if loaded.at is None else max(self._clock(), loaded.at)
        metadata = Metadata(
            actor=wish.actor,
            roles=(),
            at=at,
            command=type(command).__name__,
            command_id=self._new_id(),
            correlation_id=wish.correlation_id,
            source=wish.source,
            on_behalf_of=wish.on_behalf_of,
            reason=command.reason,
            credential=wish.credential,
        )
        metadata = _with_roles(metadata, wish, state, of_company)
        happened: list[Any]
        if wish.production is None:
            happened = company.decide(command, state, metadata)  # type: ignore[arg-type]
        else:
            happened = decision.decide(
                command,  # type: ignore[arg-type]
                state,
                of_company,
                metadata,
                name=wish.production,
                signed_in=wish.authenticated_at,
                made=wish.made,
            )
        further = evolve(wish.stream_id)
        for event in happened:
            state = further(state, event, metadata)
        news = tuple(NewEvent(self._new_id(), event, metadata) for event in happened)
        sent = SentCommand(wish.principal, wish.key, wish.fingerprint, metadata.command_id, news)
        reached = Head(head.version + len(news), head.link, head.position)
        heavy = loaded.weight + sum(map(weight, happened))
        return Loaded(reached, at if news else loaded.at, state, heavy), sent

    async def _company_of(self, wish: Wish) -> Company | None:
        """The company a production's command is decided against; a company's own command needs no other."""
        if wish.production is None:
            return None
        cached = self.streams.kept(wish.company)
        if cached is not None and not isinstance(wish.command, OpenProduction):
            found: Company | None = cached.state
            return found
        return (await self.streams.newest(wish.company)).state

    async def _refuse(self, turn: _Turn) -> None:
        """Give the refusals of a turn that was decided on the newest state, unless the ledger knows better."""
        for pending, refusal in turn.refused:
            known = await self._log.known(pending.wish.principal, pending.wish.key)
            if known is None:
                pending.fail(refusal)
            else:
                fingerprint, entry = known
                await self._replay(pending, entry if fingerprint == pending.wish.fingerprint else None)

    async def _replay(self, pending: _Pending, entry: LedgerEntry | None) -> None:
        """Answer from the ledger: the first answer again."""
        if entry is None:
            pending.fail(KeyReused())
            return
        recorded = await self._log.read_stream(entry.stream_id, entry.first_version - 1, entry.last_version)
        link = await self._log.link_at(entry.stream_id, entry.last_version)
        happened = tuple(Happened(each.version, each.event_id, each.event) for each in recorded)
        pending.accept(_answer(entry, link, happened, replayed=True))


def _distinct(waiting: list[_Pending]) -> list[_Pending]:
    """The wishes without those whose key comes a second time: they find the first one in the ledger later."""
    return list({(each.wish.principal, each.wish.key): each for each in reversed(waiting)}.values())[::-1]


def _with_roles(metadata: Metadata, wish: Wish, state: Any, of_company: Company | None) -> Metadata:
    roles: tuple[str, ...]
    if wish.production is None:
        roles = company.held(state, wish.actor)
    elif isinstance(wish.command, OpenProduction):
        roles = company.held(of_company, wish.actor)
    else:
        held = production.held(state, of_company, wish.on_behalf_of or wish.actor, metadata)
        roles = tuple(role.value for role in held) or company.held(of_company, wish.actor)  # T5
    return replace(metadata, roles=roles)


def _happened(after: int, events: tuple[NewEvent, ...]) -> tuple[Happened, ...]:
    return tuple(Happened(version, new.event_id, new.event) for version, new in enumerate(events, after + 1))


def _answer(entry: LedgerEntry, link: bytes, happened: tuple[Happened, ...], *, replayed: bool = False) -> Answer:
    return Answer(entry.stream_id, entry.command_id, entry.last_version, entry.position, link, happened, replayed)
