"""The feed: what happens in a company, every event once and in the order of the log; in pages, or as it happens.

Positions are its only cursor, so a page, a stream and a command's answer can each go on where another one ended.
Administrators read all of the company; everyone else names a production that they hold a role on. What is read does
not change while it is followed: a feed that grew with the reader's roles would have gaps.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Annotated, Any

import anyio
import structlog
from fastapi import APIRouter, Depends, Header, Query, Request, Response
from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from events import EVENTS, AnyEvent
from events.confidential import figures_of
from events.envelope import CannotTake, Recorded
from events.group_commit import AWAY
from events.ids import Slug, StreamId
from events.log import AGAIN_SECONDS, Page, Part
from service.deciders.company import CompanyIsMissing
from service.deciders.confidential import EVERYTHING, NOTHING, Sight
from service.deciders.refusal import Refusal
from service.problems import FieldError, Problem, answer, malformed_fields
from service.rates import TooOften
from service.tail import Kept

from .access import At, CompanySlug, Doors, Person, Sender, authenticated, operation_id, reading, too_often
from .cloud_events import CloudEvent, told
from .listing import JSON, acceptable

EVENT_STREAM = "text/event-stream"
#: How often a stream makes sure that its reader may still read.
CHECK_SECONDS = 2.0
#: A stream that has nothing to tell says so, lest someone on the way takes it for dead.
PING_SECONDS = 15
#: How long a stream may take to end by itself when the service stops.
PARTING_SECONDS = 2.0

router = APIRouter(tags=["Feed"], generate_unique_id_function=operation_id)
_log = structlog.get_logger()


class FeedPage(BaseModel):
    """A piece of the feed."""

    company: Slug
    events: list[CloudEvent] = Field(description="In the order of the log.")
    next: int = Field(description="Send it as `after` for what comes next; nothing up to here is left out.")
    position: int = Field(description="How far the log was complete: when `next` is as far, there is no more yet.")
    withheld: str | SkipJsonSchema[None] = Field(None, description="That an event of the page is not shown in full.")


@dataclass(frozen=True, slots=True)
class Asked:
    """How the feed is asked for."""

    company: CompanySlug
    production: Annotated[Slug | None, Query(description="What happens on it; without it, in all the company.")] = None
    kind: Annotated[
        str | None,
        Query(max_length=2000, description="Of event, such as `SpendLogged`; several with commas between."),
    ] = None
    after: Annotated[
        int, Query(ge=0, lt=2**62, description="A position: `next` of a page, or what a command answered.")
    ] = 0
    limit: Annotated[int, Query(ge=1, le=500, description="Events a page, at the most.")] = 100
    last_event_id: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=0,
            lt=2**62,
            description="Resumes a stream after the event of this `id`, whatever `after` says.",
        ),
    ] = None
    accept: Annotated[str, Header(description="`application/json` (a page) or `text/event-stream`.")] = JSON

    @property
    def media_type(self) -> str | None:
        """What is asked for: a page, a stream, or nothing that the feed can be."""
        return acceptable(self.accept, JSON, EVENT_STREAM)

    @property
    def streamed(self) -> bool:
        """Whether a stream is asked for."""
        return self.media_type == EVENT_STREAM

    @property
    def cursor(self) -> tuple[str, int]:
        """Which parameter says where to start, and where."""
        if self.streamed and self.last_event_id is not None:
            return "header Last-Event-ID", self.last_event_id
        return "query after", self.after


@router.get("/v1/{company}/events", name="events", response_model=FeedPage, response_model_exclude_none=True)
async def get_events(
    asked: Annotated[Asked, Depends()], request: Request, sender: Sender, at: At, response: Response
) -> FeedPage | Response:
    """What happens, event by event, as CloudEvents: a page of it, or all from a position on and then as it happens."""
    part, sights = await _part(at, sender, asked)
    if asked.media_type is None:
        raise Problem(
            406,
            "NothingIsAcceptable",
            f"The feed is {JSON} or {EVENT_STREAM}, and the request takes neither.",
            "Accept one of them, or say nothing.",
        )
    page = await _page(at, part, asked)
    if asked.streamed:
        leaving = anyio.Event()
        return _Counted(
            at,
            sender.credential,
            _stream(at, part, page, asked, sights, request, leaving),
            ping=PING_SECONDS,
            shutdown_event=leaving,
            shutdown_grace_period=PARTING_SECONDS,
        )
    response.headers["Position"] = str(page.complete)
    events = [told(recorded, await sights.of(recorded.stream_id)) for recorded in page.events]
    withheld = next((each.withheld for each in events if each.withheld), None)
    if withheld is not None:
        response.headers["Withheld"] = withheld
    return FeedPage(company=asked.company, events=events, next=page.reached, position=page.complete, withheld=withheld)


class _Counted(EventSourceResponse):
    """A stream that counts as one of its credential's for as long as it is open; one too many is refused."""

    def __init__(self, at: Doors, credential: str, *parts: Any, **more: Any) -> None:
        super().__init__(*parts, **more)
        self._at = at
        self._credential = credential

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            with self._at.rates.stream(self._credential):
                await super().__call__(scope, receive, send)
        except TooOften as often:
            said = f"{self._credential} has {often.limit} streams open."
            await answer(too_often("TooManyStreams", said, often))(scope, receive, send)


