"""One route per command class, derived from it: the body *is* the command.

`POST /v1/{company}/{production}/{command-name}`, and `POST /v1/{company}/{command-name}` for the company's own.
"""

import json
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, TypeVar, get_args
from uuid import UUID, uuid4

import msgspec
from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field, ValidationError
from pydantic.json_schema import SkipJsonSchema
from typing_extensions import override

from events import codec
from events.confidential import figures_of
from events.ids import PersonId, Slug, StreamId, shape
from service.deciders import company, decision
from service.deciders.approval import CannotTakeEffect, ContentHasChanged, OnRound
from service.deciders.command import Command
from service.deciders.commitment import RaiseRequisition, WithdrawRequisition
from service.deciders.company import (
    AdmitMember,
    CompanyIsMissing,
    DismissMember,
    InviteMember,
    ReinstateMember,
    SuspendMember,
    WithdrawInvitation,
)
from service.deciders.confidential import EVERYTHING, NOTHING, Sight
from service.deciders.decision import ProductionCommand
from service.deciders.delegation import DelegateAuthority, EndAbsence, RevokeDelegation, SetAbsence
from service.deciders.production import OpenProduction, ProductionIsMissing
from service.deciders.refusal import Refusal
from service.handling import Answer, Wish
from service.identity import end_all
from service.problems import FieldError, Problem, malformed, malformed_fields, slug

from .access import CompanySlug, Doors, Person, ProductionSlug, Sender, authenticated, operation_id, reading, twice
from .issued import with_report
from .naming import entered

#: Larger than the largest budget that a command may set.
BODY_BYTES = 4 * 1024 * 1024

COMPANY_COMMANDS: tuple[type[Command], ...] = (
    *(AdmitMember, InviteMember, WithdrawInvitation, DismissMember, SuspendMember, ReinstateMember),
    *(DelegateAuthority, RevokeDelegation, SetAbsence, EndAbsence),
)
PRODUCTION_COMMANDS: tuple[type[Command], ...] = get_args(ProductionCommand)
#: Those that ask for no production that is there already.
_IN_COMPANY = (*COMPANY_COMMANDS, OpenProduction)

#: Words that stand where a slug could, so that no company or production may be called by them.
RESERVED = frozenset(
    {
        *("inbox", "events", "productions", "members", "people", "keys", "tokens", "identities", "accept-invitation"),
        *("delegations", "directory-changes", "slate"),
        *map(slug, (c.__name__ for c in COMPANY_COMMANDS)),
    }
)


class HappenedEvent(BaseModel):
    """A fact that the command made."""

    version: int = Field(description="Its place in the stream.")
    type: str
    event_id: UUID
    data: dict[str, Any] | SkipJsonSchema[None] = Field(None, description="The fact, unless it is `withheld`.")
    withheld: str | SkipJsonSchema[None] = Field(None, description="That `data` is not shown to the sender's roles.")


class CommandAnswer(BaseModel):
    """What the command led to."""

    stream: StreamId
    command_id: UUID
    version: int = Field(description="Of the stream after the command.")
    position: int = Field(description="Of the log: send it as `at_least` to read a view that shows the command.")
    link: str | None = Field(
        description="SHA-256 that ties the stream's history up to this version; keep it to check the log by."
    )
    events: list[HappenedEvent] = Field(description="Empty when the command changed nothing.")
    dry_run: bool = False


Key = Annotated[
    str,
    shape(r"^[\x21-\x7e]+$", "use letters, digits and signs of ASCII, without spaces", max_length=128),
    Header(
        alias="Idempotency-Key",
        description="Chosen by you, one for each wish: the same key with the same request happens once, for ever.",
        min_length=1,
        examples=["8b2f6c1e-log-spend-0417"],
    ),
]
IfMatch = Annotated[
    Annotated[str, shape(r'^"[0-9]{1,18}"$', 'send a version in double quotes, such as "12"')] | None,
    Header(
        alias="If-Match",
        description='The ETag of the view you decided on, such as `"12"`; refused when the stream moved on.',
    ),
]
OnBehalfOf = Annotated[
    PersonId | None,
    Header(
        alias="On-Behalf-Of",
        description="Whom you act for: somebody who delegated this to you, or whose substitute you are.",
        examples=["adele"],
    ),
]
DryRun = Annotated[bool, Query(description="Answer what would happen, and append nothing.")]


class CommandRoute(APIRoute):
    """A route whose plain requests are read by hand, which takes a tenth of the time.

    Plain is what nearly every command is: slugs and a key that are well formed, and nothing else beside the body.
    All others go the framework's way, which knows what to say of them.
    """

    @override
    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        ordinary, endpoint = super().get_route_handler(), self.endpoint

        async def handler(request: Request) -> Response:
            keys, path = request.headers.getlist("idempotency-key"), request.path_params
            if len(keys) > 1:
                raise twice("Idempotency-Key")
            plain = (
                len(keys) == 1
                and _PLAIN_KEY(keys[0])
                and all(map(_PLAIN_SLUG, path.values()))
                and not request.scope["query_string"]
                and "if-match" not in request.headers
                and "on-behalf-of" not in request.headers
            )
            if not plain:
                return await ordinary(request)
            answered: Response = await endpoint(request, **path, sender=await authenticated(request), key=keys[0])
            return answered

        return handler


