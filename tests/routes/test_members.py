"""A company runs itself: who is invited comes in by signing in, a guest sees one production, everybody has doors."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from events.ids import PersonId
from events.team import Role
from service.deciders.company import (
    OPERATOR,
    AdmitMember,
    DismissMember,
    FoundCompany,
    InviteMember,
    WithdrawInvitation,
)
from service.deciders.delegation import EndAbsence, RevokeDelegation, SetAbsence
from service.deciders.production import OpenProduction
from service.directory import By
from service.embedded import Server
from service.oidc import Oidc
from tests.bad_tokens import ED, GOOD, claims
from tests.deciders.rounds import away, delegated
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    BANKER,
    DIRECTOR,
    GUESTS,
    INVITATION,
    LINE_PRODUCER,
    LOCKED,
    MAYA,
    NOOR,
    PRIYA,
    PRODUCER,
    STRANGER,
    SUBMITTED,
    appoint,
    approve,
    spend,
)
from tests.provider import AUDIENCE, Publisher, publishing
from tests.routes.world import COMPANY, FEED, World, address, opened_world

ACCEPT = f"/v1/{COMPANY}/accept-invitation"
HERS = {"sub": "priya-sso", "email": "priya@firstbank.example", "email_verified": True}
NEXT_DOOR = OpenProduction.model_validate_json('{"title": "Next Door", "kind": "series", "currency": "INR",'
                                               ' "time_zone": "Asia/Kolkata"}')  # fmt: skip


@pytest.fixture(scope="module")
async def published() -> AsyncIterator[Publisher]:
    async with publishing(*GOOD) as publisher:
        yield publisher


@pytest.fixture
async def company(server: Server, published: Publisher) -> AsyncIterator[World]:
    """A company with a locked production, whose people sign in with a provider."""
    async with opened_world(server, oidc=Oidc(published.issuer, AUDIENCE)) as world:
        await world.play(LOCKED)
        yield world


def bears(world: World, published: Publisher, **said: Any) -> dict[str, str]:
    """What somebody carries who signed in with the provider a minute ago."""
    now = int(world.time.now.timestamp())
    around = claims(published.issuer, iat=now, exp=now + 600, auth_time=now - 60)
    return {"Authorization": f"Bearer {ED.signed(around | said)}"}


async def accept(world: World, published: Publisher, at: str = ACCEPT, **said: Any) -> httpx2.Response:
    return await world.client.post(at, headers=bears(world, published, **(HERS | said)))


def told(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("urn:greenlight:problem:")


async def knock(world: World, person: PersonId, method: str, path: str, body: bytes | None = None) -> httpx2.Response:
    return await world.request(person, method, f"/v1/{COMPANY}/{path}", body)


class TestAnInvitation:
    async def test_lets_in_whoever_signs_in_with_the_address_and_nobody_else(
        self, company: World, published: Publisher
    ) -> None:
        await company.play([(ADMINISTRATOR, INVITATION)])
        strangers: list[dict[str, Any]] = [
            {"email": "eve@firstbank.example"},
            {"email": "priya@firstbank.example.evil.example"},
            {"email": "priya@firstban\u212a.example"},  # the sign of Kelvin, which is a k in lower case
            {"email": "PR\u0130YA@firstbank.example"},
            {"email": ["priya@firstbank.example"]},
            {"email_verified": False},
            {"email_verified": "true"},
            {"email": None},
        ]
        for said in strangers:
            refused = await accept(company, published, **said)
            assert told(refused) in ((403, "address-is-not-verified"), (404, "invitation-is-missing")), said

        welcome = await accept(company, published, email="Priya@FIRSTBANK.example")
        again = await accept(company, published)

        assert (welcome.status_code, welcome.json()) == (200, again.json())
        assert welcome.json() == {"company": COMPANY, "person": PRIYA, "guest_of": "First Bank"}

    async def test_opens_nothing_to_a_token_of_the_service_or_a_key(self, company: World) -> None:
        await company.play([(ADMINISTRATOR, INVITATION)])
        _, secret = await company.doors.tokens.create(COMPANY, ADMINISTRATOR, company.time.now, timedelta(days=1))
        assert told(await company.client.post(ACCEPT, headers={"Authorization": f"Bearer {secret}"}))[0] == 401

    async def test_that_was_withdrawn_or_sent_again_to_another_address_opens_nothing(
        self, company: World, published: Publisher
    ) -> None:
        await company.play([(ADMINISTRATOR, INVITATION), (ADMINISTRATOR, WithdrawInvitation(person=PRIYA))])
        assert told(await accept(company, published)) == (404, "invitation-is-missing")
        elsewhere = INVITATION.model_copy(update={"email": "priya.nair@firstbank.example"})
        await company.play([(ADMINISTRATOR, INVITATION), (ADMINISTRATOR, elsewhere)])
        assert told(await accept(company, published)) == (404, "invitation-is-missing")
        assert (await accept(company, published, email="priya.nair@firstbank.example")).status_code == 200

    async def test_is_accepted_by_one_of_many_who_race_for_it(self, company: World, published: Publisher) -> None:
        await company.play([(ADMINISTRATOR, INVITATION)])

        answers = await asyncio.gather(*(accept(company, published, sub=f"priya-{n % 2}") for n in range(20)))

        links = [each for each in await company.doors.identities.of(COMPANY) if each.person == PRIYA]
        assert len(links) == 1
        let_in = {each.status_code for n, each in enumerate(answers) if f"priya-{n % 2}" == links[0].subject}
        others = {told(each) for n, each in enumerate(answers) if f"priya-{n % 2}" != links[0].subject}
        assert (let_in, others) == ({200}, {(409, "sign-in-is-somebody-else")})

    async def test_is_accepted_or_withdrawn_and_never_both(self, company: World, published: Publisher) -> None:
        for n in range(5):
            who, mail = f"zoe-{n}", f"zoe-{n}@bank.example"
            await company.play([(ADMINISTRATOR, InviteMember(person=who, name="Zoe", email=mail))])
            taken, back = await asyncio.gather(
                accept(company, published, sub=who, email=mail),
                company.send(ADMINISTRATOR, WithdrawInvitation(person=who)),
            )
            of = await company.doors.handling.company(COMPANY)
            assert of is not None
            assert {taken.status_code, back.status_code} in ({200, 404}, {404, 201})
            assert of.is_member(who) == (taken.status_code == 200)


class TestAnAdministratorBecomesNobodyElse:
    """Duties are kept apart by comparing persons: nobody takes the place of another with what a company's doors let."""

    async def test_by_inviting_a_member_or_who_was_one_to_an_address_of_their_own(self, company: World) -> None:
        mine = InviteMember(person=MAYA, name="Maya", email="adele@acme.example")
        assert told(await company.send(ADMINISTRATOR, mine)) == (409, "belonged-before")
        await company.play([(ADMINISTRATOR, DismissMember(person=MAYA))])
        assert told(await company.send(ADMINISTRATOR, mine)) == (409, "belonged-before")

    async def test_by_signing_in_for_two(self, company: World, published: Publisher) -> None:
        await company.doors.identities.link(COMPANY, ADMINISTRATOR, published.issuer, "adele-sso", company.time.now)
        mine = InviteMember(person="zoe", name="Zoe", email="adele@acme.example")
        await company.play([(ADMINISTRATOR, mine)])
        refused = await accept(company, published, sub="adele-sso", email="adele@acme.example")
        assert told(refused) == (409, "sign-in-is-somebody-else")

    async def test_by_correcting_the_address_of_somebody_who_is_invited(
        self, company: World, published: Publisher
    ) -> None:
        await company.play([(ADMINISTRATOR, INVITATION)])
        corrected = b'{"name": "Priya Nair", "email": "adele@acme.example"}'
        assert (await knock(company, ADMINISTRATOR, "PUT", f"people/{PRIYA}", corrected)).status_code == 204
        refused = await accept(company, published, sub="adele-sso", email="adele@acme.example")
        assert told(refused) == (404, "invitation-is-missing")

    async def test_by_saying_who_answers_for_somebody_who_is_away(self, company: World) -> None:
        mine = b'{"person": "maya", "substitute": "adele", "from_on": "2026-11-01", "until_on": "2026-11-30"}'
        set_absence = await company.post(ADMINISTRATOR, address(SetAbsence), mine)
        assert told(set_absence) == (422, "request-is-malformed")
        answer = await company.send(f"{ADMINISTRATOR}/{MAYA}", approve(SUBMITTED))
        assert told(answer) == (403, "nothing-delegated")
        assert (await company.read(ADMINISTRATOR, "current-budget"))["withheld"] is not None

    async def test_by_making_a_key_for_another(self, company: World) -> None:
        made = await knock(company, ADMINISTRATOR, "POST", "keys", b'{"scopes": ["log-spend"], "owner": "lena"}')
        assert told(made) == (422, "request-is-malformed")
        made = await knock(company, ADMINISTRATOR, "POST", "keys", b'{"scopes": ["log-spend"]}')
        assert made.json()["owner"] == ADMINISTRATOR

    async def test_by_unlinking_a_sign_in_and_taking_its_place(self, company: World, published: Publisher) -> None:
        await company.play([(ADMINISTRATOR, INVITATION)])
        await accept(company, published)
        [link] = await company.doors.identities.of(COMPANY)
        assert (await knock(company, ADMINISTRATOR, "DELETE", f"identities/{link.identity_id}")).status_code == 204
        assert told(await company.send(ADMINISTRATOR, INVITATION)) == (409, "belonged-before")
        assert told(await accept(company, published, sub="another")) == (409, "sign-in-is-somebody-else")
        gone = await company.client.get(f"/v1/{COMPANY}/members", headers=bears(company, published, **HERS))
        assert gone.status_code == 401


