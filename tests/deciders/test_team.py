"""The team: appointed, and leaving."""

from typing import ClassVar
from uuid import UUID

import pytest

from events.ids import PersonId
from events.team import Appointed, AppointmentEnded, Role
from service.deciders.authority import RoleMayNot
from service.deciders.command import Command
from service.deciders.company import (
    OPERATOR,
    AcceptInvitation,
    AdmitMember,
    DismissMember,
    InviteMember,
    SuspendMember,
)
from service.deciders.policy import AdoptApprovalPolicy, Template
from service.deciders.team import (
    EndAppointment,
    LastExecutiveProducerStays,
    RoleIsAboveYours,
    RoleIsNotHeld,
)
from tests.deciders.stories import (
    ACCOUNTANT,
    ADMINISTRATOR,
    AUDITOR,
    CLOSED,
    DIRECTOR,
    FIRST_DAY,
    LINE_PRODUCER,
    MAYA,
    NEWCOMER,
    NOOR,
    ONE_DAY,
    OPENED,
    PRODUCER,
    STAFFED,
    STRANGER,
    TWO_HATS,
    appoint,
)
from tests.spec import Story, given

REPORT_TO_PRODUCER = {
    Role.CO_PRODUCER,
    Role.LINE_PRODUCER,
    Role.ASSOCIATE_PRODUCER,
    Role.ACCOUNTANT,
    Role.DEPARTMENT_HEAD,
}


def end(person: str, role: Role) -> EndAppointment:
    return EndAppointment(person=person, role=role)


def invited(person: PersonId, by: PersonId = ADMINISTRATOR, **rights: bool) -> Story:
    """Invited; who plays it lets them accept."""
    return [(by, InviteMember(person=person, name=person, email=f"{person}@acme.example", **rights))]


def played(further: Story) -> Story:
    """The story of a production that goes on; whoever is invited accepts."""
    story: Story = [*OPENED]
    for person, command in further:
        story.append((person, command))
        if isinstance(command, InviteMember):
            story.append((command.person, AcceptInvitation(invitation=UUID(int=len(story)))))
    return story


class TestAppoint:
    @pytest.mark.parametrize("role", Role, ids=str)
    def test_by_an_executive_producer_is_to_any_role(self, role: Role) -> None:
        given(OPENED).when(MAYA, appoint(STRANGER, role)).then(Appointed(STRANGER, role, FIRST_DAY, ()))

    @pytest.mark.parametrize("role", Role, ids=str)
    def test_by_a_producer_is_of_those_who_report_to_them(self, role: Role) -> None:
        answer = given(STAFFED).when(PRODUCER, appoint(STRANGER, role))
        if role in REPORT_TO_PRODUCER:
            answer.then(Appointed(STRANGER, role, FIRST_DAY, ()))
        else:
            answer.then_refused(RoleIsAboveYours(role, (Role.PRODUCER,)))

    def test_to_a_second_role_is_fine(self) -> None:
        given(STAFFED).when(MAYA, appoint(LINE_PRODUCER, Role.DEPARTMENT_HEAD)).then(
            Appointed(LINE_PRODUCER, Role.DEPARTMENT_HEAD, FIRST_DAY, ())
        )

    def test_to_a_role_that_is_held_does_nothing(self) -> None:
        given(STAFFED).when(MAYA, appoint(AUDITOR, Role.AUDITOR, ONE_DAY)).then_nothing()

    def test_as_auditor_after_every_other_role_has_ended_is_fine(self) -> None:
        left = [*STAFFED, (MAYA, end(DIRECTOR, Role.DIRECTOR))]
        given(left).when(MAYA, appoint(DIRECTOR, Role.AUDITOR)).then(Appointed(DIRECTOR, Role.AUDITOR, FIRST_DAY, ()))

    def test_of_whoever_is_executive_producer_too_goes_by_the_higher_role(self) -> None:
        given(STAFFED).when(TWO_HATS, appoint(STRANGER, Role.DIRECTOR)).then(
            Appointed(STRANGER, Role.DIRECTOR, FIRST_DAY, ())
        )


