"""API keys: how a system (payroll, cards) logs and proposes in the name of the person who answers for it.

`glk_<id>_<secret><checksum>`: 256 random bits and the CRC-32 of all before it, in hexadecimal. It is shown once,
stored hashed, lasts a year at the most, and ends at once when revoked. It may do what its scopes name, within the
rights of its owner, and the facts say that a key did it.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from zlib import crc32

import asyncpg
from sqlalchemy import ARRAY, Column, Index, LargeBinary, MetaData, Table, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import TIMESTAMP

from events.ids import PersonId, Slug
from service.deciders.advance import CloseAdvance, PayAdvance, ReturnAdvance, VoidReturn
from service.deciders.approval import (
    Abstain,
    Approve,
    CloseCondition,
    Nudge,
    OverrideStep,
    ReassignStep,
    RecallRequest,
    Reject,
    RequestChanges,
    WithdrawVote,
)
from service.deciders.budget import LockBudget, SetBudget, UnlockBudget, WaiveDifference
from service.deciders.change import DrawContingency, RequestOverage, TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import (
    AmendCommitment,
    CancelCommitment,
    CloseCommitment,
    DraftCommitment,
    RaiseRequisition,
    ReopenCommitment,
    SubmitCommitment,
    WithdrawRequisition,
)
from service.deciders.company import (
    AcceptInvitation,
    AdmitMember,
    DismissMember,
    FoundCompany,
    InviteMember,
    ReinstateMember,
    SuspendMember,
    WithdrawInvitation,
)
from service.deciders.cost_report import IssueCostReport
from service.deciders.delegation import DelegateAuthority, EndAbsence, RevokeDelegation, SetAbsence
from service.deciders.documents import LogBatch, LogCredit
from service.deciders.estimate import EstimateFinalCost
from service.deciders.financing import AmendFunding, CloseFunding, CommitFunding, SecureFunding, WithdrawFunding
from service.deciders.green_light import GreenlightProduction
from service.deciders.paying import AnswerQuery, PaySpend, QuerySpend, ReconcileSpend, UndoReconciliation, VoidPayment
from service.deciders.payment import RequestPayment
from service.deciders.period import ClosePeriod, OpenPeriod, ReopenPeriod, SoftClosePeriod, WithdrawReopening
from service.deciders.policy import AdoptApprovalPolicy
from service.deciders.production import OpenProduction
from service.deciders.receipt import RecordReceipt, ReverseReceipt
from service.deciders.remittance import RemitWithheld, VoidRemittance
from service.deciders.spend import LogSpend, RecodeSpend, ReverseSpend
from service.deciders.stage import EnterStage
from service.deciders.submission import SubmitBudget, WithdrawBudget
from service.deciders.team import Appoint, EndAppointment
from service.problems import slug

metadata = MetaData()
_C = Text(collation="C")
_INSTANT = TIMESTAMP(timezone=True)

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", _C, primary_key=True),
    Column("secret_hash", LargeBinary, nullable=False),
    Column("company", _C, nullable=False),
    Column("owner", _C, nullable=False),
    Column("scopes", ARRAY(_C), nullable=False),
    Column("created_at", _INSTANT, nullable=False),
    Column("expires_at", _INSTANT, nullable=False),
    Column("revoked_at", _INSTANT),
    UniqueConstraint("secret_hash"),
)

Index("api_keys_owner", api_keys.c.company, api_keys.c.owner)

#: What a key may be made for: to log what happened, and to propose.
FOR_KEYS: frozenset[type[Command]] = frozenset(
    {
        PayAdvance,
        ReturnAdvance,
        VoidReturn,
        LogSpend,
        LogBatch,
        LogCredit,
        ReverseSpend,
        RecodeSpend,
        RecordReceipt,
        ReverseReceipt,
        SetBudget,
        SubmitBudget,
        WithdrawBudget,
        RequestOverage,
        TransferBudget,
        DrawContingency,
        RaiseRequisition,
        WithdrawRequisition,
        DraftCommitment,
        SubmitCommitment,
        AmendCommitment,
        EstimateFinalCost,
        OpenPeriod,
        RequestPayment,
        PaySpend,
        VoidPayment,
        ReconcileSpend,
        UndoReconciliation,
        RemitWithheld,
        VoidRemittance,
        RecallRequest,
        Nudge,
    }
)
#: What a person decides: approvals, commitments, who belongs and who may. A test holds that every command is in one.
FOR_PERSONS: frozenset[type[Command]] = frozenset(
    {
        Approve,
        Abstain,
        RequestChanges,
        Reject,
        WithdrawVote,
        ReassignStep,
        OverrideStep,
        CloseCondition,
        AdoptApprovalPolicy,
        GreenlightProduction,
        DelegateAuthority,
        RevokeDelegation,
        SetAbsence,
        EndAbsence,
        LockBudget,
        UnlockBudget,
        IssueCostReport,
        SoftClosePeriod,
        ClosePeriod,
        ReopenPeriod,
        WithdrawReopening,
        CancelCommitment,
        CloseCommitment,
        CloseAdvance,
        ReopenCommitment,
        WaiveDifference,
        QuerySpend,
        AnswerQuery,
        SecureFunding,
        CommitFunding,
        AmendFunding,
        CloseFunding,
        WithdrawFunding,
        EnterStage,
        OpenProduction,
        Appoint,
        EndAppointment,
        FoundCompany,
        AdmitMember,
        InviteMember,
        WithdrawInvitation,
        AcceptInvitation,
        DismissMember,
        SuspendMember,
        ReinstateMember,
    }
)

PREFIX = "glk_"
#: The scope of every view, and of the feed.
READ = "read"
SCOPES: frozenset[str] = frozenset({READ, *(slug(command.__name__) for command in FOR_KEYS)})
DAYS_AT_MOST = 365
#: Keys of one person that last, at a time.
KEYS_AT_MOST = 50

_WHOLE = re.compile(r"(glk_[0-9a-f]{8}_[0-9a-f]{64})([0-9a-f]{8})").fullmatch


def whole(secret: str) -> bool:
    """Whether a key is as it was written: a slip of the hand is found without a look at the database."""
    parts = _WHOLE(secret)
    return parts is not None and parts[2] == _checksum(parts[1])


def _checksum(key: str) -> str:
    return f"{crc32(key.encode()):08x}"


class TooManyKeys(Exception):
    """The owner has as many keys as one may have."""


@dataclass(frozen=True, slots=True)
class KeySummary:
    """A key as it may be listed: without its secret."""

    key_id: str
    owner: PersonId
    scopes: list[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None


class ApiKeys:
    """The API keys of an installation."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self._pool = pool

    async def create(
        self, company: Slug, owner: PersonId, scopes: Iterable[str], now: datetime, lifetime: timedelta
    ) -> tuple[str, str]:
        """A new key's id and the key itself, which cannot be shown again.

        Raises:
            ValueError: a scope that no key may have, none at all, or a lifetime of more than a year.
            TooManyKeys: the owner has as many as one may have.
        """
        asked = sorted(set(scopes))
        if wrong := [scope for scope in asked if scope not in SCOPES]:
            raise ValueError(f"No key may {' or '.join(wrong)}; one may {', '.join(sorted(SCOPES))}.")
        if not asked:
            raise ValueError(f"A key needs a scope; there are {', '.join(sorted(SCOPES))}.")
        if not timedelta() < lifetime <= timedelta(days=DAYS_AT_MOST):
            raise ValueError(f"A key lasts {DAYS_AT_MOST} days at the most.")
        digits = secrets.token_hex(4)
        key_id, key = f"K-{digits}", f"{PREFIX}{digits}_{secrets.token_hex(32)}"
        key += _checksum(key)
        made = await self._pool.execute(
            "INSERT INTO api_keys (key_id, secret_hash, company, owner, scopes, created_at, expires_at)"
            " SELECT $1, $2, $3, $4, $5, $6, $7 WHERE $8 > (SELECT count(*) FROM api_keys"
            " WHERE company = $3 AND owner = $4 AND revoked_at IS NULL AND expires_at > $6)",
            key_id,
            sha256(key.encode()).digest(),
            company,
            owner,
            asked,
            now,
            now + lifetime,
            KEYS_AT_MOST,
        )
        if made != "INSERT 0 1":
            raise TooManyKeys
        return key_id, key

    async def revoke_in(self, company: Slug, key_id: str, owner: PersonId | None, now: datetime) -> bool:
        """End a key of the company, of the owner if one is named; whether there is one, ended now or before."""
        done = await self._pool.execute(
            "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $4)"
            " WHERE company = $1 AND key_id = $2 AND ($3::text IS NULL OR owner = $3)",
            *(company, key_id, owner, now),
        )
        return bool(done == "UPDATE 1")

    async def revoke(self, key_id: str, now: datetime) -> Slug | None:
        """End a key at once; of which company, or none if there was none to end."""
        company: Slug | None = await self._pool.fetchval(
            "UPDATE api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL RETURNING company",
            *(key_id, now),
        )
        return company

    async def of(self, company: Slug) -> list[KeySummary]:
        """The company's keys, the newest first."""
        rows = await self._pool.fetch(
            "SELECT key_id, owner, scopes, created_at, expires_at, revoked_at FROM api_keys WHERE company = $1"
            " ORDER BY created_at DESC",
            company,
        )
        return [KeySummary(**row) for row in rows]