class TestAGuest:
    @pytest.fixture
    async def hers(self, company: World, published: Publisher) -> World:
        """Priya of the bank is financier of the one production; there is another one."""
        await company.play([(ADMINISTRATOR, INVITATION)])
        assert (await accept(company, published)).status_code == 200
        await company.play([(MAYA, appoint(PRIYA, Role.FINANCIER))])
        await company.post(MAYA, address(OpenProduction, production="next-door"), NEXT_DOOR.model_dump_json().encode())
        return company

    async def test_reads_the_production_they_are_appointed_to_and_nothing_else_of_the_company(
        self, hers: World, published: Publisher
    ) -> None:
        headers = bears(hers, published, **HERS)

        async def read(path: str) -> httpx2.Response:
            return await hers.client.get(path, headers=headers)

        own, other = f"/v1/{COMPANY}/the-long-take", f"/v1/{COMPANY}/next-door"
        assert (await read(f"{own}/current-budget")).json()["withheld"] is None
        assert (await read(f"{FEED}?production=the-long-take")).status_code == 200
        assert told(await read(f"{other}/current-budget")) == (403, "reading-needs-a-role")
        assert told(await read(FEED)) == (403, "reading-needs-a-role")
        assert [each["person"] for each in (await read(f"/v1/{COMPANY}/members")).json()["members"]] == [PRIYA]
        for door in ("keys", "tokens"):
            assert (await read(f"/v1/{COMPANY}/{door}")).json() == {door: []}
        assert (await read("/v1/rival/members")).status_code == 404

    async def test_is_not_made_more_than_guests_are(self, hers: World) -> None:
        refused = await hers.send(MAYA, appoint(PRIYA, Role.PRODUCER))
        assert (refused.status_code, refused.json()["rule"]) == (409, "T6")
        assert "executive producer" not in refused.json()["detail"]

    async def test_corrects_their_own_name_and_nobody_elses(self, hers: World) -> None:
        name = b'{"name": "Priya N. Nair"}'
        assert (await knock(hers, PRIYA, "PUT", f"people/{PRIYA}", name)).status_code == 204
        assert told(await knock(hers, PRIYA, "PUT", f"people/{MAYA}", name)) == (404, "member-is-missing")
        assert told(await knock(hers, PRIYA, "DELETE", f"people/{PRIYA}"))[0] in (403, 404)


