"""A company and its members."""

from events.company import CompanyFounded, MemberAdmitted, MemberDismissed, MemberReinstated, MemberSuspended, Right
from events.production import ProductionKind, ProductionOpened
from events.team import Appointed, Role
from service.deciders.company import (
    OPERATOR,
    AdministratorAlone,
    AdmitMember,
    DismissMember,
    FoundCompany,
    MemberIsMissing,
    ReinstateMember,
    SuspendMember,
)
from service.deciders.production import OpeningNeedsRight, OpenProduction
from tests.deciders.stories import (
    ADMINISTRATOR,
    FOUNDED,
    MAYA,
    NOOR,
    OPENED,
    OPENING,
    OUTSIDER,
    STRANGER,
    TODAY,
    appoint,
)
from tests.spec import given, play


class TestFoundCompany:
    def test_founds_it(self) -> None:
        given([]).when(OPERATOR, FoundCompany(name="Acme Pictures")).then(CompanyFounded("Acme Pictures"))

    def test_twice_does_nothing(self) -> None:
        given(FOUNDED).when(OPERATOR, FoundCompany(name="Acme Pictures")).then_nothing()


class TestAdmitMember:
    def test_admits_somebody_without_rights(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=OUTSIDER)).then(MemberAdmitted(OUTSIDER, (), None))

    def test_keeps_the_name_for_the_directory_out_of_the_facts(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=OUTSIDER, name="Zoe Kahn")).then(
            MemberAdmitted(OUTSIDER, (), None)
        )

    def test_again_with_the_same_rights_does_nothing(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=MAYA, may_open_productions=True)).then_nothing()

    def test_leaves_the_rights_it_does_not_speak_of(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=MAYA, name="Maya Rao-Lal")).then_nothing()
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=MAYA, administrator=True)).then(
            MemberAdmitted(MAYA, (Right.ADMINISTRATOR, Right.MAY_OPEN_PRODUCTIONS), None)
        )

    def test_again_with_other_rights_changes_them(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, AdmitMember(person=MAYA, may_open_productions=False)).then(
            MemberAdmitted(MAYA, (), None)
        )

    def test_makes_administrators_who_admit_others(self) -> None:
        promoted = [*FOUNDED, (ADMINISTRATOR, AdmitMember(person=MAYA, administrator=True))]
        given(promoted).when(MAYA, AdmitMember(person=OUTSIDER)).then(MemberAdmitted(OUTSIDER, (), None))

    def test_is_recorded_under_what_the_sender_is_in_the_company(self) -> None:
        roles = {around.actor: around.roles for _, around in play(FOUNDED).facts}
        assert roles == {OPERATOR: (OPERATOR,), ADMINISTRATOR: ("administrator", "member")}


class TestSuspendMember:
    def test_lets_them_count_for_nothing_until_they_are_reinstated(self) -> None:
        suspended = [*OPENED, (ADMINISTRATOR, SuspendMember(person=MAYA))]
        given(OPENED).when(ADMINISTRATOR, SuspendMember(person=MAYA)).then(MemberSuspended(MAYA))
        company = given(suspended).world.company
        assert company is not None
        assert (company.is_member(MAYA), company.may_open_productions(MAYA)) == (False, False)
        given(suspended).when(ADMINISTRATOR, SuspendMember(person=MAYA)).then_nothing()
        given(suspended).when(ADMINISTRATOR, ReinstateMember(person=MAYA)).then(MemberReinstated(MAYA))

        back = given([*suspended, (ADMINISTRATOR, ReinstateMember(person=MAYA))])
        assert back.world.company == given(OPENED).world.company
        back.when(ADMINISTRATOR, ReinstateMember(person=MAYA)).then_nothing()

    def test_of_an_administrator_ends_what_they_may_do(self) -> None:
        suspended = [*FOUNDED, (OPERATOR, SuspendMember(person=ADMINISTRATOR))]
        given(suspended).when(ADMINISTRATOR, AdmitMember(person="x")).then_refused(AdministratorAlone(ADMINISTRATOR))


class TestDismissMember:
    def test_ends_the_membership(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, DismissMember(person=MAYA)).then(MemberDismissed(MAYA))

    def test_twice_is_refused(self) -> None:
        dismissed = [*FOUNDED, (ADMINISTRATOR, DismissMember(person=MAYA))]
        given(dismissed).when(ADMINISTRATOR, DismissMember(person=MAYA)).then_refused(MemberIsMissing(MAYA))

    def test_takes_the_right_to_open_productions(self) -> None:
        dismissed = [*FOUNDED, (ADMINISTRATOR, DismissMember(person=MAYA))]
        given(dismissed).when(MAYA, OPENING).then_refused(OpeningNeedsRight(MAYA))

    def test_of_an_administrator_is_another_ones_or_the_operators(self) -> None:
        given(FOUNDED).when(OPERATOR, DismissMember(person=ADMINISTRATOR)).then(MemberDismissed(ADMINISTRATOR))

    def test_takes_an_administrators_rights(self) -> None:
        dismissed = [*FOUNDED, (OPERATOR, DismissMember(person=ADMINISTRATOR))]
        given(dismissed).when(ADMINISTRATOR, AdmitMember(person=OUTSIDER)).then_refused(
            AdministratorAlone(ADMINISTRATOR)
        )

    def test_leaves_nobody_to_appoint(self) -> None:
        dismissed = [*OPENED, (ADMINISTRATOR, DismissMember(person=STRANGER))]
        given(dismissed).when(MAYA, appoint(STRANGER, Role.PRODUCER)).then_refused(MemberIsMissing(STRANGER))


class TestOpenProduction:
    def test_makes_the_opener_its_first_executive_producer(self) -> None:
        given(FOUNDED).when(MAYA, OPENING).then(
            ProductionOpened("The Long Take", ProductionKind.FEATURE, "INR", "Asia/Kolkata"),
            Appointed(MAYA, Role.EXECUTIVE_PRODUCER, TODAY, ()),
        )

    def test_counts_the_days_where_the_production_is(self) -> None:
        far_east = OPENING.model_copy(update={"time_zone": "Pacific/Kiritimati"})
        far_west = OPENING.model_copy(update={"time_zone": "Pacific/Pago_Pago"})
        days = [play([*FOUNDED, (MAYA, opening)]).facts[-1][0].from_on.day for opening in (far_east, far_west)]
        assert days == [2, 1]

    def test_needs_a_company(self) -> None:
        given([]).when(MAYA, OPENING).then_refused(OpeningNeedsRight(MAYA))

    def test_is_not_for_administrators_without_the_right(self) -> None:
        given(FOUNDED).when(ADMINISTRATOR, OPENING).then_refused(OpeningNeedsRight(ADMINISTRATOR))

    def test_is_for_whoever_was_given_the_right(self) -> None:
        granted = [*FOUNDED, (ADMINISTRATOR, AdmitMember(person=NOOR, may_open_productions=True))]
        series = OpenProduction(title="Monsoon", kind=ProductionKind.SERIES, currency="JPY", time_zone="Asia/Tokyo")
        given(granted).when(NOOR, series).then(
            ProductionOpened("Monsoon", ProductionKind.SERIES, "JPY", "Asia/Tokyo"),
            Appointed(NOOR, Role.EXECUTIVE_PRODUCER, TODAY, ()),
        )
