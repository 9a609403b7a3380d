"""Where errors become HTTP: problem details (RFC 9457), every one of them.

    Refusal             404, 403 or 409   a rule of the business, with its figures (deciders/refusal.py)
    VersionMismatch     412               the stream is not at the version of If-Match
    KeyReused           422               the idempotency key came with another request
    OutcomeUnknown      503               the database was lost before it answered
    Problem             its own           the doors' own: who, how and how much
    RequestValidation   422               a body, header or parameter that cannot be read
    anything else       500               a fault of ours: logged once, told without its insides

`type` is stable and made of the class's name; `detail` says the rule and the figures; `otherwise` says who may
decide otherwise or what to do; `errors` name the field and the rule.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.exceptions import HTTPException

from events.log import OutcomeUnknown
from service.deciders.refusal import Refusal
from service.handling import KeyReused, VersionMismatch

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
    errors: list[FieldError] | None = Field(
        None, description="Field by field, when a request cannot be read."
    )


@dataclass
class Problem(Exception):
    """A problem of the doors themselves."""

    status: int
    name: str
    detail: str
    otherwise: str | None = None
    errors: Sequence[FieldError] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def slug(name: str) -> str:
    """`BudgetIsLocked` as `budget-is-locked`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower()


def _title(name: str) -> str:
    return slug(name).replace("-", " ").capitalize()


def told(refusal: Refusal) -> ProblemDetails:
    """A refusal as a problem."""
    name = type(refusal).__name__
    figures = TypeAdapter(type(refusal)).dump_python(refusal, mode="json")
    return ProblemDetails(
        type=f"urn:greenlight:problem:{slug(name)}",
        title=_title(name),
        status=refusal.status,
        detail=str(refusal),
        otherwise=refusal.advice(),
        rule=refusal.rule,
        figures=figures or None,
    )


def _response(problem: ProblemDetails, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse(
        problem.model_dump(mode="json", exclude_none=True),
        problem.status,
        dict(headers or {}),
        media_type=MEDIA_TYPE,
    )


def _of_problem(problem: Problem) -> JSONResponse:
    details = ProblemDetails(
        type=f"urn:greenlight:problem:{slug(problem.name)}",
        title=_title(problem.name),
        status=problem.status,
        detail=problem.detail,
        otherwise=problem.otherwise,
        errors=None if problem.errors is None else list(problem.errors),
    )
    return _response(details, problem.headers)


def malformed(errors: Sequence[Any], where: str | None = None) -> Problem:
    """Pydantic's errors as a problem that names every field and what is asked of it."""
    if any(error["type"] == "json_invalid" for error in errors):
        reason = str(errors[0].get("ctx", {}).get("error", "it is no JSON"))
        return Problem(
            400, "BodyIsNoJson", f"The body cannot be read as JSON: {reason}.", "Send one JSON object."
        )
    said = [FieldError(pointer=_pointer(error["loc"], where), rule=_rule(error)) for error in errors]
    summary = "; ".join(f"{error.pointer}: {error.rule}" for error in said[:3])
    more = f"; and {len(said) - 3} more" if len(said) > 3 else ""
    return Problem(
        422, "RequestIsMalformed", f"{summary}{more}.", "Mend the fields named and send again.", said
    )


def _pointer(loc: Sequence[Any], where: str | None) -> str:
    if where is None and loc and loc[0] in ("path", "query", "header"):
        return " ".join(str(part) for part in loc)
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in loc) or "/"


def _rule(error: Any) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return {
        "extra_forbidden": "this field is not known here",
        "missing": "this field is required",
    }.get(error["type"], message[0].lower() + message[1:])


def install(app: FastAPI) -> None:
    """Let every error of the application become a problem."""

    async def on_refusal(_: Request, refusal: Exception) -> JSONResponse:
        assert isinstance(refusal, Refusal)
        return _response(told(refusal))

    async def on_problem(_: Request, problem: Exception) -> JSONResponse:
        assert isinstance(problem, Problem)
        return _of_problem(problem)

    async def on_mismatch(_: Request, mismatch: Exception) -> JSONResponse:
        assert isinstance(mismatch, VersionMismatch)
        details = ProblemDetails(
            type="urn:greenlight:problem:version-mismatch",
            title="Version mismatch",
            status=412,
            detail=f"You saw version {mismatch.seen}, but the stream is at version {mismatch.actual}.",
            otherwise="Read what happened since, and send again with If-Match of the new version.",
            figures={"seen": mismatch.seen, "actual": mismatch.actual},
        )
        return _response(details)

    async def on_reuse(_: Request, __: Exception) -> JSONResponse:
        reused = Problem(
            422,
            "KeyReused",
            "This Idempotency-Key came before with another request of yours, which was accepted.",
            "Send a new request under a new key; a retry must be the same to the letter.",
        )
        return _of_problem(reused)

    async def on_unknown(_: Request, error: Exception) -> JSONResponse:
        _log.warning("outcome_unknown", error=str(error))
        unknown = Problem(
            503,
            "OutcomeUnknown",
            "The database was lost before it answered: the command may or may not have happened.",
            "Send the same request again under the same Idempotency-Key: it happens once in any case.",
            headers={"Retry-After": "1"},
        )
        return _of_problem(unknown)

    async def on_unreadable(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError | ValidationError)
        return _of_problem(malformed(error.errors()))

    async def on_http(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        names = {404: "NothingHere", 405: "MethodNotAllowed"}
        details = {404: "There is nothing at this address.", 405: "This address does not take this method."}
        name = names.get(error.status_code, "RequestRefused")
        detail = details.get(error.status_code, str(error.detail))
        advice = "The addresses are listed at /docs."
        return _of_problem(Problem(error.status_code, name, detail, advice, headers=error.headers or {}))

    async def on_fault(_: Request, error: Exception) -> JSONResponse:
        _log.error("fault", exc_info=error)
        fault = Problem(
            500, "Fault", "The service failed on this request; it is logged and will be looked at."
        )
        return _of_problem(fault)

    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(VersionMismatch, on_mismatch)
    app.add_exception_handler(KeyReused, on_reuse)
    app.add_exception_handler(OutcomeUnknown, on_unknown)
    app.add_exception_handler(RequestValidationError, on_unreadable)
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(Exception, on_fault)