class Sights:
    """What somebody may read of each production that they are told about: looked up once, since it does not change."""

    def __init__(self, at: Doors, sender: Person, known: dict[StreamId, Sight]) -> None:
        self._at = at
        self._sender = sender
        self._known = known

    async def of(self, stream_id: StreamId) -> Sight:
        """What they may read of a stream's events."""
        if stream_id not in self._known:
            self._known[stream_id] = await self._look(*stream_id.split("/"))
        return self._known[stream_id]

    async def in_time(self, stream_id: StreamId) -> Sight:
        """The same; a database that is away is waited for."""
        while True:
            try:
                return await self.of(stream_id)
            except AWAY as error:
                _log.warning("feed_waits_for_database", stream=stream_id, error=str(error))
                await asyncio.sleep(AGAIN_SECONDS)

    async def _look(self, company: Slug, production: Slug | None = None) -> Sight:
        if production is None or self._sender.of_company.reads_confidential(self._sender.person):
            return EVERYTHING
        try:
            return (await reading(self._at, self._sender, company, production)).sight
        except (Problem, Refusal, CannotTake):
            return NOTHING  # of which nobody can say what they may read

    async def are(self, now: "Sights") -> bool:
        """Whether the same person may read the same now of all that they were told about."""
        return all([await now.of(stream_id) == before for stream_id, before in self._known.items()])


async def _part(at: Doors, sender: Person, asked: Asked) -> tuple[Part, Sights]:
    """What is asked for, if the sender may read it, and what of it they may read."""
    types = None if asked.kind is None else _kinds(asked.kind)
    if sender.company != asked.company:
        raise CompanyIsMissing()
    if asked.production is not None:
        found = await reading(at, sender, asked.company, asked.production)
        return Part(asked.company, found.stream_id, types), Sights(at, sender, {found.stream_id: found.sight})
    if not sender.of_company.is_administrator(sender.person):
        raise Problem(
            403,
            "ReadingNeedsARole",
            f"{sender.person} is no administrator of the company, and may not read all that happens in it.",
            "Name a production that you hold a role on, as in production=the-long-take.",
        )
    return Part(asked.company, None, types), Sights(at, sender, {})


def _kinds(asked: str) -> list[str]:
    """The names of events that are asked for; one that there is not is told with its nearest."""
    names = list(dict.fromkeys(asked.split(",")))
    errors = []
    for name in names:
        if name not in EVENTS:
            near = get_close_matches(name, EVENTS, 1)
            known = f"the nearest is {near[0]}" if near else "the kinds are listed in /asyncapi.json"
            errors.append(FieldError(pointer="query kind", rule=f"{name!r} is no kind of event, {known}"))
    if errors:
        raise malformed_fields(errors)
    return names


async def _page(at: Doors, part: Part, asked: Asked) -> Page:
    """The first page of what is asked for."""
    said_by, after = asked.cursor
    page = await at.log.page(after, asked.limit, part)
    # An append in flight may hold the log incomplete below an event that its writer knows of already.
    if after > page.complete:
        last = await at.database.pool.fetchval("SELECT coalesce(max(position), 0) FROM events")
        if after > last:
            said = f"Position {after} is ahead of the log, whose last event is at {last}."
            rule = "send what a page, an event or a command told as its position"
            error = FieldError(pointer=said_by, rule=rule)
            raise Problem(422, "CursorIsUnknown", said, f"Start after {last} for what comes next.", [error])
    return page


async def _stream(
    at: Doors, part: Part, page: Page, asked: Asked, sights: Sights, request: Request, leaving: anyio.Event
) -> AsyncIterator[bytes]:
    """The events as they are sent, until the reader or the service leaves, or the reader may read less or more."""
    loop = asyncio.get_running_loop()
    check_at = loop.time() + CHECK_SECONDS * 3 / 4
    try:
        async with aclosing(_each(at, part, page, asked.limit)) as batches:
            async for found in batches:
                if leaving.is_set():
                    return
                if loop.time() >= check_at:
                    if not await _may_still_read(at, asked, sights, request):
                        return
                    check_at = loop.time() + CHECK_SECONDS * 3 / 4
                if found:
                    yield await _said(found, sights)
    except CannotTake as error:  # whoever comes again is told so
        _log.error("feed_stopped", company=asked.company, error=str(error))


async def _each(at: Doors, part: Part, page: Page, limit: int) -> AsyncGenerator[Sequence[Kept], None]:
    """The events of the page and those after it, some at a time; none when there are no more for the moment."""
    yield [Kept(each, each.position) for each in page.events]
    async with aclosing(at.tail.follow(page.reached, part, limit)) as following:
        async for found in following:
            yield found


async def _said(found: Sequence[Kept], sights: Sights) -> bytes:
    """Events as messages of a stream."""
    said = []
    for kept in found:
        assert not isinstance(kept.event, CannotTake)
        sight = await sights.in_time(kept.event.stream_id)
        shown = sight.withheld is None or sight.shows(figures_of(kept.event.event))
        said.append(kept.once(None if shown else sight.withheld, partial(_message, kept.event, sight)))
    return b"".join(said)


def _message(recorded: Recorded[AnyEvent], sight: Sight) -> bytes:
    event = told(recorded, sight).model_dump_json(exclude_none=True)
    return ServerSentEvent(event, id=str(recorded.position)).encode()


async def _may_still_read(at: Doors, asked: Asked, sights: Sights, request: Request) -> bool:
    """Whether the reader's token, membership and role still stand, and they may read neither less nor more."""
    key = (request.headers.get("authorization"), asked.company, asked.production)
    try:
        now = await at.tail.alike(key, CHECK_SECONDS / 4, partial(_now, at, asked, request))
        return now is not None and await sights.are(now)
    except AWAY:
        return True  # nothing can be read meanwhile either


async def _now(at: Doors, asked: Asked, request: Request) -> Sights | None:
    """What may be read now, by everybody who comes so; None where nothing may."""
    try:
        return (await _part(at, await authenticated(request), asked))[1]
    except (Problem, Refusal):
        return None
