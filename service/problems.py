"""Where errors become HTTP: problem details (RFC 9457), every one of them.

    Refusal             404, 403 or 409   a rule of the business, with its figures (deciders/refusal.py)
    VersionMismatch     412               the stream is not at the version of If-Match
    KeyReused           422               the idempotency key came with another request
    OutcomeUnknown      503               the database was lost before it answered
    CannotTake          503               the log holds an event that cannot be read, or makes no sense
    HistoryIsBeingRead  503               a long stream is read for the first time in this process
    Problem             its own           the doors' own: who, how and how much
    RequestValidation   422               a body, header or parameter that cannot be read
    database errors     503               the database does not answer, or not in time
    anything else       500               a fault of ours: logged once, told without its insides

`type` is stable and made of the class's name; `detail` says the rule and the figures; `otherwise` says who may
decide otherwise or what to do; `errors` name the field and the rule.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from events.envelope import CannotTake
from events.group_commit import AWAY, OutcomeUnknown
from events.ids import SHAPES
from service.deciders.refusal import Refusal
from service.handling import KeyReused, VersionMismatch
from service.streams import HistoryIsBeingRead

MEDIA_TYPE = "application/problem+json"

_log = structlog.get_logger()


class FieldError(BaseModel):
    """One thing that is wrong with a request."""

    pointer: str = Field(description="JSON pointer into the body; or `header`, `query`, `path` and the name.")
    rule: str = Field(description="What is asked of the field.")


class ProblemDetails(BaseModel):
    """What went wrong, by whose rule, and what to do (RFC 9457)."""

    type: str = Field(description="Stable name of the problem.")
    title: str
    status: int
    detail: str = Field(description="The rule, with the figures of this case.")
    otherwise: str | None = Field(None, description="Who may decide otherwise, or what to do instead.")
    rule: str | None = Field(None, description="The rule's number in the documentation of its decider.")
    figures: dict[str, Any] | None = Field(None, description="The refusal's own values.")
    errors: list[FieldError] | None = Field(None, description="Field by field, when a request cannot be read.")


@dataclass
class Problem(Exception):
    """A problem as the doors tell it; raised by the doors themselves for what is theirs."""

    status: int
    name: str
    detail: str
    otherwise: str | None = None
    errors: Sequence[FieldError] | None = None
    rule: str | None = None
    figures: dict[str, Any] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def slug(name: str) -> str:
    """`BudgetIsLocked` as `budget-is-locked`, and `LoanGoesInACircle` as `loan-goes-in-a-circle`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", name).lower()


def told(refusal: Refusal) -> Problem:
    """A refusal as a problem."""
    figures = TypeAdapter(type(refusal)).dump_python(refusal, mode="json")
    return Problem(
        status=refusal.status,
        name=type(refusal).__name__,
        detail=str(refusal),
        otherwise=refusal.advice(),
        rule=refusal.rule,
        figures=figures or None,
    )


def answer(problem: Problem) -> JSONResponse:
    """The problem as it is sent."""
    details = ProblemDetails(
        type=f"urn:greenlight:problem:{slug(problem.name)}",
        title=slug(problem.name).replace("-", " ").capitalize(),
        status=problem.status,
        detail=problem.detail,
        otherwise=problem.otherwise,
        rule=problem.rule,
        figures=problem.figures,
        errors=None if problem.errors is None else list(problem.errors),
    )
    return JSONResponse(
        details.model_dump(mode="json", exclude_none=True),
        problem.status,
        dict(problem.headers),
        media_type=MEDIA_TYPE,
    )


def head_too_large(bytes_at_most: int, headers_at_most: int) -> JSONResponse:
    """What is answered to a request whose head is too much to be read to its end."""
    said = f"A request line and headers have at most {bytes_at_most:,} bytes, in at most {headers_at_most} headers."
    return answer(Problem(431, "HeadIsTooLarge", said, "Send less beside the body."))


