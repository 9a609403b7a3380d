"""The stages of a production's life.

development → pre-production → production → post-production → distribution → closed; in any order that life
takes, since shoots stop and start again.

P3  A closed production takes receipts, reversals, recodes, requests for payment, payments with what becomes of them,
    queries, the end of appointments, what releases a commitment or a requisition, what keeps its periods and reports,
    and reopening; nothing else.
P4  Reopening a closed production needs a reason.
"""

from dataclasses import dataclass
from typing import ClassVar

from events.production import Stage, StageEntered

from .command import Command
from .refusal import Conflicting


@dataclass
class ReopeningNeedsReason(Conflicting):
    """The production is closed; entering {stage} reopens it and needs a reason."""

    rule = "P4"
    otherwise = "Send the reason with the command."
    stage: Stage


class EnterStage(Command):
    """A producer or an executive producer moves the production to another stage."""

    refusals = (ReopeningNeedsReason,)
    example: ClassVar = {"stage": "pre_production"}

    stage: Stage


def enter_stage(command: EnterStage, stage: Stage) -> list[StageEntered]:
    """P4; entering the stage one is in does nothing."""
    if command.stage is stage:
        return []
    if stage is Stage.CLOSED and command.reason is None:
        raise ReopeningNeedsReason(command.stage)
    return [StageEntered(command.stage, left=stage)]
