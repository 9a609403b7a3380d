"""The application: everything put together once, served, and taken down in order."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from fastapi_offline import FastAPIOffline
from sqlalchemy import text
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from events.bells import Bells
from events.log import Log
from projections.runner import LEASE_SECONDS, Progress, Runner
from service import problems
from service.api_keys import ApiKeys
from service.database import check_schema, connected
from service.directory import Directory
from service.handling import Handling
from service.identity import Identity, Tokens
from service.metrics import CONTENT_TYPE, Metrics
from service.oidc import Identities, Oidc, provided
from service.rates import Limits, Rates
from service.routes import (
    advances,
    asyncapi,
    budget_files,
    budgets,
    commands,
    costs,
    explained,
    feed,
    hot_costs,
    issued,
    members,
    openapi,
    periods,
    queries,
    slate,
    withholding,
)
from service.routes.access import Doors, operation_id
from service.tail import Tail

#: Facts and rows refer to nothing that refers back: looking for circles among them less often than Python does by
#: itself makes reading the past a quarter faster; often enough that no look keeps others waiting for long (15 ms; 70 at
#: five times as many).
GARBAGE = (10_000, 50, 40)

#: Until the first byte of an answer; what takes longer waits for a database that was lost.
ANSWER_SECONDS = 10.0

#: A view that is behind for longer than a takeover takes is late.
LATE_SECONDS = 2 * LEASE_SECONDS
#: A view is told to be behind by so many events at the most.
COUNTED = 1000

_NONE = Limits()
_log = structlog.get_logger()


def now() -> datetime:
    """The clock of the process."""
    return datetime.now(UTC)


@asynccontextmanager
async def opened(
    database_url: str, pool_size: int = 10, *, project: bool = True, oidc: Oidc | None = None, limits: Limits = _NONE
) -> AsyncIterator[Doors]:
    """Everything that the doors reach, until the block is left.

    Args:
        project: keep the read models current in this process too.
        oidc: whose signed tokens are believed.
        limits: how often requests may come.
    """
    gc.set_threshold(*GARBAGE)
    async with connected(database_url, pool_size) as database, provided(oidc) as provider:
        await check_schema(database.pool)
        bells = Bells()
        runner, log, directory = Runner(database.work, bells=bells), Log(database.pool), Directory(database.pool)
        handling = Handling(log, directory, now, uuid4, bells.tell_appended)
        at_work = [asyncio.create_task(bells.wire(database.connect))]
        if project:
            at_work.append(asyncio.create_task(runner.run()))
        try:
            yield Doors(
                database,
                log,
                handling,
                directory,
                Identity(database.pool, provider),
                Tokens(database.pool),
                ApiKeys(database.pool),
                Identities(database.pool),
                Rates(limits),
                runner,
                bells,
                Tail(log, bells.appended),
                now,
            )
        finally:
            await handling.drain()
            for task in at_work:
                task.cancel()
            await asyncio.gather(*at_work, return_exceptions=True)


def create(
    database_url: str, pool_size: int = 10, *, project: bool = True, oidc: Oidc | None = None, limits: Limits = _NONE
) -> FastAPI:
    """The service over one database; other processes keep the read models if this one does not."""
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with opened(database_url, pool_size, project=project, oidc=oidc, limits=limits) as doors:
            doors.log.commits.answered = metrics.committed
            app.state.doors, app.state.metrics = doors, metrics
            yield

    app = FastAPIOffline(
        title="Greenlight",
        version="0.1.0",
        description=__doc__,
        lifespan=lifespan,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    problems.install(app)
    # Not `include_router`, under which every request is matched twice.
    of_companies = (*commands.router().routes, *members.router.routes)
    of_views = (queries, costs, explained, hot_costs, slate, periods, issued, advances, withholding)
    views = [route for each in (*of_views, budgets, budget_files) for route in each.router.routes]
    app.router.routes.extend((*of_companies, *views, *feed.router.routes, *asyncapi.router.routes))
    app.add_api_route("/livez", livez, tags=["Operation"], name="livez")
    app.add_api_route("/readyz", readyz, tags=["Operation"], name="readyz")
    app.add_api_route("/metrics", told_metrics, tags=["Operation"], name="metrics", response_class=PlainTextResponse)
    app.add_middleware(AnsweredInTime)
    app.add_middleware(ToldInOneLine, requested=metrics.requested)
    openapi.describe(app)
    return app


async def livez() -> dict[str, str]:
    """The process is alive."""
    return {"status": "alive"}


async def readyz(request: Request) -> Response:
    """The database answers and every view is there, else 503.

    A view that stopped, that nobody keeps, or that is behind for long is told, and takes nothing out of service; so
    does a stream that holds an event which this process cannot take.
    """
    doors: Doors = request.app.state.doors
    try:
        async with asyncio.timeout(2):
            async with doors.database.engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
            views = await doors.runner.progress(COUNTED)
    except Exception as error:
        said = f"does not answer ({type(error).__name__})"
        return JSONResponse({"status": "not ready", "database": said}, 503)
    not_ready = any(each.state == "building" for each in views)
    not_taken = len(doors.handling.streams.not_taken)
    status = "not ready" if not_ready else "degraded" if not_taken or any(map(_degraded, views)) else "ready"
    told: dict[str, Any] = {"status": status, "views": {each.projection: _told(each) for each in views}}
    told |= {"streams_not_taken": not_taken} if not_taken else {}
    return JSONResponse(told, 503 if not_ready else 200)


def _degraded(view: Progress) -> bool:
    return view.state == "stopped" or view.holder is None or (view.seconds or 0.0) > LATE_SECONDS


def _told(view: Progress) -> dict[str, Any]:
    if view.state == "building":
        return {"state": "building"}
    told: dict[str, Any] = {"state": view.state, "position": view.position, "kept_by": view.holder or "nobody"}
    if view.events:
        told |= {"events": view.events, "seconds": round(view.seconds or 0.0, 1)}
    if view.error is None:
        return told
    # Whoever asks bears no token: what an event says is for those who may read it.
    return told | {
        "error": f"stopped behind position {view.position}; `greenlight projections` says before what, and why"
    }


async def told_metrics(request: Request) -> Response:
    """What the process counts, in Prometheus' text format; it names no person and no production."""
    doors, metrics = request.app.state.doors, request.app.state.metrics
    return Response(await metrics.told(doors), media_type=CONTENT_TYPE)