def late_body(seconds: float) -> JSONResponse:
    """What is answered to a request whose body does not come to its end."""
    said = f"The body of the request did not come to its end within {seconds:g} seconds."
    advice = "Send it again under the same Idempotency-Key; it did not happen."
    return answer(Problem(408, "BodyIsLate", said, advice, headers={"Connection": "close"}))


def malformed(errors: Sequence[Any], where: str | None = None) -> Problem:
    """Pydantic's errors as a problem that names every field and what is asked of it."""
    if any(error["type"] == "json_invalid" for error in errors):
        reason = str(errors[0].get("ctx", {}).get("error", "it is no JSON"))
        return Problem(400, "BodyIsNoJson", f"The body cannot be read as JSON: {reason}.", "Send one JSON object.")
    within = {error["loc"][:depth] for error in errors for depth in range(len(error["loc"]))}
    # A list whose entries are wrong is too short only because of them.
    counted = [error for error in errors if error["type"] != "too_short" or error["loc"] not in within]
    said = [FieldError(pointer=_pointer(error["loc"], where), rule=_rule(error)) for error in counted]
    return malformed_fields(said)


def malformed_fields(said: Sequence[FieldError]) -> Problem:
    """A request that cannot be read, field by field."""
    summary = "; ".join(f"{error.pointer}: {error.rule}" for error in said[:3])
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return Problem(422, "RequestIsMalformed", f"{summary}{more}.", "Mend the fields named and send again.", said)


def _pointer(loc: Sequence[Any], where: str | None) -> str:
    if where is None and loc and loc[0] in ("path", "query", "header"):
        return " ".join(str(part) for part in loc)
    parts = [str(part).replace("~", "~0").replace("/", "~1") for part in loc if part != "[key]"]
    return "".join(f"/{part}" for part in parts) or "/"


#: Where pydantic's own words speak of Python, ours.
_RULES = {
    "extra_forbidden": "this field is not known here",
    "unexpected_keyword_argument": "this field is not known here",
    "missing": "this field is required",
    "missing_argument": "this field is required",
    "tuple_type": "send a list",
    "too_short": "send a list of at least {min_length}",
    "too_long": "send a list of at most {max_length}",
    "int_parsing": "send a whole number",
    "bool_parsing": "send true or false",
    "date_parsing": "send a day that there is, such as 2026-11-16",
    "date_from_datetime_parsing": "send a day that there is, such as 2026-11-16",
    "uuid_parsing": "send a UUID, such as 0b1f6a4e-6d52-4a2c-9a27-3f1b6f0f5a11",
    "dataclass_type": "send an object",
    "model_type": "send an object",
}


def _rule(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "string_pattern_mismatch":
        return SHAPES.get(error["ctx"]["pattern"], message)
    if error["type"] in _RULES:
        return _RULES[error["type"]].format_map(error.get("ctx", {}))
    return message[0].lower() + message[1:] if error["type"] != "value_error" else message


def _mismatch(mismatch: VersionMismatch) -> Problem:
    return Problem(
        412,
        "VersionMismatch",
        f"You saw version {mismatch.seen}, but the stream is at version {mismatch.actual}.",
        "Read what happened since, and send again with If-Match of the new version.",
        figures={"seen": mismatch.seen, "actual": mismatch.actual},
    )


def _reused(_: KeyReused) -> Problem:
    return Problem(
        422,
        "KeyReused",
        "This Idempotency-Key came before with another request of yours, which was accepted.",
        "Send a new request under a new key; a retry must be the same to the letter.",
    )


def _unknown(error: OutcomeUnknown) -> Problem:
    _log.warning("outcome_unknown", error=str(error))
    return Problem(
        503,
        "OutcomeUnknown",
        "The database was lost before it answered: the command may or may not have happened.",
        "Send the same request again under the same Idempotency-Key: it happens once in any case.",
        headers={"Retry-After": "1"},
    )


def _away(error: Exception) -> Problem:
    _log.warning("database_is_away", error=str(error))
    advice = "Ask again in a moment; a command under the same Idempotency-Key."
    return Problem(503, "DatabaseIsAway", "The database does not answer.", advice, headers={"Retry-After": "1"})


def late(method: str) -> JSONResponse:
    """What a request is told that is given up: a command may have happened."""
    silence = "no answer within the time limit"
    return answer(_unknown(OutcomeUnknown(silence)) if method == "POST" else _away(TimeoutError(silence)))


def _being_read(_: HistoryIsBeingRead) -> Problem:
    return Problem(
        503,
        "HistoryIsBeingRead",
        "What happened in it so far is being read, which takes a moment of a long history after the service started.",
        "Ask again in a moment; a command under the same Idempotency-Key: it did not happen.",
        headers={"Retry-After": "1"},
    )


#: What PostgreSQL says when a limit on time was reached; the limits of a transaction end the whole connection.
_LIMITS = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)