_PLAIN_KEY = re.compile(r"[\x21-\x7e]{1,128}").fullmatch
_PLAIN_SLUG = re.compile(r"(?=.{1,64}$)[a-z][a-z0-9]*(-[a-z0-9]+)*").fullmatch


@cache
def router() -> APIRouter:
    """The routes of all commands, made once: to look at every parameter of each takes a while."""
    routes = APIRouter(generate_unique_id_function=operation_id, route_class=CommandRoute)
    for command in COMPANY_COMMANDS:
        _add(routes, "/v1/{company}/", command, _of_company(command), "Company")
    for command in PRODUCTION_COMMANDS:
        _add(routes, "/v1/{company}/{production}/", command, _of_production(command), "Commands")
    return routes


def refusals(command: type[Command]) -> tuple[type[Any], ...]:
    """Every refusal a route can answer with."""
    if command is OpenProduction:
        return (CompanyIsMissing, *command.refusals)
    if command in PRODUCTION_COMMANDS:
        return decision.refusals(command)
    return company.refusals(command)


Endpoint = Callable[..., Awaitable[Response]]
M = TypeVar("M", bound=BaseModel)


def _add(routes: APIRouter, prefix: str, command: type[Command], endpoint: Endpoint, tag: str) -> None:
    routes.add_api_route(
        prefix + slug(command.__name__),
        endpoint,
        methods=["POST"],
        status_code=201,
        response_model=CommandAnswer,
        name=slug(command.__name__).replace("-", "_"),
        summary=slug(command.__name__).replace("-", " ").capitalize(),
        description=command.__doc__,
        tags=[tag],
        openapi_extra={"requestBody": _body(command)},
    )


def _body(command: type[Command]) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{command.__name__}"}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _of_production(command: type[Command]) -> Endpoint:
    async def endpoint(
        request: Request,
        company: CompanySlug,
        production: ProductionSlug,
        sender: Sender,
        key: Key,
        if_match: IfMatch = None,
        behalf: OnBehalfOf = None,
        dry_run: DryRun = False,
    ) -> Response:
        if command is OpenProduction and production in RESERVED:
            raise Problem(422, "NameIsReserved", f"No production can be called {production}.", "Choose another.")
        return await _send(request, command, sender, company, production, key, if_match, behalf, dry_run=dry_run)

    return endpoint


def _of_company(command: type[Command]) -> Endpoint:
    async def endpoint(
        request: Request,
        company: CompanySlug,
        sender: Sender,
        key: Key,
        if_match: IfMatch = None,
        dry_run: DryRun = False,
    ) -> Response:
        return await _send(request, command, sender, company, None, key, if_match, None, dry_run=dry_run)

    return endpoint


async def _send(
    request: Request,
    command: type[Command],
    sender: Person,
    company: Slug,
    production: Slug | None,
    key: str,
    if_match: str | None,
    behalf: PersonId | None,
    *,
    dry_run: bool,
) -> Response:
    if sender.company != company:
        # Another company, and all that it has, does not exist for the sender.
        raise CompanyIsMissing() if command in _IN_COMPANY else ProductionIsMissing()
    if behalf is not None and sender.key_id is not None:
        advice = "Send it without On-Behalf-Of; a person acts for another one themselves."
        raise Problem(403, "KeyActsForItsOwner", f"{sender.key_id} acts for its owner and for nobody else.", advice)
    at: Doors = request.app.state.doors
    wish = Wish(
        company=company,
        production=production,
        command=await read(command, request),
        actor=sender.person,
        key=key,
        correlation_id=_correlation(request),
        source="api" if sender.key_id is None else "key",
        credential=sender.key_id,
        authenticated_at=sender.authenticated_at,
        if_match=None if if_match is None else int(if_match.strip('"')),
        on_behalf_of=None if behalf == sender.person else behalf,
    )
    await entered(at, wish)
    wish = await with_report(at, sender, wish, keeps=not dry_run)
    try:
        answer = await (at.handling.rehearse(wish) if dry_run else at.handling.handle(wish))
    except (ContentHasChanged, CannotTakeEffect) as refusal:
        shown = (await _sight(at, sender, wish)).withheld is None
        raise refusal if shown else _without_figures(refusal) from None
    if isinstance(wish.command, DismissMember) and not dry_run:
        await ended(at, company, wish.command.person)
    headers = {} if dry_run else {"ETag": f'"{answer.version}"', "Position": str(answer.position)}
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    # Written here and not by the framework, which would check our own answer once more.
    sight = await _sight(at, sender, wish, answer)
    return Response(told(answer, sight), 200 if dry_run else 201, headers, "application/json")