class TestOneSignInForSeveralCompanies:
    async def test_opens_each_by_its_address_and_the_inbox_by_its_name(
        self, company: World, published: Publisher
    ) -> None:
        await company.operate(FoundCompany(name="Rival Films"), "rival")
        await company.operate(AdmitMember(person="p-nair"), "rival")
        await company.play(GUESTS)
        await company.doors.identities.link(COMPANY, PRIYA, published.issuer, "priya-sso", company.time.now)
        await company.doors.identities.link("rival", "p-nair", published.issuer, "priya-sso", company.time.now)
        headers = bears(company, published, **HERS)

        for whose, person in ((COMPANY, PRIYA), ("rival", "p-nair")):
            members = (await company.client.get(f"/v1/{whose}/members", headers=headers)).json()["members"]
            inbox = (await company.client.get(f"/v1/inbox?company={whose}", headers=headers)).json()
            assert (person in [each["person"] for each in members], inbox["person"]) == (True, person)
        needed = await company.client.get("/v1/inbox", headers=headers)
        assert (told(needed), needed.json()["figures"]) == (
            (422, "company-is-needed"),
            {"companies": ["acme", "rival"]},
        )
        assert told(await company.client.get("/v1/inbox?company=third", headers=headers)) == (404, "company-is-missing")


