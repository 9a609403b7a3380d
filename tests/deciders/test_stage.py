"""The stages of a production's life, and what is still taken after it."""

from typing import get_args

import pytest

from events.production import Stage, StageEntered
from service.deciders.command import Command
from service.deciders.decision import ProductionCommand
from service.deciders.production import OpenProduction, ProductionIsClosed
from service.deciders.stage import EnterStage
from tests.deciders.ladders import SOUND
from tests.deciders.stories import ACCOUNTANT, CLOSED, MAYA, OPENED, PRODUCER, STAFFED, TEAM
from tests.spec import given

COMMANDS = [command for command in get_args(ProductionCommand) if command is not OpenProduction]
STILL_TAKEN = {
    "RecordReceipt",
    "ReverseReceipt",
    "ReverseSpend",
    *("QuerySpend", "AnswerQuery", "PaySpend", "VoidPayment", "ReconcileSpend", "UndoReconciliation"),
    *("RemitWithheld", "VoidRemittance"),
    "RecodeSpend",
    "LogCredit",
    "RequestPayment",
    "EndAppointment",
    "EnterStage",
    "WithdrawRequisition",
    "CancelCommitment",
    "ReturnAdvance",
    "VoidReturn",
    "CloseCommitment",
    "OpenPeriod",
    "SoftClosePeriod",
    "ClosePeriod",
    "ReopenPeriod",
    "WithdrawReopening",
    "IssueCostReport",
}


class TestEnterStage:
    def test_moves_the_production(self) -> None:
        given(STAFFED).when(PRODUCER, EnterStage(stage=Stage.PRODUCTION)).then(
            StageEntered(Stage.PRODUCTION, left=Stage.DEVELOPMENT)
        )

    def test_goes_back_as_well(self) -> None:
        shot = [*STAFFED, (PRODUCER, EnterStage(stage=Stage.POST_PRODUCTION))]
        given(shot).when(MAYA, EnterStage(stage=Stage.PRODUCTION)).then(
            StageEntered(Stage.PRODUCTION, left=Stage.POST_PRODUCTION)
        )

    def test_one_is_in_does_nothing(self) -> None:
        given(OPENED).when(MAYA, EnterStage(stage=Stage.DEVELOPMENT)).then_nothing()

    def test_closed_twice_does_nothing(self) -> None:
        given(CLOSED).when(MAYA, EnterStage(stage=Stage.CLOSED)).then_nothing()

    def test_reopens_with_a_reason(self) -> None:
        reshoot = EnterStage(stage=Stage.PRODUCTION, reason="A reshoot.")
        given(CLOSED).when(PRODUCER, reshoot).then(StageEntered(Stage.PRODUCTION, left=Stage.CLOSED))


class TestAClosedProduction:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_takes_what_comes_late_and_nothing_else(self, command: type[Command]) -> None:
        refusals = [given(CLOSED).when(person, SOUND[command]).refusal for person in (MAYA, *TEAM)]
        closed = ProductionIsClosed(command.__name__) in refusals
        assert closed == (command.__name__ not in STILL_TAKEN)

    @pytest.mark.parametrize("late", ["RecordReceipt", "ReverseReceipt", "ReverseSpend", "RecodeSpend"])
    def test_still_does_it(self, late: str) -> None:
        command = next(body for kind, body in SOUND.items() if kind.__name__ == late)
        assert given(CLOSED).when(ACCOUNTANT, command).facts
