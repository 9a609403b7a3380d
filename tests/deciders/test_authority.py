"""Who may send what: every command and every role, against a table written here a second time."""

import re
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import get_args

import pytest

from events.team import Role
from service import deciders
from service.api_keys import FOR_KEYS
from service.deciders.authority import MAY_SEND, RoleMayNot, power
from service.deciders.command import Command
from service.deciders.confidential import READ_CONFIDENTIAL
from service.deciders.decision import STILL_TAKEN, ProductionCommand, refusals
from service.deciders.production import OpenProduction
from service.problems import slug
from tests.deciders.ladders import SOUND
from tests.deciders.matrix import OF_COMPANY, PEOPLE, STATES, WITHOUT, in_company, outcome
from tests.deciders.stories import (
    ACCOUNTANT,
    MAYA,
    NEWCOMER,
    ONE_DAY,
    OPENED,
    SMALL,
    STAFFED,
    STRANGER,
    TWO_HATS,
    appoint,
    equity,
    inr,
    spend,
)
from tests.events.golden import golden
from tests.spec import given

DOCUMENT = Path(__file__).parents[2] / "docs" / "authority.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->"

IN_EACH_STATE = """## What comes of it, in each state of a production

One sound command of each kind, sent by somebody who holds one role: **x** it is taken, **closed** the production is
closed (P3), else the rule that refuses it; by role where it differs. Whoever holds none of the roles above is refused
by P2 in every state: other roles, and members, guests and administrators of the company without a role.

* **just opened**: staffed, without funding or a budget; **a draft**: funded, with a budget set; **submitted**: it waits
  for its approval in a round; **locked**: approved, locked and spent on; **closed**: after that.
"""
IN_A_COMPANY = """## A company's own commands

As its administrator, a member and a guest send them, about somebody else; **x** it is taken.
"""
#: A production that is there, for another, by a role, before the end.
OF_EVERY_COMMAND = ("P1", "D2", "P2", "P3")

