"""One production's story in which every command's example is sent in its turn, and every view is looked at."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from events.budget import Level, TotalName
from events.financing import FundingKind
from events.ids import PersonId
from events.team import Role
from service.deciders.approval import Approve, Reject, RequestChanges, SubmitBudget, WithdrawBudget
from service.deciders.budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.command import Command
from service.deciders.company import OPERATOR, AdmitMember, DismissMember, FoundCompany
from service.deciders.financing import (
    AmendFunding,
    CloseFunding,
    CommitFunding,
    RestsOn,
    SecureFunding,
    WithdrawFunding,
)
from service.deciders.production import OpenProduction
from service.deciders.receipt import RecordReceipt, ReverseReceipt
from service.deciders.spend import LogSpend, RecodeSpend, ReverseSpend
from service.deciders.stage import EnterStage
from service.deciders.team import Appoint, EndAppointment
from tests.deciders.stories import FEATURE, account, appoint, rate, usd
from tests.spec import Story, play

ADMINISTRATOR, MAYA, PRODUCER, RAVI, ACCOUNTANT, AUDITOR = "adele", "maya", "paula", "ravi", "anil", "uma"


@dataclass(frozen=True, slots=True)
class Look:
    """Somebody reads a view."""

    person: PersonId
    view: str
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """The command whose example is sent, as it stands at its class but for what the story decides."""

    person: PersonId
    kind: type[Command]
    request: dict[str, Any]

    @property
    def raw(self) -> bytes:
        return json.dumps(self.request).encode()


Step = tuple[PersonId, Command] | Example | Look


def shown(person: PersonId, command: type[Command], **decided: Any) -> Example:
    return Example(person, command, command.example | decided)


def story(steps: Sequence[Step]) -> Story:
    """What people sent in these steps."""
    sent: Story = []
    for step in steps:
        match step:
            case Look():
                pass
            case Example(person, kind):
                sent.append((person, kind.model_validate_json(step.raw, strict=True)))
            case (person, command):
                sent.append((person, command))
    return sent


def _seen(steps: Sequence[Step], version: str, approval_round: str) -> dict[str, str]:
    """What whoever decides in a round names: the round and the content that they saw."""
    production = play(story(steps)).production
    assert production is not None
    return {"round": approval_round, "content_hash": production.budgets.versions[version].content_hash}


STAFFED: list[Step] = [
    (OPERATOR, FoundCompany(name="Acme Pictures")),
    (OPERATOR, AdmitMember(person=ADMINISTRATOR, name="Adele Fernandes", administrator=True)),
    shown(ADMINISTRATOR, AdmitMember),
    (ADMINISTRATOR, AdmitMember(person=PRODUCER, name="Paula Varga")),
    (ADMINISTRATOR, AdmitMember(person=RAVI, name="Ravi Ortiz")),
    (ADMINISTRATOR, AdmitMember(person=ACCOUNTANT, name="Anil Dahl")),
    (ADMINISTRATOR, AdmitMember(person=AUDITOR, name="Uma Moreau")),
    shown(MAYA, OpenProduction),
    shown(MAYA, Appoint),
    (MAYA, appoint(PRODUCER, Role.PRODUCER)),
    (MAYA, appoint(ACCOUNTANT, Role.ACCOUNTANT)),
    (MAYA, appoint(AUDITOR, Role.AUDITOR)),
]
FUNDED: list[Step] = [
    *STAFFED,
    shown(MAYA, SecureFunding),
    (
        MAYA,
        SecureFunding(
            kind=FundingKind.PRESALE,
            party="Nordlicht Distribution",
            amount=usd("300000"),
            budget_rate=rate("USD", "INR", "84.50"),
            rests_on=RestsOn.LETTER_OF_INTENT,
            document="Letter of 2026-10-15",
        ),
    ),
    shown(MAYA, CommitFunding),
    shown(MAYA, AmendFunding),
    shown(MAYA, CloseFunding),
    shown(ACCOUNTANT, RecordReceipt),
    Look(AUDITOR, "funding"),
    shown(ACCOUNTANT, ReverseReceipt),
    shown(MAYA, WithdrawFunding),
]
SET: list[Step] = [*FUNDED, shown(RAVI, SetBudget), shown(PRODUCER, SubmitBudget), Look(MAYA, "inbox")]
#: The second version does not add, and is turned down; the third is the real top sheet.
WAIVED: list[Step] = [
    *SET,
    shown(MAYA, RequestChanges, **_seen(SET, "v1", "A-1")),
    (PRODUCER, SubmitBudget(budget="v1")),
    shown(PRODUCER, WithdrawBudget),
    (
        RAVI,
        SetBudget(
            currency="INR",
            accounts=(account("2200", "Art Direction", Level.PRODUCTION, "262000"),),
            stated={TotalName.GRAND_TOTAL: account("1", "x", Level.OTHER, "262001").amount},
        ),
    ),
    shown(PRODUCER, WaiveDifference, budget="v2"),
    (PRODUCER, SubmitBudget(budget="v2")),
]
THIRD: list[Step] = [
    *WAIVED,
    shown(MAYA, Reject, **_seen(WAIVED, "v2", "A-3")),
    (RAVI, FEATURE),
    (PRODUCER, SubmitBudget(budget="v3")),
]
WALK: list[Step] = [
    *THIRD,
    shown(MAYA, Approve, **_seen(THIRD, "v3", "A-4")),
    shown(MAYA, LockBudget, budget="v3"),
    shown(RAVI, LogSpend),
    (
        ACCOUNTANT,
        LogSpend.model_validate_json(
            '{"account": "9999", "currency": "USD", "net": "100", "vendor": "chai-point", "spent_on": "2026-11-02",'
            ' "posted_on": "2026-11-02", "kind": "petty_cash",'
            ' "rate": {"source": "USD", "target": "INR", "rate": "84"}}'
        ),
    ),
    Look(AUDITOR, "current_budget"),
    Look(AUDITOR, "approval_status"),
    Look(AUDITOR, "flags"),
    shown(ACCOUNTANT, RecodeSpend),
    Look(AUDITOR, "spend_register", limit=3),
    Look(AUDITOR, "audit_trail", limit=3),
    Look(ADMINISTRATOR, "events", limit=2),
    shown(ACCOUNTANT, ReverseSpend),
    shown(MAYA, UnlockBudget, budget="v3"),
    shown(MAYA, EnterStage),
    shown(MAYA, EndAppointment),
    shown(ADMINISTRATOR, DismissMember),
]
