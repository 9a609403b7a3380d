"""A file read as a budget: the `set-budget` that it says, what was left out, and how far it is from what it states.

What the file prints as sums is compared with the sums of its parts: leaves, accounts, levels and the whole. Nothing is
set, and no line is ever added to make them meet.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from itertools import count
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from events.budget import BudgetDrafted, BudgetTotals, LabelDisagrees, Stated, TotalDisagrees, VarianceAccepted
from events.ids import AccountCode, Digest
from events.money import Amount, Currency
from service.deciders.budget import Budgets, SetBudget, set_budget
from service.deciders.refusal import Refusal
from service.spreadsheets import CSV, NotASpreadsheet, rows_of_csv, rows_of_xlsx, sheets_of

from .profile import Found, NoHeadings, Profile, found_in
from .table import COLUMNS, Unreadable, body_of

#: The sheet of our own workbooks that says everything.
DETAIL = "Detail"


class LeftOut(BaseModel):
    """A row that nothing was made of."""

    row: int = Field(description="Its number in the file, from 1.")
    why: str


class Difference(BaseModel):
    """A printed sum that is not the sum of its parts."""

    of: str = Field(description="A total by its name, an account by its code, or a line by its row, such as `row 17`.")
    stated: Amount
    computed: Amount
    difference: Amount = Field(description="Stated less computed.")
    accepted: bool = Field(description="Within the tolerance. Of a line, it is its account that counts.")


class Fault(BaseModel):
    """What keeps the file from being a budget."""

    pointer: str = Field(description="JSON pointer into the command.")
    rule: str


class FileRead(BaseModel):
    """What a file says of a budget."""

    document: str
    document_sha256: Digest
    rows: int = Field(description="That were read, below the headings; empty ones are none.")
    left_out: list[LeftOut]
    faults: list[Fault] = Field(description="What has to be mended in the file, or in the command, before it is sent.")
    command: SetBudget | None = Field(description="The body of `set-budget` that the file says; none where faults are.")
    totals: BudgetTotals | None
    differences: list[Difference] = Field(description="What is printed and is not what it comes to.")
    labels: list[Difference] = Field(description="Charges and credits whose amount is not their percentage.")
    reconciled: bool = Field(description="Whether it could be submitted as it is: every difference is accepted.")


class CannotBeRead(ValueError):
    """The file is no spreadsheet, or says nothing of a budget."""


@dataclass(frozen=True, slots=True)
class File:
    """What somebody sent, and how it is to be read."""

    name: str
    data: bytes
    media_type: str
    profile: Profile
    sheet: str | None = None
    #: For every level that is summed; None leaves it to the file.
    tolerance: Decimal | None = None


def read(file: File, base: Currency) -> FileRead:
    """What the file says.

    Args:
        base: the production's currency, in which a file is that names no other.

    Raises:
        CannotBeRead: it is no spreadsheet, or no row of it says what its columns are.
    """
    try:
        rows = _rows(file)
        found = _of_our_own(rows) if _is_our_own(rows) else found_in(rows, file.profile)
    except (NotASpreadsheet, NoHeadings, Unreadable) as error:
        raise CannotBeRead(str(error)) from None
    digest = sha256(file.data).hexdigest()
    body = {"currency": base} | found.body | {"document": file.name, "document_sha256": digest}
    if file.tolerance is not None:
        body["tolerance"] = file.tolerance
    left_out = [LeftOut(row=number, why=why) for number, why in sorted(found.left_out.items())]
    told: dict[str, Any] = {"document": file.name, "document_sha256": digest, "rows": found.rows, "left_out": left_out}
    try:
        version = SetBudget.model_validate_json(json.dumps(body, default=str), strict=True)
        first, *_ = _facts(version, base)
    except (ValidationError, Refusal) as error:
        nothing: dict[str, Any] = {"command": None, "totals": None, "differences": [], "labels": []}
        return FileRead(**told, **nothing, faults=_faults(error), reconciled=False)
    lines = list(_lines_apart(found, first))
    version = version.model_copy(update={"stated": version.stated | _printed(found, first, version.stated)})
    drafted, *others = _facts(version, base)
    return FileRead(
        **told,
        faults=[],
        command=version,
        totals=drafted.totals,
        differences=[*lines, *(_difference(each) for each in others if not isinstance(each, LabelDisagrees))],
        labels=[_label(each) for each in others if isinstance(each, LabelDisagrees)],
        reconciled=not any(isinstance(each, TotalDisagrees) for each in others),
    )


def _faults(error: ValidationError | Refusal) -> list[Fault]:
    if isinstance(error, Refusal):
        return [Fault(pointer="", rule=f"{error} {error.advice()}")]
    return [Fault(pointer="/" + "/".join(map(str, each["loc"])), rule=each["msg"]) for each in error.errors()]


def _rows(file: File) -> list[tuple[int, list[str]]]:
    if file.media_type == CSV:
        return list(rows_of_csv(file.data))
    sheet = file.sheet or (DETAIL if DETAIL in sheets_of(file.data) else None)
    return list(rows_of_xlsx(file.data, sheet))


def _is_our_own(rows: list[tuple[int, list[str]]]) -> bool:
    return bool(rows) and set(rows[0][1]) >= {"kind", "code", "total"}


def _of_our_own(rows: list[tuple[int, list[str]]]) -> Found:
    (_, headings), *below = rows
    said = ((number, dict(zip(headings, cells, strict=False))) for number, cells in below)
    body = body_of((number, {name: row.get(name, "") for name in COLUMNS}) for number, row in said)
    found = Found(body, rows=len(below))
    for account in body["accounts"]:
        if account["lines"] and "amount" in account:
            found.sums[account["code"]] = _decimal(account.pop("amount"))
    return found


def _decimal(printed: str) -> Decimal:
    try:
        return Decimal(printed)
    except InvalidOperation:
        raise Unreadable(f"{printed!r} is no amount") from None


_Facts = tuple[BudgetDrafted, *tuple[LabelDisagrees | TotalDisagrees | VarianceAccepted, ...]]


def _facts(version: SetBudget, base: Currency) -> _Facts:
    """What setting it as the first version of a production makes happen."""
    flags = (f"FLAG-{number}" for number in count(1))
    return tuple(set_budget(version, Budgets(), base, None, flags))  # type: ignore[return-value]  # as it returns


def _lines_apart(found: Found, drafted: BudgetDrafted) -> Iterable[Difference]:
    """Lines whose printed total is not their amount by their rate."""
    accounts = {account.code: account for account in drafted.accounts}
    for number, (code, place, printed) in found.printed.items():
        computed = accounts[code].lines[place].total
        if printed != computed:
            apart = printed - computed
            yield Difference(of=f"row {number}", stated=printed, computed=computed, difference=apart, accepted=False)


def _printed(found: Found, drafted: BudgetDrafted, stated: dict[Stated, Decimal]) -> dict[Stated, Decimal]:
    """What the lines of an account come to as they are printed, where that is something else and nothing is stated."""
    apart: defaultdict[AccountCode, Decimal] = defaultdict(Decimal)
    accounts = {account.code: account for account in drafted.accounts}
    for code, place, printed in found.printed.values():
        apart[code] += printed - accounts[code].lines[place].total
    sums = {code: accounts[code].amount + by for code, by in apart.items() if by and code not in stated}
    sums |= {code: printed for code, printed in found.sums.items() if printed != accounts[code].amount}
    return sums


def _difference(fact: BudgetDrafted | TotalDisagrees | VarianceAccepted) -> Difference:
    assert not isinstance(fact, BudgetDrafted)
    amounts = {name: getattr(fact, name).amount for name in ("stated", "computed", "difference")}
    return Difference(of=fact.total, accepted=isinstance(fact, VarianceAccepted), **amounts)


def _label(fact: LabelDisagrees) -> Difference:
    stated, computed = fact.amount.amount, fact.expected.amount
    return Difference(of=fact.account, stated=stated, computed=computed, difference=stated - computed, accepted=True)