ROLES = ["EP", "PR", "CO", "LP", "AP", "DI", "DH", "AC", "FI", "CG", "AU"]
#: The table of commands, in its own words: who may send what.
TABLE = """
                     EP PR CO LP AP DI DH AC FI CG AU
Appoint              x  x  .  .  .  .  .  .  .  .  .
EndAppointment       x  x  .  .  .  .  .  .  .  .  .
SecureFunding        x  .  x  .  .  .  .  .  .  .  .
CommitFunding        x  .  .  .  .  .  .  .  .  .  .
AmendFunding         x  .  .  .  .  .  .  .  .  .  .
CloseFunding         x  .  .  .  .  .  .  .  .  .  .
WithdrawFunding      x  .  .  .  .  .  .  .  .  .  .
RecordReceipt        x  .  .  .  .  .  .  x  .  .  .
ReverseReceipt       x  .  .  .  .  .  .  x  .  .  .
SetBudget            .  x  .  x  .  .  .  .  .  .  .
WaiveDifference      .  x  .  .  .  .  .  .  .  .  .
SubmitBudget         .  x  .  .  .  .  .  .  .  .  .
WithdrawBudget       .  x  .  .  .  .  .  .  .  .  .
AdoptApprovalPolicy  x  .  .  .  .  .  .  .  .  .  .
Approve              x  x  x  x  x  x  x  x  x  x  .
Abstain              x  x  x  x  x  x  x  x  x  x  .
RequestChanges       x  x  x  x  x  x  x  x  x  x  .
Reject               x  x  x  x  x  x  x  x  x  x  .
WithdrawVote         x  x  x  x  x  x  x  x  x  x  .
RecallRequest        x  x  x  x  x  x  x  x  x  x  .
Nudge                x  x  x  x  x  x  x  x  x  x  .
ReassignStep         x  x  x  x  x  x  x  x  x  x  .
OverrideStep         x  x  x  x  x  x  x  x  x  x  .
CloseCondition       x  x  x  x  x  x  x  x  x  x  .
LockBudget           x  .  .  .  .  .  .  .  .  .  .
UnlockBudget         x  .  .  .  .  .  .  .  .  .  .
RequestOverage       .  x  .  x  .  .  .  .  .  .  .
TransferBudget       .  x  .  x  .  .  .  .  .  .  .
DrawContingency      .  x  .  x  .  .  .  .  .  .  .
GreenlightProduction x  .  .  .  .  .  .  .  .  .  .
RaiseRequisition     x  x  .  x  .  .  x  x  .  .  .
WithdrawRequisition  x  x  .  x  .  .  x  x  .  .  .
DraftCommitment      x  x  .  x  .  .  .  x  .  .  .
SubmitCommitment     x  x  .  x  .  .  .  x  .  .  .
AmendCommitment      x  x  .  x  .  .  .  x  .  .  .
CancelCommitment     x  x  .  x  .  .  .  x  .  .  .
CloseCommitment      x  x  .  x  .  .  .  x  .  .  .
ReopenCommitment     x  x  .  x  .  .  .  x  .  .  .
EstimateFinalCost    .  x  .  x  .  .  .  x  .  .  .
PayAdvance           .  .  .  x  .  .  .  x  .  .  .
ReturnAdvance        .  .  .  x  .  .  .  x  .  .  .
VoidReturn           .  .  .  x  .  .  .  x  .  .  .
CloseAdvance         .  .  .  x  .  .  .  x  .  .  .
LogSpend             .  .  .  x  .  .  .  x  .  .  .
LogBatch             .  .  .  x  .  .  .  x  .  .  .
LogCredit            .  .  .  x  .  .  .  x  .  .  .
ReverseSpend         .  .  .  x  .  .  .  x  .  .  .
RecodeSpend          .  .  .  x  .  .  .  x  .  .  .
RequestPayment       .  .  .  x  .  .  .  x  .  .  .
IssueCostReport      x  x  .  x  .  .  .  x  .  .  .
OpenPeriod           .  .  .  .  .  .  .  x  .  .  .
SoftClosePeriod      .  .  .  .  .  .  .  x  .  .  .
ClosePeriod          .  .  .  .  .  .  .  x  .  .  .
ReopenPeriod         x  x  .  .  .  .  .  x  .  .  .
WithdrawReopening    x  x  .  .  .  .  .  x  .  .  .
QuerySpend           x  x  .  x  .  .  .  x  .  .  .
AnswerQuery          x  x  x  x  x  x  x  x  x  x  .
PaySpend             .  .  .  .  .  .  .  x  .  .  .
VoidPayment          .  .  .  .  .  .  .  x  .  .  .
ReconcileSpend       .  .  .  .  .  .  .  x  .  .  .
UndoReconciliation   .  .  .  .  .  .  .  x  .  .  .
RemitWithheld        .  .  .  .  .  .  .  x  .  .  .
VoidRemittance       .  .  .  .  .  .  .  x  .  .  .
EnterStage           x  x  .  .  .  .  .  .  .  .  .
"""
ALLOWED = {
    line.split()[0]: {role: mark == "x" for role, mark in zip(ROLES, line.split()[1:], strict=True)}
    for line in TABLE.strip().splitlines()[1:]
}
LETTERS = {
    Role.EXECUTIVE_PRODUCER: "EP",
    Role.PRODUCER: "PR",
    Role.CO_PRODUCER: "CO",
    Role.LINE_PRODUCER: "LP",
    Role.ASSOCIATE_PRODUCER: "AP",
    Role.DIRECTOR: "DI",
    Role.DEPARTMENT_HEAD: "DH",
    Role.ACCOUNTANT: "AC",
    Role.FINANCIER: "FI",
    Role.COMPLETION_GUARANTOR: "CG",
    Role.AUDITOR: "AU",
}
LETTERS_OF = {letters: role for role, letters in LETTERS.items()}
COMMANDS = [command for command in get_args(ProductionCommand) if command is not OpenProduction]


def rules() -> dict[str, str]:
    """Every numbered rule, as the docstring of its decider says it."""
    found: dict[str, str] = {}
    for module in iter_modules(deciders.__path__, "service.deciders."):
        text = import_module(module.name).__doc__ or ""
        for rule in re.finditer(r"^([A-Z][0-9]+) +((?:.+\n)(?:    .+\n)*)", text, re.MULTILINE):
            found[rule[1]] = " ".join(rule[2].split())
    return dict(sorted(found.items(), key=lambda each: (each[0][0], int(each[0][1:]))))


def _may_be_refused_by(command: type[Command]) -> list[str]:
    """The rules of its refusals, each once, in the order in which they are tried."""
    return [*dict.fromkeys(vars(refusal)["rule"] for refusal in refusals(command))]


def _table() -> str:
    head = ["command", *ROLES, "closed", "for another", "key", "and then"]
    lines = [head, ["---", *[":-:"] * (len(head) - 2), "---"]]
    for command in COMMANDS:
        marks = [LETTERS_OF[letter] in MAY_SEND[command] for letter in ROLES]
        marks += [command in STILL_TAKEN, power(command) is not None, command in FOR_KEYS]
        said = [rule for rule in _may_be_refused_by(command) if rule not in OF_EVERY_COMMAND]
        lines.append([f"`{slug(command.__name__)}`", *("x" if mark else " " for mark in marks), ", ".join(said)])
    reads = ["x" if LETTERS_OF[letter] in READ_CONFIDENTIAL else " " for letter in ROLES]
    lines.append(["reads pay and above the line", *reads, "x", "x", "x", "K1 to K4"])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(state: str, command: type[Command]) -> str:
    """What comes of it for those whose roles may send it: by role where it differs."""
    by: dict[str, list[str]] = {}
    for letters in ROLES:
        role = LETTERS_OF[letters]
        if role in MAY_SEND[command]:
            by.setdefault(outcome(state, PEOPLE[role], command), []).append(letters)
    if len(by) == 1:
        return next(iter(by))
    return "; ".join(f"{what} {' '.join(letters)}" for what, letters in by.items())


