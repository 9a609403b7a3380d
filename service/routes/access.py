"""Who is at the door and what they may enter: the dependencies that every route shares."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, get_origin
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Request, params
from fastapi.dependencies.utils import get_flat_params
from fastapi.routing import APIRoute

from events.bells import Bells
from events.ids import AccountCode, PersonId, Slug, StreamId
from events.log import Log
from events.money import Currency
from projections.runner import Runner
from service import api_keys
from service.api_keys import ApiKeys
from service.database import Database
from service.deciders import team
from service.deciders.company import Company
from service.deciders.confidential import Sight, sight
from service.deciders.production import ProductionIsMissing
from service.deciders.refusal import words
from service.directory import Directory
from service.handling import Handling
from service.identity import Bearer, Identity, Tokens, Unauthenticated
from service.oidc import Believed, Identities
from service.problems import FieldError, Problem, malformed_fields
from service.rates import Rates, TooOften
from service.tail import Tail


@dataclass(frozen=True, slots=True)
class Doors:
    """What the routes reach; put together once, by the application."""

    database: Database
    log: Log
    handling: Handling
    directory: Directory
    identity: Identity
    tokens: Tokens
    api_keys: ApiKeys
    identities: Identities
    rates: Rates
    runner: Runner
    bells: Bells
    tail: Tail
    clock: Callable[[], datetime]


def operation_id(route: APIRoute) -> str:
    """What the OpenAPI document calls a route."""
    return route.name


async def doors(request: Request) -> Doors:  # not a plain function: that would wait for a thread
    """The application's own."""
    found: Doors = request.app.state.doors
    return found


def _parameters_known(request: Request) -> None:
    """Refuse a query parameter that the route does not know, or that comes twice: `dryrun=true` must not append."""
    sent = request.query_params.multi_items()
    if not sent:
        return
    declared = get_flat_params(request.scope["route"].dependant)
    known = {field.alias: field for field in declared if isinstance(field.field_info, params.Query)}
    several = {name for name, field in known.items() if get_origin(field.field_info.annotation) is tuple}
    times = Counter(name for name, _ in sent)
    errors = [
        FieldError(pointer=f"query {name}", rule=rule)
        for name, n in times.items()
        for rule, broken in (
            ("this parameter is not known here", name not in known),
            ("this parameter comes twice", n > 1 and name not in several),
        )
        if broken
    ]
    if errors:
        raise malformed_fields(errors)


@dataclass(frozen=True, slots=True)
class Person:
    """Who sent the request."""

    company: Slug
    person: PersonId
    of_company: Company
    #: When they last showed who they are; None when nobody says, as for a key.
    authenticated_at: datetime | None
    #: The key they sent it with, if with one.
    key_id: str | None
    #: The id of what they bore, whatever it is.
    credential: str


async def authenticated(request: Request) -> Person:
    """The person that the request's bearer token stands for, a member of their company today."""
    # One dependency without others: each costs as much as a rule, and every request comes through here.
    at: Doors = request.app.state.doors
    scheme, _, borne = _authorization(request).partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise Unauthenticated
        bearers = await at.identity.authenticate(borne, at.clock())
        asked = request.path_params.get("company") or request.query_params.get("company")
        here = [each for each in bearers if each.company == asked]
        # Where they are nobody, they are told the same as any other stranger: it does not exist.
        standing = await _members(at, here) or await _members(at, [each for each in bearers if each not in here])
        if not standing:
            raise Unauthenticated
    except Unauthenticated:
        raise await _unauthenticated(request) from None
    bearer, of_company = standing[0]
    request.state.person = f"{bearer.company}/{bearer.person}"
    await _counted(at, bearer.credential)
    if bearer.scopes is not None:
        _within(bearer, bearer.scopes, request)
    _parameters_known(request)
    if asked is None and len(standing) > 1:
        raise _company_needed([each.company for each, _ in standing])
    key_id = None if bearer.scopes is None else bearer.credential
    return Person(bearer.company, bearer.person, of_company, bearer.authenticated_at, key_id, bearer.credential)


def _authorization(request: Request) -> str:
    """What is borne; said twice it is nothing, since whoever looked on the way may have seen the other one."""
    borne = request.headers.getlist("authorization")
    if len(borne) > 1:
        raise twice("Authorization")
    return borne[0] if borne else ""


def twice(header: str) -> Problem:
    """What is told of a header that may stand once."""
    return Problem(400, "HeaderComesTwice", f"The header {header} comes more than once.", "Send it once.")


async def _members(at: Doors, bearers: list[Bearer]) -> list[tuple[Bearer, Company]]:
    """Those who are members of their companies today."""
    loaded = [(each, await at.handling.company(each.company, each.company_version)) for each in bearers]
    return [(each, of) for each, of in loaded if of is not None and of.lets_in(each.person, each.made_at)]


async def _counted(at: Doors, credential: str) -> None:
    try:
        await at.rates.request(credential)
    except TooOften as often:
        said = f"{credential} sends more than {often.limit:,} requests a second."
        raise too_often("TooManyRequests", said, often) from None