class TestOneAddress:
    """It is one person of the company."""

    async def test_is_not_invited_twice_for_two(self, company: World, published: Publisher) -> None:
        second = InviteMember(person="pn", name="P. Nair", email="PRIYA@firstbank.example")
        await company.play([(ADMINISTRATOR, INVITATION)])
        assert told(await company.send(ADMINISTRATOR, second)) == (409, "address-is-somebody-elses")
        # Who may invite nobody is not told whose address it is.
        assert told(await company.send(DIRECTOR, second)) == (403, "administrator-alone")
        assert (await accept(company, published)).status_code == 200
        assert told(await company.send(ADMINISTRATOR, second)) == (409, "address-is-somebody-elses")
        await company.play([(ADMINISTRATOR, DismissMember(person=PRIYA))])
        await knock(company, ADMINISTRATOR, "DELETE", f"people/{PRIYA}")
        assert (await company.send(ADMINISTRATOR, second)).status_code == 201

    async def test_that_two_were_invited_to_at_one_moment_lets_in_one(
        self, company: World, published: Publisher
    ) -> None:
        await company.operate(INVITATION)
        assert (await accept(company, published)).status_code == 200
        await company.operate(InviteMember(person="pn", name="P. Nair", email="priya@firstbank.example"))
        assert told(await accept(company, published, sub="another")) == (409, "address-is-somebody-elses")
        assert (await accept(company, published)).json()["person"] == PRIYA


class TestAName:
    async def test_that_was_erased_does_not_come_back(self, company: World, published: Publisher) -> None:
        await company.doors.identities.link(COMPANY, DIRECTOR, published.issuer, "dev-sso", company.time.now)
        await company.play([(ADMINISTRATOR, AdmitMember(person=DIRECTOR, name="Dev Anand"))])
        assert (await knock(company, ADMINISTRATOR, "DELETE", f"people/{DIRECTOR}")).status_code == 204

        again = await company.send(ADMINISTRATOR, AdmitMember(person=DIRECTOR, name="Dev Anand"))
        corrected = await knock(company, DIRECTOR, "PUT", f"people/{DIRECTOR}", b'{"name": "Dev Anand"}')
        assert (told(again), told(corrected)) == ((409, "person-is-erased"), (409, "person-is-erased"))
        await company.operate(AdmitMember(person=DIRECTOR, name="Dev Anand"))
        shown = (await knock(company, ADMINISTRATOR, "GET", "members")).json()["members"]
        [his] = [each for each in shown if each["person"] == DIRECTOR]
        assert (his["name"], his["erased_at"] is None) == (None, False)
        [link] = await company.doors.identities.of(COMPANY)
        assert (link.subject, link.unlinked_at is None) == (None, False)

    async def test_of_a_member_is_not_a_guests(self, company: World, published: Publisher) -> None:
        as_maya = INVITATION.model_copy(update={"name": "MAYA  Rao"})
        assert told(await company.send(ADMINISTRATOR, as_maya)) == (409, "name-is-a-members")
        await company.play([(ADMINISTRATOR, INVITATION)])
        assert (await accept(company, published)).status_code == 200
        renamed = await knock(company, PRIYA, "PUT", f"people/{PRIYA}", '{"name": "\uff2daya Rao"}'.encode())
        assert told(renamed) == (409, "name-is-a-members")

    async def test_is_changed_by_somebody_whom_administrators_can_look_up(self, company: World) -> None:
        made = (await knock(company, MAYA, "POST", "keys", b'{"scopes": ["read"]}')).json()["key_id"]
        for _ in range(2):
            await knock(company, ADMINISTRATOR, "PUT", f"people/{MAYA}", b'{"name": "Maya R. Rao"}')
        await knock(company, MAYA, "DELETE", f"keys/{made}")
        await knock(company, ADMINISTRATOR, "DELETE", f"people/{MAYA}")

        answer = await knock(company, ADMINISTRATOR, "GET", "directory-changes")
        kept = [(each["by"], each["what"], each["about"]) for each in answer.json()["changes"]]
        assert kept[:3] == [
            (ADMINISTRATOR, "person erased", MAYA),
            (MAYA, "key revoked", made),
            (ADMINISTRATOR, "person named", MAYA),
        ]
        assert kept[3:] == [(ADMINISTRATOR, "person named", MAYA), (OPERATOR, "person named", ADMINISTRATOR)]
        assert "Rao" not in answer.text
        assert told(await knock(company, NOOR, "GET", "directory-changes")) == (403, "administrator-alone")


