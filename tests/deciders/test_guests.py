"""Guests, who come from another company, and invitations, by which people come."""

from datetime import timedelta
from uuid import UUID

import pytest

from events.company import InvitationWithdrawn, MemberAdmitted, MemberInvited, Right
from events.delegation import AuthorityDelegated
from events.team import Appointed, Role
from service.deciders.approval import CannotBeReassigned, NotAsked, ReassignStep
from service.deciders.authority import NothingDelegated, RoleMayNot
from service.deciders.company import (
    AcceptInvitation,
    AdministratorAlone,
    AdmitMember,
    BelongedBefore,
    DismissMember,
    InvitationIsMissing,
    InviteMember,
    WithdrawInvitation,
)
from tests.deciders.rounds import delegated
from tests.deciders.rung import WHY
from tests.deciders.stories import (
    ADMINISTRATOR,
    BANK,
    BANKER,
    BOND_COMPANY,
    FINANCIER,
    FIRST_DAY,
    FOUNDED,
    GUESTS,
    INVITATION,
    MAYA,
    NOOR,
    OUTSIDER,
    PRIYA,
    STAFFED,
    STRANGER,
    SUBMITTED,
    TODAY,
    appoint,
    approve,
)
from tests.spec import MORNING, Story, given, play

INVITED: Story = [*FOUNDED, (ADMINISTRATOR, INVITATION)]
SENT = UUID(int=len(INVITED))
YES = AcceptInvitation(invitation=SENT)
JOINED: Story = [*INVITED, (PRIYA, YES)]
UNTIL = MORNING + timedelta(days=14, seconds=len(FOUNDED))


def anew(person: str) -> Story:
    """The member comes back as a guest of the bank."""
    return [
        (ADMINISTRATOR, DismissMember(person=person)),
        (ADMINISTRATOR, AdmitMember(person=person, guest_of=BANK)),
    ]


class TestAGuest:
    def test_is_admitted_without_rights_from_a_company_that_may_be_corrected(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=PRIYA, guest_of=BANK)).then(
            MemberAdmitted(PRIYA, (), BANK)
        )
        there = given([*FOUNDED, *GUESTS])
        there.when(ADMINISTRATOR, AdmitMember(person=PRIYA, guest_of=BANK)).then_nothing()
        there.when(ADMINISTRATOR, AdmitMember(person=PRIYA)).then_nothing()
        there.when(ADMINISTRATOR, AdmitMember(person=PRIYA, guest_of=BOND_COMPANY)).then(
            MemberAdmitted(PRIYA, (), BOND_COMPANY)
        )

    def test_who_was_dismissed_may_come_back_as_a_member(self) -> None:
        left = [*FOUNDED, *GUESTS, (ADMINISTRATOR, DismissMember(person=PRIYA))]
        given(left).when(ADMINISTRATOR, AdmitMember(person=PRIYA, administrator=True)).then(
            MemberAdmitted(PRIYA, (Right.ADMINISTRATOR,), None)
        )
        company = play([*left, (ADMINISTRATOR, AdmitMember(person=PRIYA))]).company
        assert company is not None
        assert not company.guests.get(PRIYA)

    @pytest.mark.parametrize("role", [Role.FINANCIER, Role.COMPLETION_GUARANTOR, Role.AUDITOR], ids=str)
    def test_is_appointed_to_what_guests_are(self, role: Role) -> None:
        given([*STAFFED, *GUESTS]).when(MAYA, appoint(PRIYA, role)).then(Appointed(PRIYA, role, FIRST_DAY, ()))

    def test_acts_under_their_roles_as_a_guest_alone(self) -> None:
        """The executive producer's appointment of before stands, and does not count."""
        demoted = given([*STAFFED, *anew(NOOR)])
        command = appoint(STRANGER, Role.ACCOUNTANT)
        demoted.when(NOOR, command).then_refused(RoleMayNot("Appoint", (), (Role.EXECUTIVE_PRODUCER, Role.PRODUCER)))
        assert demoted.world.metadata(NOOR, command).roles == ("guest",)
        assert demoted.world.metadata(NOOR, AdmitMember(person=OUTSIDER)).roles == ("guest",)

    def test_is_not_asked_in_a_role_that_guests_do_not_hold(self) -> None:
        world = play([*SUBMITTED, *anew(NOOR), *anew(FINANCIER)])
        assert world.production is not None
        roles = world.production.standing(world.company, TODAY).roles
        assert (roles[NOOR], roles[FINANCIER], roles[MAYA]) == ((), (Role.FINANCIER,), (Role.EXECUTIVE_PRODUCER,))

    def test_stands_in_for_a_guest_of_the_same_company(self) -> None:
        lent = [*SUBMITTED, *GUESTS, (MAYA, appoint(PRIYA, Role.FINANCIER)), (PRIYA, delegated(BANKER))]
        [given_to] = [fact for fact, _ in play(lent).facts if isinstance(fact, AuthorityDelegated)]
        assert (given_to.grantor, given_to.to) == (PRIYA, BANKER)
        answer = given(lent).when(f"{BANKER}/{PRIYA}", approve(SUBMITTED))
        assert isinstance(answer.refusal, NotAsked)  # let in to a round that asks others

    def test_stands_in_for_no_member_by_what_was_delegated_before(self) -> None:
        lent = [*SUBMITTED, (MAYA, delegated(STRANGER))]
        assert given(lent).when(f"{STRANGER}/{MAYA}", approve(SUBMITTED)).facts
        given([*lent, *anew(STRANGER)]).when(f"{STRANGER}/{MAYA}", approve(SUBMITTED)).then_refused(
            NothingDelegated(STRANGER, "Approve", MAYA)
        )
        given([*lent, *anew(MAYA)]).when(f"{STRANGER}/{MAYA}", approve(SUBMITTED)).then_refused(
            NothingDelegated(STRANGER, "Approve", MAYA)
        )

    def test_is_given_no_place_of_a_member(self) -> None:
        story = [*SUBMITTED, *GUESTS, (MAYA, appoint(PRIYA, Role.FINANCIER))]
        given(story).when(MAYA, ReassignStep(round="A-1", seat=MAYA, to=PRIYA, reason=WHY)).then_refused(
            CannotBeReassigned(
                "A-1", MAYA, PRIYA, 1, "maya and priya are not of one company, and guests stand in for their own alone"
            )
        )