def _company_needed(companies: list[Slug]) -> Problem:
    return Problem(
        422,
        "CompanyIsNeeded",
        f"You sign in alike for {words(companies)}.",
        "Say for which: company= takes one of them.",
        [FieldError(pointer="query company", rule="name the company that you ask for")],
        figures={"companies": companies},
    )


async def signed_in(request: Request) -> Believed:
    """Whoever the provider says has signed in, whether they stand for somebody here or not."""
    at: Doors = request.app.state.doors
    scheme, _, borne = _authorization(request).partition(" ")
    try:
        if scheme.lower() != "bearer":
            raise Unauthenticated
        believed = await at.identity.believed(borne, at.clock())
    except Unauthenticated:
        raise await _unauthenticated(request) from None
    await _counted(at, believed.subject)
    _parameters_known(request)
    return believed


async def _unauthenticated(request: Request) -> Problem:
    """What somebody who is nobody is told; no more than that."""
    at: Doors = request.app.state.doors
    try:
        await at.rates.failure(request.client.host if request.client is not None else "")
    except TooOften as often:
        said = f"More than {often.limit:,} requests a minute from this address bore no valid token."
        return too_often("TooManyFailures", said, often)
    return Problem(
        401,
        "TokenIsNeeded",
        "The request carries no bearer token that is valid today: it is missing, unknown, expired or revoked.",
        "Sign in with your company's provider, or ask the operator of the service for a token.",
        headers={"WWW-Authenticate": "Bearer"},
    )


def too_often(name: str, said: str, often: TooOften) -> Problem:
    """What is told to whoever comes too often."""
    advice = f"Try again in {often.seconds} s; a command under the same Idempotency-Key."
    return Problem(429, name, said, advice, headers={"Retry-After": str(often.seconds)})


def _within(bearer: Bearer, scopes: frozenset[str], request: Request) -> None:
    """Refuse what a key was not made for: a command by its name, everything that is read as `read`."""
    asked = api_keys.READ if request.method == "GET" else request.scope["route"].name.replace("_", "-")
    if asked not in scopes:
        advice = "Whoever answers for the key may make another one, with this scope."
        raise Problem(
            403,
            "ScopeIsMissing",
            f"{bearer.credential} may not {asked}; its scopes are {', '.join(sorted(scopes)) or 'none'}.",
            advice if asked in api_keys.SCOPES else "No key may have this scope; a person with the right sends it.",
            figures={"asked": asked, "scopes": sorted(scopes)},
        )


Sender = Annotated[Person, Depends(authenticated)]
SignedIn = Annotated[Believed, Depends(signed_in)]
CompanySlug = Annotated[Slug, Path(description="The company.", examples=["acme"])]
ProductionSlug = Annotated[Slug, Path(description="The production.", examples=["the-long-take"])]


@dataclass(frozen=True, slots=True)
class Reading:
    """A production that the sender may read, and what about it never changes."""

    stream_id: StreamId
    title: str
    currency: Currency
    time_zone: str
    #: What they may read of it today.
    sight: Sight
    #: Themselves, and those for whom they may act on it today.
    readers: frozenset[PersonId]


async def readable(
    company: CompanySlug, production: ProductionSlug, sender: Sender, at: Annotated[Doors, Depends(doors)]
) -> Reading:
    """The production of the address, if the sender may read it."""
    return await reading(at, sender, company, production)


async def reading(at: Doors, sender: Person, company: Slug, production: Slug) -> Reading:
    """The production, if the sender may read it: with a role on it, for somebody who has one, or as an administrator.

    Another company's production does not exist for the sender.
    """
    stream_id = f"{company}/{production}"
    if sender.company != company:
        raise ProductionIsMissing()
    loaded = await at.handling.production(stream_id)
    if loaded.state is None:
        raise ProductionIsMissing()
    state = loaded.state
    on = at.clock().astimezone(ZoneInfo(state.time_zone)).date()
    of_company = sender.of_company
    grantors = of_company.delegations.grantors(sender.person, production, on)
    readers = frozenset({sender.person, *(each for each in grantors if of_company.may_stand_in(sender.person, each))})
    counts = (of_company.counts_as(each, role) for each in readers for role in team.held(state.team, each, on))
    if not (any(counts) or of_company.is_administrator(sender.person)):
        raise Problem(
            403,
            "ReadingNeedsARole",
            f"{sender.person} holds no role on this production today.",
            "An executive producer or a producer may appoint you; administrators of the company read too.",
        )
    return Reading(
        stream_id, state.title, state.currency, state.time_zone, sight(state, of_company, readers, on), readers
    )


def shown_to(production: Reading, accounts: Iterable[AccountCode] | None, figure: str) -> None:
    """A total is explained by the accounts that it is the sum of; a charge by its base, which may tell of accounts.

    Args:
        accounts: None asks for all of them.
    """
    if not production.sight.shows(accounts):
        raise Problem(
            403,
            "FigureIsConfidential",
            f"What {figure.replace('_', ' ')} is made of is not shown to you.",
            production.sight.withheld or "",
        )


Readable = Annotated[Reading, Depends(readable)]
At = Annotated[Doors, Depends(doors)]