async def test_a_vendor_is_corrected_and_erased_and_a_later_entry_brings_no_name_back(company: World) -> None:
    directory, by = company.doors.directory, By(OPERATOR, company.time.now)
    invoice = spend(ART, "10", "V-1", vendor_name="Kala Sets")
    await company.play([(LINE_PRODUCER, invoice)])
    assert await directory.name_vendor(COMPANY, "kala-sets", "Kala Sets Ltd", by)
    assert await directory.vendors_of(COMPANY) == [("kala-sets", "Kala Sets Ltd")]
    assert await directory.erase_vendor(COMPANY, "kala-sets", by)
    await company.play([(LINE_PRODUCER, spend(ART, "10", "V-2", vendor_name="Kala Sets"))])
    assert await directory.vendors_of(COMPANY) == [("kala-sets", None)]
    assert not await directory.name_vendor(COMPANY, "kala-sets", "Kala Sets", by)
    assert not await directory.erase_vendor(COMPANY, "nobody", by)
    trail = await company.get(MAYA, "audit-trail")
    assert "an erased vendor" in trail.text
    assert "Kala Sets" not in trail.text


class TestWhoeverIsDismissed:
    async def test_is_let_in_by_nothing_of_before_when_they_are_admitted_again(
        self, company: World, published: Publisher
    ) -> None:
        key = (await knock(company, DIRECTOR, "POST", "keys", b'{"scopes": ["read"]}')).json()["key"]
        await company.doors.identities.link(COMPANY, DIRECTOR, published.issuer, "dev-sso", company.time.now)
        company.time.tick()
        await company.play([(ADMINISTRATOR, DismissMember(person=DIRECTOR))])
        await company.play([(ADMINISTRATOR, AdmitMember(person=DIRECTOR))])
        signed_in = bears(company, published, sub="dev-sso")
        borne = [(await company.headers(DIRECTOR)), {"Authorization": f"Bearer {key}"}, signed_in]

        async def let_in(headers: dict[str, str]) -> int:
            return (await company.client.get(f"/v1/{COMPANY}/the-long-take/flags", headers=headers)).status_code

        assert [await let_in(each) for each in borne] == [401, 401, 401]
        _, anew = await company.doors.tokens.create(
            COMPANY, DIRECTOR, company.time.now + timedelta(seconds=1), timedelta(days=1)
        )
        await company.doors.identities.link(
            COMPANY, DIRECTOR, published.issuer, "dev-sso", company.time.now + timedelta(seconds=1)
        )
        assert [await let_in({"Authorization": f"Bearer {anew}"}), await let_in(signed_in)] == [200, 200]

    async def test_has_their_tokens_keys_and_sign_ins_listed_as_ended(self, company: World) -> None:
        await knock(company, DIRECTOR, "POST", "keys", b'{"scopes": ["read"]}')
        await company.play([(ADMINISTRATOR, DismissMember(person=DIRECTOR))])
        [key] = [each for each in await company.doors.api_keys.of(COMPANY) if each.owner == DIRECTOR]
        [token] = [each for each in await company.doors.tokens.of(COMPANY) if each.person == DIRECTOR]
        assert key.revoked_at is not None
        assert token.revoked_at is not None


