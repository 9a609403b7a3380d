"""The company's own doors: its members and guests, their keys, tokens and sign-ins, and the way in for who is invited.

What is done here is not in the log of facts, but for the acceptance of an invitation. Nothing of it is a command, so a
retry needs no key: what has an id is replaced or ended, twice like once; a key that is made again is another key.
"""

from datetime import date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

from fastapi import APIRouter, Depends, Path, Request, Response
from pydantic import AfterValidator, BaseModel, Field

from events.company import Right
from events.delegation import Power
from events.ids import DelegationId, PersonId, Slug, Text, shape
from events.money import Money
from service import api_keys
from service.api_keys import SCOPES, TooManyKeys
from service.deciders.command import Email, Part
from service.deciders.company import (
    AcceptInvitation,
    AdministratorAlone,
    Company,
    CompanyIsMissing,
    InvitationIsMissing,
    MemberIsMissing,
)
from service.directory import By
from service.handling import Wish
from service.identity import end_all
from service.oidc import AlreadyLinked
from service.problems import Problem

from .access import At, CompanySlug, Doors, Person, Sender, SignedIn, operation_id
from .commands import read
from .naming import named, somebody_elses

router = APIRouter(tags=["Company"], generate_unique_id_function=operation_id)
COMPANY = "/v1/{company}"


async def insider(company: CompanySlug, sender: Sender) -> Person:
    """Who sent the request, to their own company; another one does not exist for them."""
    if sender.company != company:
        raise CompanyIsMissing()
    return sender


Insider = Annotated[Person, Depends(insider)]
Whose = Annotated[PersonId, Path(description="The person.", examples=["maya"])]


KeyId = Annotated[
    str,
    shape(r"^K-[0-9a-f]{8}$", "send the id of an API key, such as K-1a2b3c4d"),
    Path(description="The id of the key.", examples=["K-1a2b3c4d"]),
]
TokenId = Annotated[
    str,
    shape(r"^T-[0-9a-f]{8}$", "send the id of a token, such as T-1a2b3c4d"),
    Path(description="The id of the token.", examples=["T-1a2b3c4d"]),
]
IdentityId = Annotated[
    str,
    shape(r"^I-[0-9a-f]{8}$", "send the id of a sign-in, such as I-1a2b3c4d"),
    Path(description="The id of the sign-in.", examples=["I-1a2b3c4d"]),
]


class Member(BaseModel):
    """Somebody who belongs to the company, or is invited to."""

    person: PersonId
    name: str | None = Field(
        description="As the directory of people has it; none when there is none, or it was erased."
    )
    email: str | None = Field(description="For administrators, and the person themselves.")
    erased_at: datetime | None = Field(description="When the name and the address were erased.")
    rights: list[Right] = Field(description="Of who is invited, what they will have.")
    guest_of: str | None = Field(description="The company that a guest comes from.")
    suspended: bool
    invited_until: datetime | None = Field(description="Of who is invited and has not accepted; it may be past.")


class Members(BaseModel):
    """The members of a company, its guests, and who is invited, by their ids."""

    company: str
    members: list[Member]


class Details(Part):
    """What the directory of people says of somebody."""

    name: Text
    email: Email | None = Field(None, description="Left out: as it is. It opens no invitation: that has its own.")


class Welcome(BaseModel):
    """Who accepted an invitation belongs to the company."""

    company: str
    person: PersonId = Field(description="Who they are there.")
    guest_of: str | None


class Key(BaseModel):
    """An API key, without its secret."""

    key_id: str
    owner: PersonId = Field(description="Who answers for it; it has no right that they have not.")
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Keys(BaseModel):
    """API keys, the newest first."""

    keys: list[Key]


def _known(scope: str) -> str:
    if scope not in SCOPES:
        raise ValueError(f"no key may {scope}; one may {', '.join(sorted(SCOPES))}")
    return scope


Scope = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": sorted(SCOPES)})]


class NewKey(Part):
    """What a key is made for."""

    scopes: Annotated[tuple[Scope, ...], Field(min_length=1, max_length=len(SCOPES), description="What it may do.")]
    days: int = Field(90, ge=1, le=api_keys.DAYS_AT_MOST, description="How long it lasts.")


class MadeKey(BaseModel):
    """A key that was just made."""

    key_id: str
    key: str = Field(description="The key itself, shown this once.")
    owner: PersonId
    scopes: list[str]
    expires_at: datetime


class Token(BaseModel):
    """A token that the operator of the service made, without its secret."""

    token_id: str
    person: PersonId
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class Tokens(BaseModel):
    """Tokens, the newest first."""

    tokens: list[Token]


