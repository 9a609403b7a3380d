"""What a name and an address must be like before they enter the directory: the log of facts knows neither.

One address is one person of the company, a guest is not called as a member is, and who was erased stays so.
"""

from unicodedata import normalize

from events.ids import PersonId, Slug
from service.deciders.company import AdmitMember, Company, InviteMember
from service.deciders.refusal import words
from service.handling import Wish
from service.problems import Problem

from .access import Doors


async def entered(at: Doors, wish: Wish) -> None:
    """Refuse a command that would enter what must not stand there, unless it happened before."""
    company, command = wish.company, wish.command
    if not isinstance(command, AdmitMember | InviteMember) or command.name is None:
        return
    of_company = await at.handling.company(company)
    if of_company is None or not of_company.is_administrator(wish.actor):
        return  # refused by the rules, which tell nothing of the directory
    guest = command.guest_of is not None or command.person in of_company.guests
    try:
        await named(at, company, of_company, command.person, command.name, guest=guest)
        if isinstance(command, InviteMember):
            await _addressed(at, company, of_company, command.person, command.email)
    except Problem:
        if not await at.log.known(wish.principal, wish.key):
            raise


async def named(at: Doors, company: Slug, of_company: Company, person: PersonId, name: str, *, guest: bool) -> None:
    """Refuse a name for who was erased, and for a guest that of a member."""
    people = {who: (called, erased_at) for who, called, _, erased_at in await at.directory.of(company)}
    if person in people and people[person][1] is not None:
        raise Problem(
            409,
            "PersonIsErased",
            f"{person} was erased, and no name comes back to that id.",
            "Admit or invite them under another id.",
        )
    alike = [who for who, (called, _) in people.items() if who != person and called and _alike(called) == _alike(name)]
    if guest and any(of_company.belongs(who) for who in alike):
        raise Problem(
            409,
            "NameIsAMembers",
            f"A member of the company is called {name}, and a guest is not called as a member is.",
            "Add what tells them apart, such as where the guest comes from.",
            rule="C6",
        )


async def _addressed(at: Doors, company: Slug, of_company: Company, person: PersonId, email: str) -> None:
    sent = await at.directory.invited(company, email)
    theirs = {who for invitation, who in sent.items() if _stands(of_company, who, invitation)}
    here = (*of_company.members, *of_company.invitations)
    theirs |= {who for who, _, mail, _ in await at.directory.of(company) if mail and mail.lower() == email.lower()}
    others = sorted((theirs & {*here}) - {person})
    if others:
        raise somebody_elses(others)


def _stands(of_company: Company, who: PersonId, invitation: object) -> bool:
    """Whether it is the last one of somebody who has not accepted it, or is here by it."""
    last = of_company.invitations.get(who)
    return last is not None and last.sent == invitation


def somebody_elses(others: list[PersonId]) -> Problem:
    """What is told of an address that another person of the company has."""
    return Problem(
        409,
        "AddressIsSomebodyElses",
        f"The address is that of {words(others)}: one address is one person of the company.",
        "Invite them under their own id, or correct the address of whoever it is not.",
        rule="C7",
        figures={"others": others},
    )


def _alike(name: str) -> str:
    return " ".join(normalize("NFKC", name).casefold().split())