class TestTheDoorsOfACompany:
    async def test_end_what_was_opened_at_once(self, company: World) -> None:
        made = (await knock(company, MAYA, "POST", "keys", b'{"scopes": ["read"]}')).json()
        borne = {"Authorization": f"Bearer {made['key']}"}
        before = await company.client.get(f"/v1/{COMPANY}/the-long-take/flags", headers=borne)
        someone = await knock(company, DIRECTOR, "DELETE", f"keys/{made['key_id']}")
        ended = [await knock(company, ADMINISTRATOR, "DELETE", f"keys/{made['key_id']}") for _ in range(2)]
        after = await company.client.get(f"/v1/{COMPANY}/the-long-take/flags", headers=borne)

        assert (before.status_code, told(someone)) == (200, (404, "credential-is-missing"))
        assert ([each.status_code for each in ended], after.status_code) == ([204, 204], 401)

    async def test_let_nobody_in_by_a_key(self, company: World) -> None:
        made = (await knock(company, ADMINISTRATOR, "POST", "keys", b'{"scopes": ["read", "log-spend"]}')).json()
        borne = {"Authorization": f"Bearer {made['key']}"}
        for method, path in (("POST", "keys"), ("DELETE", f"people/{MAYA}"), ("DELETE", f"keys/{made['key_id']}")):
            answer = await company.client.request(method, f"/v1/{COMPANY}/{path}", headers=borne, json={})
            assert told(answer) == (403, "scope-is-missing")

    async def test_show_addresses_to_administrators_and_oneself(self, company: World) -> None:
        await knock(company, MAYA, "PUT", f"people/{MAYA}", b'{"name": "Maya Rao", "email": "maya@acme.example"}')

        async def address_seen_by(person: PersonId) -> str | None:
            shown = (await knock(company, person, "GET", "members")).json()["members"]
            return next(each["email"] for each in shown if each["person"] == MAYA)

        assert [await address_seen_by(each) for each in (ADMINISTRATOR, MAYA, DIRECTOR)] == [
            "maya@acme.example",
            "maya@acme.example",
            None,
        ]

    async def test_erase_a_person_and_every_figure_holds(self, company: World) -> None:
        before = await company.read(NOOR, "current-budget")
        assert told(await knock(company, MAYA, "DELETE", f"people/{DIRECTOR}")) == (403, "administrator-alone")
        _, secret = await company.doors.tokens.create(COMPANY, MAYA, company.time.now, timedelta(days=1))
        made = await knock(company, MAYA, "POST", "keys", b'{"scopes": ["read"]}')
        for _ in range(2):
            assert (await knock(company, ADMINISTRATOR, "DELETE", f"people/{MAYA}")).status_code == 204
        for bearer in (secret, made.json()["key"]):
            shut = await company.client.get(f"/v1/{COMPANY}/members", headers={"Authorization": f"Bearer {bearer}"})
            assert shut.status_code == 401
        trail = (await company.read(DIRECTOR, "audit-trail", limit=500))["entries"]

        assert {each["actor_name"] for each in trail if each["actor"] == MAYA} == {"an erased person"}
        assert await company.read(NOOR, "current-budget") == before

    async def test_show_who_acts_for_whom_to_both_of_them_and_to_administrators_who_may_end_it(
        self, company: World
    ) -> None:
        await company.play([(MAYA, delegated(STRANGER)), (NOOR, away(DIRECTOR)), (PRODUCER, delegated(DIRECTOR))])

        async def seen(person: PersonId) -> tuple[list[str], list[str]]:
            shown = (await knock(company, person, "GET", "delegations")).json()
            return [each["delegation"] for each in shown["delegations"]], [each["person"] for each in shown["absences"]]

        assert await seen(MAYA) == await seen(STRANGER) == (["D-1"], [])
        assert await seen(DIRECTOR) == (["D-2"], [NOOR])
        assert await seen(LINE_PRODUCER) == ([], [])
        assert await seen(ADMINISTRATOR) == (["D-1", "D-2"], [NOOR])
        await company.play([(ADMINISTRATOR, RevokeDelegation(delegation="D-1"))])
        await company.play([(ADMINISTRATOR, EndAbsence(person=NOOR))])
        assert await seen(ADMINISTRATOR) == (["D-2"], [])

    async def test_show_a_guest_of_another_company_to_members_as_one(self, company: World) -> None:
        await company.play(GUESTS)
        members = (await knock(company, DIRECTOR, "GET", "members")).json()["members"]
        assert {each["person"]: each["guest_of"] for each in members if each["guest_of"]}[BANKER] == "First Bank"