class TestAnExecutiveProducerWhoLeavesTheCompany:
    """T5."""

    LEFT: ClassVar[Story] = [*OPENED, (OPERATOR, DismissMember(person=MAYA))]
    NEXT: ClassVar[Command] = appoint(NOOR, Role.EXECUTIVE_PRODUCER)
    #: The administrator's own doing, and then an administrator who came by another hand.
    SENT_AWAY: ClassVar[Story] = [*OPENED, (ADMINISTRATOR, DismissMember(person=MAYA))]
    ANOTHER: ClassVar[Story] = [(OPERATOR, AdmitMember(person=STRANGER, administrator=True))]

    def test_is_followed_by_one_whom_an_administrator_appoints(self) -> None:
        given(self.LEFT).when(ADMINISTRATOR, self.NEXT).then(Appointed(NOOR, Role.EXECUTIVE_PRODUCER, FIRST_DAY, ()))

    def test_is_followed_past_a_policy_that_would_ask_nobody(self) -> None:
        story: Story = [*OPENED, (MAYA, AdoptApprovalPolicy(template=Template.CO_FINANCED_FEATURE))]
        story = [*story, (OPERATOR, DismissMember(person=MAYA))]
        given(story).when(ADMINISTRATOR, self.NEXT).then(Appointed(NOOR, Role.EXECUTIVE_PRODUCER, FIRST_DAY, ()))

    def test_is_followed_by_the_hand_of_a_second_person_where_an_administrator_made_them_leave(self) -> None:
        follows = Appointed(NOOR, Role.EXECUTIVE_PRODUCER, FIRST_DAY, ())
        given([*self.SENT_AWAY, *self.ANOTHER]).when(STRANGER, self.NEXT).then(follows)
        given(self.SENT_AWAY).when(OPERATOR, self.NEXT).then(follows)

    @pytest.mark.parametrize(
        "who",
        ["themselves", "who was invited by them", "who was invited by who was", "for whom they invited", "readmitted"],
    )
    def test_is_not_followed_by_the_same_hand(self, who: str) -> None:
        """One person, who signs in with addresses of their own, is one hand."""
        stories: dict[str, tuple[Story, PersonId, PersonId]] = {
            "themselves": ([(ADMINISTRATOR, DismissMember(person=MAYA))], ADMINISTRATOR, NOOR),
            "who was invited by them": (
                [*invited("p1", administrator=True), (ADMINISTRATOR, DismissMember(person=MAYA))],
                "p1",
                NOOR,
            ),
            "who was invited by who was": (
                [
                    *invited("p1", administrator=True),
                    *invited("p2", "p1", administrator=True),
                    ("p2", DismissMember(person=MAYA)),
                ],
                ADMINISTRATOR,
                NOOR,
            ),
            "for whom they invited": ([(OPERATOR, DismissMember(person=MAYA)), *invited("p1")], ADMINISTRATOR, "p1"),
            "readmitted": (
                [
                    (ADMINISTRATOR, DismissMember(person=MAYA)),
                    (ADMINISTRATOR, AdmitMember(person=MAYA)),
                    (OPERATOR, DismissMember(person=MAYA)),
                ],
                ADMINISTRATOR,
                NOOR,
            ),
        }
        story, by, successor = stories[who]
        command = appoint(successor, Role.EXECUTIVE_PRODUCER)
        assert isinstance(given(played(story)).when(by, command).refusal, RoleMayNot)
        assert given(played(story)).when(OPERATOR, command).refusal is None

    @pytest.mark.parametrize(
        ("story", "person", "command"),
        [
            (OPENED, ADMINISTRATOR, NEXT),
            ([*OPENED, (ADMINISTRATOR, SuspendMember(person=MAYA))], ADMINISTRATOR, NEXT),
            ([*STAFFED, (OPERATOR, DismissMember(person=MAYA))], ADMINISTRATOR, NEXT),
            (LEFT, ADMINISTRATOR, appoint(ADMINISTRATOR, Role.EXECUTIVE_PRODUCER)),
            (LEFT, ADMINISTRATOR, appoint(NOOR, Role.PRODUCER)),
            (LEFT, STRANGER, NEXT),
            (LEFT, ADMINISTRATOR, end(MAYA, Role.EXECUTIVE_PRODUCER)),
        ],
        ids=["while one is there", "suspended", "one of several", "oneself", "a producer", "no administrator", "end"],
    )
    def test_gives_an_administrator_no_more_than_that(self, story: Story, person: PersonId, command: Command) -> None:
        assert isinstance(given(story).when(person, command).refusal, RoleMayNot)


class TestEndAppointment:
    def test_ends_it(self) -> None:
        given(STAFFED).when(PRODUCER, end(LINE_PRODUCER, Role.LINE_PRODUCER)).then(
            AppointmentEnded(LINE_PRODUCER, Role.LINE_PRODUCER)
        )

    def test_leaves_the_other_roles(self) -> None:
        left = [*STAFFED, (MAYA, end(TWO_HATS, Role.PRODUCER))]
        given(left).when(TWO_HATS, appoint(STRANGER, Role.DIRECTOR)).then(
            Appointed(STRANGER, Role.DIRECTOR, FIRST_DAY, ())
        )

    def test_twice_is_refused(self) -> None:
        left = [*STAFFED, (MAYA, end(ACCOUNTANT, Role.ACCOUNTANT))]
        given(left).when(MAYA, end(ACCOUNTANT, Role.ACCOUNTANT)).then_refused(
            RoleIsNotHeld(ACCOUNTANT, Role.ACCOUNTANT)
        )

    def test_takes_the_role_at_once(self) -> None:
        left = [*STAFFED, (PRODUCER, end(LINE_PRODUCER, Role.LINE_PRODUCER))]
        answer = given(left).when(LINE_PRODUCER, end(STRANGER, Role.ACCOUNTANT))
        answer.then_refused(RoleMayNot("EndAppointment", (), (Role.EXECUTIVE_PRODUCER, Role.PRODUCER)))

    def test_lets_an_executive_producer_leave_while_another_one_stays(self) -> None:
        given(STAFFED).when(NOOR, end(NOOR, Role.EXECUTIVE_PRODUCER)).then(
            AppointmentEnded(NOOR, Role.EXECUTIVE_PRODUCER)
        )

    def test_does_not_count_an_executive_producer_who_left_the_company(self) -> None:
        hired = [*OPENED, (MAYA, appoint(NOOR, Role.EXECUTIVE_PRODUCER)), (ADMINISTRATOR, DismissMember(person=NOOR))]
        given(hired).when(MAYA, end(MAYA, Role.EXECUTIVE_PRODUCER)).then_refused(LastExecutiveProducerStays(MAYA))

    def test_does_not_count_an_executive_producer_who_begins_one_day(self) -> None:
        hired = [*OPENED, (MAYA, appoint(NEWCOMER, Role.EXECUTIVE_PRODUCER, ONE_DAY))]
        given(hired).when(MAYA, end(MAYA, Role.EXECUTIVE_PRODUCER)).then_refused(LastExecutiveProducerStays(MAYA))

    def test_is_taken_after_the_end_of_the_production(self) -> None:
        given(CLOSED).when(MAYA, end(DIRECTOR, Role.DIRECTOR)).then(AppointmentEnded(DIRECTOR, Role.DIRECTOR))