class SignIn(BaseModel):
    """A subject of the OpenID Connect provider, and whom it stands, or stood, for."""

    identity_id: str
    issuer: str
    subject: str | None = Field(description="None when the person was erased.")
    person: PersonId
    linked_at: datetime
    unlinked_at: datetime | None


class Identities(BaseModel):
    """Sign-ins, the newest first."""

    identities: list[SignIn]


class Delegation(BaseModel):
    """Authority that somebody lets another one use; it counts while the one who gave it has it."""

    delegation: DelegationId
    grantor: PersonId = Field(description="Whose authority it is.")
    to: PersonId
    powers: list[Power] = Field(description="The commands that may be sent with `On-Behalf-Of`.")
    productions: list[Slug] | None = Field(description="None: all of them.")
    limit: Money | None = Field(description="No single act is for more.")
    from_on: date
    until_on: date = Field(description="The last day; it may be past.")


class Absence(BaseModel):
    """Somebody is away, and the substitute whom they named gives their answers."""

    person: PersonId
    substitute: PersonId
    from_on: date
    until_on: date = Field(description="The last day; it may be past.")


class ActingForOthers(BaseModel):
    """Who acts for whom, unless it was ended."""

    delegations: list[Delegation] = Field(description="In the order in which they were given.")
    absences: list[Absence] = Field(description="By person.")


class DirectoryChange(BaseModel):
    """Somebody changed the directory, or ended what lets somebody in."""

    at: datetime
    by: PersonId
    what: str = Field(description="Such as `person named`, `person erased`, `key revoked`; never the name itself.")
    about: str = Field(description="The id of the person, the vendor, the key, the token or the sign-in.")


class DirectoryChanges(BaseModel):
    """Changes of the directory, the newest first, as many as 1,000."""

    changes: list[DirectoryChange]


#: What is read by hand in the handler, so that it is strict, and named here for the OpenAPI document.
BODIES: dict[str, type[BaseModel]] = {"correct_person": Details, "make_key": NewKey}