class TestAnInvitation:
    def test_stands_for_fourteen_days(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, INVITATION).then(MemberInvited(PRIYA, (), BANK, UNTIL))
        company = play(INVITED).company
        assert company is not None
        assert not company.is_member(PRIYA)
        given(INVITED).later(13).when(PRIYA, YES).then(MemberAdmitted(PRIYA, (), BANK))

    def test_of_a_member_says_the_rights_they_will_have(self) -> None:
        chief = InviteMember(person=PRIYA, name="Priya", email="p@acme.example", administrator=True)
        invited = [*FOUNDED, (ADMINISTRATOR, chief)]
        given(FOUNDED).when(ADMINISTRATOR, chief).then(MemberInvited(PRIYA, (Right.ADMINISTRATOR,), None, UNTIL))
        given(invited).when(PRIYA, YES).then(MemberAdmitted(PRIYA, (Right.ADMINISTRATOR,), None))
        given(invited).when(PRIYA, AdmitMember(person=OUTSIDER)).then_refused(AdministratorAlone(PRIYA))

    def test_is_accepted_once_and_again_does_nothing(self) -> None:
        given(JOINED).when(PRIYA, YES).then_nothing()
        given([*JOINED, (ADMINISTRATOR, AdmitMember(person=PRIYA, guest_of=BOND_COMPANY))]).when(
            PRIYA, YES
        ).then_nothing()

    def test_is_accepted_by_whom_it_is_for(self) -> None:
        given(INVITED).when(OUTSIDER, YES).then_refused(InvitationIsMissing())
        given(INVITED).when(PRIYA, AcceptInvitation(invitation=UUID(int=1))).then_refused(InvitationIsMissing())

    def test_that_is_sent_again_stands_anew_and_alone(self) -> None:
        again: Story = [*INVITED, (ADMINISTRATOR, INVITATION.model_copy(update={"email": "other@bank.example"}))]
        given(again).when(PRIYA, YES).then_refused(InvitationIsMissing())
        given(again).when(PRIYA, AcceptInvitation(invitation=UUID(int=len(again)))).then(
            MemberAdmitted(PRIYA, (), BANK)
        )
        late = given(INVITED).later(15)
        late.when(ADMINISTRATOR, INVITATION).then(MemberInvited(PRIYA, (), BANK, UNTIL + timedelta(days=15, seconds=1)))

    def test_is_withdrawn_while_it_is_open(self) -> None:
        back = WithdrawInvitation(person=PRIYA)
        given(INVITED).when(ADMINISTRATOR, back).then(InvitationWithdrawn(PRIYA))
        given([*INVITED, (ADMINISTRATOR, back)]).when(PRIYA, YES).then_refused(InvitationIsMissing())
        given([*INVITED, (ADMINISTRATOR, back)]).when(ADMINISTRATOR, back).then_refused(InvitationIsMissing())
        given(JOINED).when(ADMINISTRATOR, back).then_refused(InvitationIsMissing())

    def test_ends_when_somebody_admits_the_person_themselves(self) -> None:
        admitted = [*INVITED, (ADMINISTRATOR, AdmitMember(person=PRIYA))]
        given(admitted).when(PRIYA, YES).then_refused(InvitationIsMissing())
        given(admitted).when(ADMINISTRATOR, INVITATION).then_refused(BelongedBefore(PRIYA))

    def test_that_was_accepted_brings_nobody_back_who_was_dismissed(self) -> None:
        left = [*JOINED, (ADMINISTRATOR, DismissMember(person=PRIYA))]
        given(left).when(PRIYA, YES).then_refused(InvitationIsMissing())
        given([*left, (ADMINISTRATOR, AdmitMember(person=PRIYA))]).when(ADMINISTRATOR, INVITATION).then_refused(
            BelongedBefore(PRIYA)
        )