def _of_query(error: DBAPIError) -> Problem:
    return _away(error) if isinstance(getattr(error.orig, "__cause__", None), (*AWAY, *_LIMITS)) else _fault(error)


def _unreadable(error: RequestValidationError) -> Problem:
    return malformed(error.errors())


def _of_http(error: HTTPException) -> Problem:
    names = {404: "NothingHere", 405: "MethodNotAllowed"}
    details = {404: "There is nothing at this address.", 405: "This address does not take this method."}
    name = names.get(error.status_code, "RequestRefused")
    detail = details.get(error.status_code, str(error.detail))
    return Problem(error.status_code, name, detail, "The addresses are listed at /docs.", headers=error.headers or {})


def _not_taken(error: CannotTake) -> Problem:
    _log.error("event_cannot_be_taken", error=str(error))
    return Problem(
        503,
        "EventCannotBeTaken",
        f"The log holds an event that this version of Greenlight cannot take: {error.where}.",
        "A newer version wrote it, or it was changed since: the operator of the service can tell, by its log and by"
        " greenlight verify.",
        headers={"Retry-After": "60"},
    )


def _fault(error: Exception) -> Problem:
    _log.error("fault", exc_info=error)
    return Problem(500, "Fault", "The service failed on this request; it is logged and will be looked at.")


#: What an error is told as; the most special class of an error counts.
TOLD: Mapping[type[Exception], Callable[[Any], Problem]] = {
    Problem: lambda problem: problem,
    Refusal: told,
    VersionMismatch: _mismatch,
    KeyReused: _reused,
    OutcomeUnknown: _unknown,
    CannotTake: _not_taken,
    HistoryIsBeingRead: _being_read,
    RequestValidationError: _unreadable,
    HTTPException: _of_http,
    asyncpg.PostgresConnectionError: _away,
    asyncpg.OperatorInterventionError: _away,
    asyncpg.InsufficientResourcesError: _away,
    asyncpg.InterfaceError: _away,
    asyncpg.InternalClientError: _away,
    OSError: _away,
    **dict.fromkeys(_LIMITS, _away),
    DBAPIError: _of_query,
    OperationalError: _away,
    InterfaceError: _away,
    Exception: _fault,
}


def _methods(request: Request) -> list[str]:
    """What an address takes: the framework names the methods of one of its routes alone."""
    routes = [route for route in request.app.router.routes if isinstance(route, Route)]
    there = [route for route in routes if route.matches(request.scope)[0] is not Match.NONE]
    return sorted({method for route in there for method in route.methods or ()})


def install(app: FastAPI) -> None:
    """Let every error of the application become a problem."""
    for error, tell in TOLD.items():

        async def told_so(request: Request, raised: Exception, tell: Callable[[Any], Problem] = tell) -> JSONResponse:
            if isinstance(raised, HTTPException) and raised.status_code == 405:
                raised.headers = {"Allow": ", ".join(_methods(request))}
            return answer(tell(raised))

        app.add_exception_handler(error, told_so)