class ToldInOneLine:
    """One line of the log for every request, and one count: no body, no query, no token."""

    def __init__(self, app: ASGIApp, requested: Callable[[str, int, float], None]) -> None:
        self._app = app
        self._requested = requested

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and tell of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            seconds = time.perf_counter() - started
            self._requested(getattr(scope.get("route"), "path", "none"), status, seconds)
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                person=scope.get("state", {}).get("person"),
                ms=round(seconds * 1000, 1),
            )


class AnsweredInTime:
    """An answer to every request within a time limit; once it has begun, it may take as long as it takes.

    What is answered to somebody in particular is kept by nobody on the way.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request, or say that nothing is known of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        waits_for_body = False

        async def taken() -> Message:
            nonlocal waits_for_body
            waits_for_body = True
            message = await receive()
            waits_for_body = False
            return message

        async def begun(message: Message) -> None:
            if message["type"] == "http.response.start":
                limit.reschedule(None)
                if scope.get("path", "").startswith("/v1/"):
                    headers = [each for each in message["headers"] if each[0].lower() != b"cache-control"]
                    message = {**message, "headers": [*headers, (b"cache-control", b"no-store")]}
            await send(message)

        try:
            async with asyncio.timeout(ANSWER_SECONDS) as limit:
                await self._app(scope, taken, begun)
        except TimeoutError:
            if not limit.expired():
                raise
            late = problems.late_body(ANSWER_SECONDS) if waits_for_body else problems.late(scope["method"])
            await late(scope, receive, send)