async def ended(at: Doors, company: Slug, person: PersonId) -> None:
    """End what let somebody in who was dismissed; whoever was admitted again since keeps what was made since."""
    of_company = await at.handling.company(company)
    if of_company is not None and person in of_company.dismissed:
        await end_all(at.database.pool, company, person, of_company.dismissed[person].at)


async def _sight(at: Doors, sender: Person, wish: Wish, answer: Answer | None = None) -> Sight:
    """What the sender may read of what a command leads to.

    Answers to rounds are sent by all roles, and requisitions by department heads; whoever sends anything else reads it
    all, or makes nothing with a figure.
    """
    if wish.production is None or not isinstance(wish.command, OnRound | RaiseRequisition | WithdrawRequisition):
        return EVERYTHING
    if answer is not None and all(figures_of(each.event) == () for each in answer.events):
        return EVERYTHING  # there is nothing that is not for all
    try:
        return (await reading(at, sender, wish.company, wish.production)).sight
    except (Problem, Refusal):
        return NOTHING  # a replay, to somebody whose role ended


def _without_figures(refusal: ContentHasChanged | CannotTakeEffect) -> Refusal:
    """The same refusal without the hash by which figures could be tried, and without what it quotes of them."""
    if isinstance(refusal, ContentHasChanged):
        return replace(refusal, asked=None, compared="which differs from it")
    return replace(refusal, because="the reason is not shown to your roles")


def told(answer: Answer, sight: Sight = EVERYTHING) -> bytes:
    """The answer as it is sent: a `CommandAnswer`, with its events as they are stored."""
    return msgspec.json.encode(
        {
            "stream": answer.stream_id,
            "command_id": answer.command_id,
            "version": answer.version,
            "position": answer.position,
            "link": None if answer.link is None else answer.link.hex(),
            "events": [
                {
                    "version": each.version,
                    "type": type(each.event).__name__,
                    "event_id": each.event_id,
                }
                | (
                    {"data": msgspec.Raw(codec.encode(each.event).encode())}
                    if sight.shows(figures_of(each.event))
                    else {"withheld": sight.withheld}
                )
                for each in answer.events
            ],
            "dry_run": answer.dry_run,
        }
    )


async def read(model: type[M], request: Request) -> M:
    """The body of a request, strict to the letter."""
    return _read(model, await _json(request))


async def _json(request: Request) -> bytes:
    if media_type_of(request) != "application/json":
        raise Problem(
            415,
            "ContentTypeIsNotJson",
            "A body is sent as application/json.",
            "Set the Content-Type and send again.",
        )
    return await raw(request)


def media_type_of(request: Request) -> str:
    """What the body is sent as."""
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


async def raw(request: Request) -> bytes:
    """The bytes of a body, if they are not too many."""
    too_large = Problem(
        413,
        "BodyIsTooLarge",
        f"A body has at most {BODY_BYTES:,} bytes.",
        "Send less in one command.",
        headers={"Connection": "close"},  # the rest of it is not waited for
    )
    declared = request.headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared[:20]) > BODY_BYTES:
        raise too_large
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES:
            raise too_large
    return bytes(body)


def _read(model: type[M], raw: bytes) -> M:
    try:
        wish = model.model_validate_json(raw, strict=True)
    except ValidationError as error:
        raise _half_characters(raw) or malformed(error.errors(include_url=False, include_input=False), "body") from None
    json.loads(raw, object_pairs_hook=_each_once)
    return wish


def _half_characters(raw: bytes) -> Problem | None:
    """The fields with a lone surrogate in them: strict JSON stops at the first and does not say where it stands."""
    try:
        ahead: list[tuple[str, Any]] = [("", json.loads(raw))]
    except (ValueError, RecursionError):
        return None
    errors = []
    while ahead:
        pointer, value = ahead.pop()
        if isinstance(value, dict):
            ahead += ((f"{pointer}/{name}", each) for name, each in value.items())
        elif isinstance(value, list):
            ahead += ((f"{pointer}/{place}", each) for place, each in enumerate(value))
        elif isinstance(value, str) and any("\ud800" <= character <= "\udfff" for character in value):
            errors.append(FieldError(pointer=pointer or "/", rule="the text holds half a character (a lone surrogate)"))
    return malformed_fields(errors) if errors else None


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse an object that says a field twice: one reader takes the first value, another the last."""
    if len(dict(pairs)) < len(pairs):
        twice = [name for name, times in Counter(name for name, _ in pairs).items() if times > 1]
        errors = [FieldError(pointer=name, rule="this field stands more than once in its object") for name in twice]
        raise malformed_fields(errors)


_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _correlation(request: Request) -> UUID:
    """The caller's, when it is a UUID, so that their trail and ours can be joined; else one of our own."""
    sent = request.headers.get("correlation-id", "")
    return UUID(sent) if _UUID.fullmatch(sent) else uuid4()