def _states() -> str:
    lines = [["command", *STATES], ["---"] * (len(STATES) + 1)]
    lines += [[f"`{slug(command.__name__)}`", *(_cell(state, command) for state in STATES)] for command in COMMANDS]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _of_company() -> str:
    lines = [["command", *WITHOUT], ["---"] * (len(WITHOUT) + 1)]
    for command in OF_COMPANY:
        cells = (in_company(person, command) for person in WITHOUT.values())
        lines.append([f"`{slug(type(command).__name__)}`", *cells])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rules_of_cells() -> set[str]:
    cells = [outcome(state, person, command) for state in STATES for person in PEOPLE.values() for command in COMMANDS]
    cells += [in_company(person, command) for person in WITHOUT.values() for command in OF_COMPANY]
    return {cell for cell in cells if cell in rules()}


def told() -> str:
    """The document, with its table as the code has it."""
    before, _, rest = DOCUMENT.read_text().partition(BEGIN)
    named = {rule for command in COMMANDS for rule in _may_be_refused_by(command)} | {"C1", "C2", "C4", "D1", "D5"}
    named |= {"K1", "K2", "K3", "K4"} | _rules_of_cells()
    legend = "".join(f"* **{rule}** {text}\n" for rule, text in rules().items() if rule in named)
    tables = f"{_table()}\n{IN_EACH_STATE}\n{_states()}\n{IN_A_COMPANY}\n{_of_company()}"
    return f"{before}{BEGIN}\n{tables}\n{legend}\n{END}{rest.partition(END)[2]}"


@pytest.mark.gate
@pytest.mark.golden
class TestTheDocument:
    def test_is_what_the_table_says(self) -> None:
        text = told()
        assert text == golden(DOCUMENT, text), "run `make golden` and read the difference"

    def test_tells_every_rule_by_which_a_command_can_be_refused(self) -> None:
        assert {rule for command in COMMANDS for rule in _may_be_refused_by(command)} <= rules().keys()


class TestTheTable:
    @pytest.mark.parametrize("role", Role, ids=str)
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_says_who_may_send(self, command: type[Command], role: Role) -> None:
        one_role = given([*OPENED, (MAYA, appoint(STRANGER, role))])
        refused = isinstance(one_role.when(STRANGER, SOUND[command]).refusal, RoleMayNot)
        assert (not refused) == ALLOWED[command.__name__][LETTERS[role]]

    def test_has_a_row_for_every_command_and_a_column_for_every_role(self) -> None:
        assert ALLOWED.keys() == {command.__name__ for command in COMMANDS}
        assert MAY_SEND.keys() == set(COMMANDS)
        assert LETTERS.keys() == set(Role)


class TestRoles:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_without_any_nothing_may_be_sent(self, command: type[Command]) -> None:
        given(STAFFED).when(STRANGER, SOUND[command]).then_refused(RoleMayNot(command.__name__, (), MAY_SEND[command]))

    def test_that_begin_one_day_do_not_count_yet(self) -> None:
        hired = [*OPENED, (MAYA, appoint(NEWCOMER, Role.ACCOUNTANT, ONE_DAY))]
        given(hired).when(NEWCOMER, spend("2200", "100")).then_refused(
            RoleMayNot("LogSpend", (), (Role.LINE_PRODUCER, Role.ACCOUNTANT))
        )

    def test_add_up(self) -> None:
        as_executive, as_producer = equity(inr("1000")), SMALL
        assert given(STAFFED).when(TWO_HATS, as_executive).refusal is None
        assert given(STAFFED).when(TWO_HATS, as_producer).refusal is None
        given(STAFFED).when(TWO_HATS, spend("2200", "100")).then_refused(
            RoleMayNot(
                "LogSpend",
                (Role.EXECUTIVE_PRODUCER, Role.PRODUCER),
                (Role.LINE_PRODUCER, Role.ACCOUNTANT),
            )
        )

    def test_of_one_production_are_what_the_facts_say(self) -> None:
        assert given(STAFFED).world.metadata(ACCOUNTANT, spend("2200", "100")).roles == (Role.ACCOUNTANT,)