def _body(name: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{BODIES[name].__name__}"}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


@router.get(COMPANY + "/members", name="members")
async def get_members(sender: Insider, at: At) -> Members:
    """Who belongs to the company, with which rights, and who is invited? A guest sees themselves alone."""
    of_company, whole = sender.of_company, sender.of_company.is_administrator(sender.person)
    invited = {person for person in of_company.invitations if of_company.open_invitation(person) is not None}
    shown = {*of_company.members, *invited} if sender.person not in of_company.guests else {sender.person}
    details = {person: said for person, *said in await at.directory.of(sender.company) if person in shown}
    return Members(
        company=sender.company,
        members=[
            _member(
                person,
                of_company,
                *details.get(person, (None, None, None)),
                with_email=whole or person == sender.person,
            )
            for person in sorted(shown)
        ],
    )


def _member(
    person: PersonId,
    of_company: Company,
    name: str | None,
    email: str | None,
    erased_at: datetime | None,
    *,
    with_email: bool,
) -> Member:
    invited = of_company.open_invitation(person)
    rights, guest_of = of_company.members.get(person, ()), of_company.guests.get(person)
    return Member(
        person=person,
        name=name,
        email=email if with_email else None,
        erased_at=erased_at,
        rights=list(rights if invited is None else invited.rights),
        guest_of=guest_of if invited is None else invited.guest_of,
        suspended=person in of_company.suspended,
        invited_until=None if invited is None else invited.expires_at,
    )


@router.put(COMPANY + "/people/{person}", name="correct_person", status_code=204, openapi_extra=_body("correct_person"))
async def correct_person(person: Whose, sender: Insider, at: At, request: Request) -> Response:
    """Correct a person's name and address: the person themselves, or an administrator. Twice is like once."""
    details = await read(Details, request)
    if person != sender.person:
        _administered(person, sender)
    guest = person in sender.of_company.guests
    await named(at, sender.company, sender.of_company, person, details.name, guest=guest)
    await at.directory.name_person(sender.company, person, details.name, details.email, by=_by(sender, at))
    return Response(status_code=204)


@router.delete(COMPANY + "/people/{person}", name="erase_person", status_code=204)
async def erase_person(person: Whose, sender: Insider, at: At) -> Response:
    """Erase a person's name and addresses for good: an administrator. Twice is like once.

    Facts stay, and hold the id alone. Their tokens, keys and sign-ins end, and no name comes back.
    """
    _administered(person, sender)
    by = _by(sender, at)
    await at.directory.erase(sender.company, person, by)
    await end_all(at.database.pool, sender.company, person, by.at)
    return Response(status_code=204)


def _administered(person: PersonId, sender: Person) -> None:
    """Refuse who runs nothing here, and what is about nobody; for a guest, nobody else is here."""
    of_company = sender.of_company
    known = (of_company.members, of_company.invitations, of_company.dismissed)
    if sender.person in of_company.guests and person != sender.person:
        raise MemberIsMissing(person)
    if not of_company.is_administrator(sender.person):
        raise AdministratorAlone(sender.person)
    if not any(person in each for each in known):
        raise MemberIsMissing(person)


@router.get(COMPANY + "/delegations", name="delegations")
async def get_delegations(sender: Insider, at: At) -> ActingForOthers:
    """Who acts for whom? What one gave or was given oneself; all of the company for its administrators.

    Who gave it ends it, or an administrator: `revoke-delegation`, `end-absence`.
    """
    of = sender.of_company.delegations
    given = sorted(of.given.values(), key=lambda each: int(each.delegation.removeprefix("D-")))
    away = sorted(of.absences.values(), key=lambda each: each.person)
    return ActingForOthers(
        delegations=[
            Delegation(**_fields(each)) for each in given if _theirs(each.grantor, sender) or _theirs(each.to, sender)
        ],
        absences=[
            Absence(**_fields(each))
            for each in away
            if _theirs(each.person, sender) or _theirs(each.substitute, sender)
        ],
    )


@router.get(COMPANY + "/keys", name="keys")
async def get_keys(sender: Insider, at: At) -> Keys:
    """Which API keys are there? One's own; all of the company for its administrators."""
    found = [Key(**_fields(each)) for each in await at.api_keys.of(sender.company)]
    return Keys(keys=[each for each in found if _theirs(each.owner, sender)])


@router.post(COMPANY + "/keys", name="make_key", status_code=201, openapi_extra=_body("make_key"))
async def make_key(sender: Insider, at: At, request: Request) -> MadeKey:
    """Make an API key for oneself, and answer for what it does. Sent again it makes another: revoke what got lost.

    No key makes keys, nor is one made in the name of somebody else.
    """
    wanted = await read(NewKey, request)
    if sender.person in sender.of_company.guests and {*wanted.scopes} != {api_keys.READ}:
        said, advice = "A key of a guest reads, and does nothing else.", f"Leave out all scopes but {api_keys.READ}."
        raise Problem(403, "KeysOfGuestsRead", said, advice, rule="C6")
    now, lifetime = at.clock(), timedelta(days=wanted.days)
    try:
        key_id, key = await at.api_keys.create(sender.company, sender.person, wanted.scopes, now, lifetime)
    except TooManyKeys:
        said = f"{sender.person} has {api_keys.KEYS_AT_MOST} keys, as many as one may have."
        raise Problem(409, "TooManyKeys", said, "Revoke one that is not used any more.") from None
    scopes = sorted({*wanted.scopes})
    return MadeKey(key_id=key_id, key=key, owner=sender.person, scopes=scopes, expires_at=now + lifetime)


@router.delete(COMPANY + "/keys/{key}", name="revoke_key", status_code=204)
async def revoke_key(key: KeyId, sender: Insider, at: At) -> Response:
    """End an API key at once: one's own, or for administrators any of the company. Twice is like once."""
    found = await at.api_keys.revoke_in(sender.company, key, _whose(sender), at.clock())
    return await _ended(at, sender, "key revoked", key, found=found)


@router.get(COMPANY + "/tokens", name="tokens")
async def get_tokens(sender: Insider, at: At) -> Tokens:
    """Which tokens are there? One's own; all of the company for its administrators. The operator makes them."""
    found = [Token(**_fields(each)) for each in await at.tokens.of(sender.company)]
    return Tokens(tokens=[each for each in found if _theirs(each.person, sender)])


@router.delete(COMPANY + "/tokens/{token}", name="revoke_token", status_code=204)
async def revoke_token(token: TokenId, sender: Insider, at: At) -> Response:
    """End a token at once: one's own, or for administrators any of the company. Twice is like once."""
    found = await at.tokens.revoke_in(sender.company, token, _whose(sender), at.clock())
    return await _ended(at, sender, "token revoked", token, found=found)


@router.get(COMPANY + "/identities", name="identities")
async def get_identities(sender: Insider, at: At) -> Identities:
    """Who signs in how, and who did? One's own; all of the company for its administrators."""
    found = [SignIn(**_fields(each)) for each in await at.identities.of(sender.company)]
    return Identities(identities=[each for each in found if _theirs(each.person, sender)])


@router.delete(COMPANY + "/identities/{identity}", name="unlink_identity", status_code=204)
async def unlink_identity(identity: IdentityId, sender: Insider, at: At) -> Response:
    """Let a sign-in stand for nobody of the company, at once: an administrator. Twice is like once.

    How the person signs in anew, only the operator of the service says.
    """
    if not sender.of_company.is_administrator(sender.person):
        raise AdministratorAlone(sender.person)
    found = await at.identities.unlink_in(sender.company, identity, at.clock())
    return await _ended(at, sender, "sign-in unlinked", identity, found=found)


@router.get(COMPANY + "/directory-changes", name="directory_changes")
async def get_directory_changes(sender: Insider, at: At) -> DirectoryChanges:
    """Who changed what the directory says, and who ended what lets somebody in? For administrators."""
    if not sender.of_company.is_administrator(sender.person):
        raise AdministratorAlone(sender.person)
    found = await at.directory.changes(sender.company)
    return DirectoryChanges(
        changes=[DirectoryChange(at=at, by=by, what=what, about=about) for at, by, what, about in found]
    )


def _fields(summary: Any) -> dict[str, Any]:
    return {name: getattr(summary, name) for name in summary.__slots__}


def _whose(sender: Person) -> PersonId | None:
    """Whose credentials the sender ends; None: anybody's."""
    return None if sender.of_company.is_administrator(sender.person) else sender.person


def _theirs(person: PersonId, sender: Person) -> bool:
    return _whose(sender) in (None, person)


async def _ended(at: Doors, sender: Person, what: str, about: str, *, found: bool) -> Response:
    if not found:
        said = f"The company has no {what.split()[0]} {about} that you may end."
        raise Problem(404, "CredentialIsMissing", said, "List what there is; an administrator of the company sees all.")
    await at.directory.changed(sender.company, what, about, _by(sender, at))
    return Response(status_code=204)


def _by(sender: Person, at: Doors) -> By:
    return By(sender.person, at.clock())


@router.post(COMPANY + "/accept-invitation", name="accept_invitation")
async def accept_invitation(company: CompanySlug, bearer: SignedIn, at: At) -> Welcome:
    """Accept an invitation, with a token of the OpenID Connect provider that says whose address it is: no body, no key.

    `email` of the token is the address invited, upper and lower case alike, and `email_verified` is true. From then on
    who signed in so belongs to the company. Sent again it answers the same.
    """
    if bearer.address is None:
        raise Problem(
            403,
            "AddressIsNotVerified",
            "The token says no e-mail address that its provider has verified as yours.",
            "Ask for the scope `email`, have the address verified at the provider, and come again.",
        )
    known = await at.identities.stands_for(company, at.identity.issuer, bearer.subject)
    invitation, person = await _open(at, company, bearer.address, {by for _, by, still in known if still})
    if any(each != (person, invitation, True) for each in known):
        raise _somebody_else()
    command, now = AcceptInvitation(invitation=invitation), at.clock()
    wish = Wish(
        company=company,
        production=None,
        command=command,
        actor=person,
        key=f"accept {invitation}",  # with a space: no key of a client's
        correlation_id=uuid4(),
        source="api",
        authenticated_at=bearer.authenticated_at,
    )
    await at.handling.handle(wish)
    of_company = await at.handling.company(company)
    now_so = None if of_company is None else of_company.invitations.get(person)
    if of_company is None or now_so is None or not (now_so.sent == invitation and now_so.accepted):
        raise InvitationIsMissing()  # it was accepted, and they were dismissed since
    try:
        await at.identities.link_invited(company, person, at.identity.issuer, bearer.subject, invitation, now)
    except AlreadyLinked:
        raise _somebody_else() from None
    return Welcome(company=company, person=person, guest_of=of_company.guests.get(person))


async def _open(at: Doors, company: str, address: str, linked: set[UUID | None]) -> tuple[UUID, PersonId]:
    """The invitation to the address that the bearer means: the one they accepted, else the last one that is open."""
    of_company = await at.handling.company(company)
    sent = await at.directory.invited(company, address) if of_company is not None else {}
    found = [
        (invitation in linked, not invited.accepted, invited.expires_at, invitation, person)
        for invitation, person in sent.items()
        if of_company is not None
        and (invited := of_company.invitations.get(person)) is not None
        and invited.sent == invitation
    ]
    if not found:
        raise InvitationIsMissing()
    *_, invitation, person = max(found)
    others = sorted({who for _, is_open, _, _, who in found if not is_open} - {person})
    if others and of_company is not None and person not in of_company.members:
        raise somebody_elses(others)
    return invitation, person


def _somebody_else() -> Problem:
    return Problem(
        409,
        "SignInIsSomebodyElse",
        "Who signed in so stands, or stood, for a person of this company, or the invitation was accepted by another.",
        "One natural person is one person of a company; the operator of the service may link a sign-in anew.",
        rule="C7",
    )
