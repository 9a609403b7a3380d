"""What dashboards ask of a process: counted where it happens as plain numbers, told here in Prometheus' words.

Nothing here names a person or a production, and what a series is told apart by is of a bounded kind: routes as
templates, refusals, read models, outcomes. So the numbers are open to whoever may reach the process, like its
readiness. What the database knows is asked when somebody looks; without it, all the rest is told still.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import Resource
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from projections import PROJECTIONS
from projections.rebuild import UNDER_WAY
from service.problems import slug
from service.routes.access import Doors

_log = structlog.get_logger()

CONTENT_TYPE = CONTENT_TYPE_LATEST
#: How long a look at the database may take.
PATIENCE_SECONDS = 2

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

_FENCE = "SELECT safe_position() AS safe, coalesce(max(position), 0) AS newest FROM events"
#: The age of the first event after each position; none when there is no such event.
_AGES = (
    "SELECT greatest(extract(epoch FROM clock_timestamp() - e.recorded_at), 0)::float FROM unnest($1::bigint[])"
    " WITH ORDINALITY AS p (position, place) LEFT JOIN LATERAL (SELECT e.recorded_at FROM events e"
    " WHERE e.position > p.position ORDER BY e.position LIMIT 1) e ON true ORDER BY p.place"
)
_REBUILDS = f"SELECT projection, folded::float / greatest(events, 1) AS done FROM rebuilds WHERE {UNDER_WAY}"
_KEPT = "SELECT projection FROM checkpoints WHERE held_until > clock_timestamp()"


@dataclass(frozen=True, slots=True)
class Seen:
    """What one look finds."""

    doors: Doors
    database: bool = False
    #: What follows is not there when the database does not answer.
    fence_lag: int | None = None
    #: By read model, like all below.
    events_behind: Mapping[str, float] = field(default_factory=dict)
    seconds_behind: Mapping[str, float] = field(default_factory=dict)
    stopped: Mapping[str, float] = field(default_factory=dict)
    kept: Mapping[str, float] = field(default_factory=dict)
    #: How much is made anew, from 0 to 1, of those that are being rebuilt.
    rebuilt: Mapping[str, float] = field(default_factory=dict)


async def _look(doors: Doors) -> Seen:
    pool = doors.database.pool
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            points = await doors.runner.checkpoints()
            names = [each.name for each in PROJECTIONS]
            at = [points[name].position if name in points else 0 for name in names]
            fence = await pool.fetchrow(_FENCE)
            ages = [row[0] or 0.0 for row in await pool.fetch(_AGES, at)]
            rebuilds = await pool.fetch(_REBUILDS)
            kept = {row["projection"] for row in await pool.fetch(_KEPT)}
    except Exception as error:
        _log.warning("metrics_without_database", error=f"{type(error).__name__}: {error}")
        return Seen(doors)
    assert fence is not None
    return Seen(
        doors,
        True,
        max(fence["newest"] - fence["safe"], 0),
        {name: max(fence["newest"] - position, 0) for name, position in zip(names, at, strict=True)},
        dict(zip(names, ages, strict=True)),
        {name: float(name in points and points[name].error is not None) for name in names},
        {name: float(name in kept) for name in names},
        {row["projection"]: row["done"] for row in rebuilds},
    )


Read = Callable[[Seen], Iterable[Observation]]


def _by(label: str, values: Callable[[Seen], Mapping[str, float]]) -> Read:
    return lambda seen: [Observation(value, {label: name}) for name, value in values(seen).items()]


def _one(value: Callable[[Seen], float]) -> Read:
    return lambda seen: [Observation(value(seen))]


def _refusals(seen: Seen) -> Iterable[Observation]:
    for refusal, times in seen.doors.handling.refused.items():
        yield Observation(times, {"refusal": slug(refusal.__name__), "rule": refusal.rule})


#: Name, meaning and reading of what only grows.
COUNTERS: tuple[tuple[str, str, Read], ...] = (
    ("appends", "Appends to a stream, by what became of them.", _by("outcome", lambda s: s.doors.log.commits.told)),
    ("events_appended", "Events that this process appended.", _one(lambda s: s.doors.log.commits.events)),
    ("commands", "Commands sent, by what their senders were told.", _by("outcome", lambda s: s.doors.handling.told)),
    ("refusals", "Commands refused, by refusal and the rule it guards.", _refusals),
    (
        "state_cache_looks",
        "Looks for a stream's state in memory: there, there but behind, not there.",
        _by("result", lambda s: s.doors.handling.streams.looks),
    ),
)
#: Name, meaning, unit and reading of what goes up and down.
GAUGES: tuple[tuple[str, str, str, Read], ...] = (
    ("database_up", "Whether the database answered this look.", "", _one(lambda s: float(s.database))),
    ("append_queue", "Units that wait for a commit.", "", _one(lambda s: s.doors.log.commits.waiting)),
    ("state_cache_states", "Streams whose state is in memory.", "", _one(lambda s: len(s.doors.handling.streams))),
    ("state_cache", "What these states weigh, as reckoned.", "By", _one(lambda s: s.doors.handling.streams.weight)),
    (
        "streams_not_taken",
        "Streams that hold an event which this process cannot take, as far as it met them: each answers 503.",
        "",
        _one(lambda s: len(s.doors.handling.streams.not_taken)),
    ),
    (
        "fence_lag_positions",
        "From the newest event to the position up to which the log may be read: held back by appends on their way.",
        "",
        lambda s: [] if s.fence_lag is None else [Observation(s.fence_lag)],
    ),
    (
        "projection_lag_events",
        "Positions of the log that the read model has yet to pass: its events, at the most.",
        "",
        _by("projection", lambda s: s.events_behind),
    ),
    (
        "projection_lag",
        "Age of the first event that the read model has yet to pass.",
        "s",
        _by("projection", lambda s: s.seconds_behind),
    ),
    (
        "projection_stopped",
        "Whether the read model stopped at an event that it cannot take.",
        "",
        _by("projection", lambda s: s.stopped),
    ),
    (
        "projection_kept",
        "Whether a process keeps the read model.",
        "",
        _by("projection", lambda s: s.kept),
    ),
    (
        "rebuild_progress_ratio",
        "How much of the read model's rebuild is done, while a process is at it.",
        "",
        _by("projection", lambda s: s.rebuilt),
    ),
)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        self._seen: Seen | None = None
        self._registry = CollectorRegistry()
        reader = PrometheusMetricReader(
            disable_target_info=True, prefix="greenlight", scope_info_enabled=False, registry=self._registry
        )
        provider = MeterProvider([reader], Resource.get_empty(), shutdown_on_exit=False)
        meter = provider.get_meter("greenlight")
        for name, meaning, read in COUNTERS:
            meter.create_observable_counter(name, [self._reading(read)], description=meaning)
        for name, meaning, unit, read in GAUGES:
            meter.create_observable_gauge(name, [self._reading(read)], unit, meaning)
        self._requests = meter.create_histogram(
            "request_duration", "s", "Requests by route and status.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._commits = meter.create_histogram(
            "commit_duration", "s", "Calls that append, until answered.", explicit_bucket_boundaries_advisory=SECONDS
        )
        self._units, self._events = (
            meter.create_histogram(
                f"commit_{what}",
                "",
                f"{what.capitalize()} of one such call.",
                explicit_bucket_boundaries_advisory=SIZES,
            )
            for what in ("units", "events")
        )

    def _reading(self, read: Read) -> Callable[[object], Iterable[Observation]]:
        return lambda _: [] if self._seen is None else read(self._seen)

    def requested(self, route: str, status: int, seconds: float) -> None:
        """A request was answered."""
        self._requests.record(seconds, {"route": route, "status": status})

    def committed(self, units: int, events: int, seconds: float) -> None:
        """The database answered a call that appends."""
        self._commits.record(seconds)
        self._units.record(units)
        self._events.record(events)

    async def told(self, doors: Doors) -> bytes:
        """All numbers as they stand now, in Prometheus' text format."""
        self._seen = await _look(doors)
        return generate_latest(self._registry)
