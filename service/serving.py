"""A process that serves: uvicorn over the application, stopped in order by Ctrl-C and SIGTERM."""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
import uvicorn
from typing_extensions import override

from events.envelope import reason
from service import app
from service.connections import BoundedProtocol
from service.database import check_schema, connected, doubt
from service.embedded import Unavailable, revived
from service.rates import Limits
from service.routes.access import Doors
from service.settings import Settings

#: How long requests in flight are waited for when the process stops.
GRACE_SECONDS = 10
#: Whoever takes nothing of what is sent to them for so long is not waited for then; before a stream gives up by itself.
STUCK_SECONDS = 1.0
#: How often a process looks after its embedded PostgreSQL, and at the least when that does not start.
LOOK_SECONDS, LOOK_SECONDS_MAX = 1.0, 60.0

_log = structlog.get_logger()


class Server(uvicorn.Server):
    """uvicorn, but a signal only asks it to stop: whoever started it takes everything else down after it."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.up = asyncio.Event()

    @override
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()

    @override
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leaving = asyncio.create_task(self._leave_who_is_stuck())
        try:
            await super().shutdown(sockets)
        finally:
            leaving.cancel()

    async def _leave_who_is_stuck(self) -> None:
        """An answer that its reader does not take would never have been sent, and its connection never closed."""
        before: dict[Any, int] = {}
        while True:
            unsent = {each: each.transport.get_write_buffer_size() for each in self.server_state.connections}
            for connection, left in unsent.items():
                if left and before.get(connection) == left:
                    connection.transport.abort()
            before = unsent
            await asyncio.sleep(STUCK_SECONDS)

    @override
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        try:
            yield
        finally:
            for each in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(each)


def configure_logs(level: int = logging.INFO) -> None:
    """Structured logs on the error stream: JSON lines, or readable ones on a terminal; what libraries say, too."""
    renderer: structlog.typing.Processor = structlog.processors.JSONRenderer()
    if sys.stderr.isatty():
        renderer = structlog.dev.ConsoleRenderer()
    said: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    told: list[structlog.typing.Processor] = [structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=[*said, *told],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    libraries = logging.StreamHandler(sys.stderr)
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *told],
            foreign_pre_chain=[*said, structlog.stdlib.add_logger_name, _warned],
        )
    )
    logging.basicConfig(handlers=[libraries], level=logging.WARNING, force=True)


def _warned(_: Any, __: str, said: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """What a library warns of passes by itself: the error says enough, without the way to it."""
    if said["level"] == "warning" and (caught := said.pop("exc_info", None)):
        said["error"] = reason(caught[1])
    return said


class CannotListen(Exception):
    """The address or the port cannot be had."""


_ANOTHER_PORT = "Choose another host or port: greenlight serve --port 8001, or make run PORT=8001."


@asynccontextmanager
async def served(
    database_url: str, host: str, port: int, *, project: bool = True, settings: Settings | None = None
) -> AsyncIterator[tuple[asyncio.Task[None], str, Doors]]:
    """A server that answers: its task, its address, and what its doors reach; stopped when the block is left.

    Args:
        settings: of the environment; without them nobody's signed tokens are believed, and nothing is limited.
    """
    async with connected(database_url, pool_size=2) as database:
        await check_schema(database.pool)  # told here in one line, not in a start that fails
    oidc, limits = (None, Limits()) if settings is None else (settings.oidc, settings.limits)
    proxies = None if settings is None else settings.forwarded_allow_ips or None
    application = app.create(database_url, project=project, oidc=oidc, limits=limits)
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        http=BoundedProtocol,
        proxy_headers=proxies is not None,
        forwarded_allow_ips=proxies,
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    try:
        bound = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise CannotListen(
            f"Nothing can listen on {host}:{port}: {str(error.strerror).split(' (')[0]}. {_ANOTHER_PORT}"
        ) from None
    # Head and body of an answer are sent one after the other: the body must not wait until the head is acknowledged,
    # which takes a client 40 ms. What is accepted inherits it; asyncio sets it on sockets of its own making alone.
    bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = Server(config)
    serving = asyncio.create_task(server.serve([bound]))
    up = asyncio.create_task(server.up.wait())
    try:
        await asyncio.wait([serving, up], return_when=asyncio.FIRST_COMPLETED)
        if not server.started:
            raise SystemExit("The service could not start; its log says why.")
        await doubt(application.state.doors.database.pool)
        host, port = bound.getsockname()[:2]
        yield serving, f"http://{host}:{port}", application.state.doors
    finally:
        up.cancel()
        server.should_exit = True
        await serving


async def kept_up(data: Path) -> None:
    """Start the embedded PostgreSQL again whenever it died, until cancelled; ever later when it does not start.

    Whoever shares its folder does so too, and finds it started by the first of them.
    """
    pause = LOOK_SECONDS
    while True:
        await asyncio.sleep(pause)
        try:
            server = await asyncio.to_thread(revived, data)
        except (Unavailable, OSError) as error:
            pause = min(2 * pause, LOOK_SECONDS_MAX)
            _log.error("database_does_not_start", data=str(data), again_in=pause, error=reason(error))
        else:
            pause = LOOK_SECONDS
            if server is not None:
                _log.warning("database_started_again", data=str(data), port=urlsplit(server.service_url).port)


Started = Callable[[str, Doors], Awaitable[None]]


async def serve(
    database_url: str,
    host: str,
    port: int,
    started: Started | None = None,
    *,
    project: bool = True,
    settings: Settings | None = None,
    embedded: Path | None = None,
) -> None:
    """Serve until a signal asks to stop; `started` is called once with the address, before requests are logged.

    Args:
        embedded: the folder of the database, when it is embedded.
    """
    configure_logs(logging.WARNING if started else logging.INFO)
    async with (
        _beside(embedded),
        served(database_url, host, port, project=project, settings=settings) as (serving, address, doors),
    ):
        if started is not None:
            await started(address, doors)
            configure_logs()
        await asyncio.shield(serving)


@asynccontextmanager
async def _beside(embedded: Path | None) -> AsyncIterator[None]:
    keeping = None if embedded is None else asyncio.create_task(kept_up(embedded))
    try:
        yield
    finally:
        if keeping is not None:
            keeping.cancel()


async def project(database_url: str, embedded: Path | None = None) -> None:
    """Keep the read models current, without doors, until a signal asks to stop."""
    configure_logs()
    asked, loop = asyncio.Event(), asyncio.get_running_loop()
    for each in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(each, asked.set)
    async with _beside(embedded), app.opened(database_url, pool_size=4) as doors:
        await doubt(doors.database.pool)
        await asked.wait()
