"""Who reads what of a production: role by role, account by account."""

import pytest

from events.budget import Level
from events.ids import AccountCode, PersonId
from events.team import Role
from service.deciders.company import AdmitMember, SuspendMember
from service.deciders.confidential import EVERYTHING, NOTHING, Sight, open_accounts, sight
from service.deciders.team import Appoint
from tests.deciders.stories import (
    ADMINISTRATOR,
    ART,
    BOND,
    CONTINGENCY,
    DEPARTMENT_HEAD,
    DRAFTED,
    EDITING,
    FIRST_DAY,
    INSURANCE,
    LINE_PRODUCER,
    MAYA,
    NEWCOMER,
    ONE_DAY,
    OVERHEAD,
    STORY,
    STRANGER,
    TODAY,
    account,
    appoint,
    budget,
)
from tests.spec import Story, play

OPEN = frozenset({ART, EDITING, INSURANCE, CONTINGENCY, BOND, OVERHEAD})
#: Written here a second time.
READS = {
    *("executive_producer", "producer", "co_producer", "line_producer", "accountant"),
    *("financier", "completion_guarantor", "auditor"),
}


def seen(story: Story, *readers: PersonId) -> Sight:
    """What somebody may read after the story."""
    world = play(story)
    assert world.production is not None
    assert world.company is not None
    return sight(world.production, world.company, readers, TODAY)


def known(story: Story) -> frozenset[AccountCode]:
    production = play(story).production
    assert production is not None
    return open_accounts(production.budgets)


class TestWhoReads:
    @pytest.mark.parametrize("role", Role)
    def test_by_their_role(self, role: Role) -> None:
        hired = [*DRAFTED, (MAYA, appoint(STRANGER, role))]

        assert seen(hired, STRANGER) == (EVERYTHING if role.value in READS else Sight(OPEN))

    def test_not_by_a_role_that_begins_one_day(self) -> None:
        hired = [*DRAFTED, (MAYA, appoint(NEWCOMER, Role.ACCOUNTANT, ONE_DAY))]

        assert seen(hired, NEWCOMER) == Sight(OPEN)

    def test_not_by_running_the_company_unless_it_lets_them(self) -> None:
        granted = [*DRAFTED, (ADMINISTRATOR, AdmitMember(person=STRANGER, reads_confidential=True))]

        assert seen(DRAFTED, ADMINISTRATOR) == Sight(OPEN)
        assert seen(granted, STRANGER) == EVERYTHING
        assert seen([*granted, (ADMINISTRATOR, SuspendMember(person=STRANGER))], STRANGER) == Sight(OPEN)

    def test_for_whom_they_may_act(self) -> None:
        assert seen(DRAFTED, STRANGER, LINE_PRODUCER) == EVERYTHING
        assert seen(DRAFTED, STRANGER, ADMINISTRATOR) == Sight(OPEN)

    def test_a_department_head_their_own_accounts_too(self) -> None:
        own = Appoint(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(STORY, "7700"))

        assert seen([*DRAFTED, (MAYA, own)], DEPARTMENT_HEAD) == Sight(OPEN | {STORY, "7700"})


class TestAnAccount:
    def test_is_open_below_the_line_and_as_a_charge(self) -> None:
        assert known(DRAFTED) == OPEN

    def test_that_nobody_has_spoken_of_is_not(self) -> None:
        assert known(DRAFTED[:-1]) == frozenset()

    @pytest.mark.parametrize("first", [Level.ABOVE_THE_LINE, Level.PRODUCTION])
    def test_that_any_version_has_above_the_line_is_not(self, first: Level) -> None:
        then = Level.PRODUCTION if first is Level.ABOVE_THE_LINE else Level.ABOVE_THE_LINE
        versions = [budget(accounts=(account(STORY, "Story", level, "1000"),), charges=()) for level in (first, then)]

        assert known([*DRAFTED[:-1], *((LINE_PRODUCER, version) for version in versions)]) == frozenset()

    def test_is_shown_with_all_others_of_a_figure_or_not_at_all(self) -> None:
        some = Sight(OPEN)

        assert (some.shows(()), some.shows((ART, BOND)), some.shows((ART, STORY)), some.shows(None)) == (
            *(True, True),
            *(False, False),
        )
        assert (EVERYTHING.shows(None), NOTHING.shows(()), NOTHING.shows((ART,))) == (True, True, False)
        assert (EVERYTHING.withheld is None, NOTHING.withheld is None) == (True, False)
