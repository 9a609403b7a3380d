"""Budget versions over HTTP: a version in full, what its figures are made of, and how it differs from another."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from sqlalchemy import select

from events.budget import BudgetDrafted, TotalName
from events.envelope import Recorded
from events.ids import AccountCode, BudgetId
from projections import budget_document, current_budget
from projections.budget_document import BudgetDocument, Comparison, Explanation
from service.problems import FieldError, Problem, malformed_fields

from .access import At, Readable, Reading, operation_id
from .views import PRODUCTION, AtLeast, caught_up, company_of, snapshot

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

_BUDGET = PRODUCTION + "/budgets/{budget}"
Version = Annotated[BudgetId, Path(description="The number of a version, such as `v1`.")]


@router.get(_BUDGET, name="budget")
async def get_budget(
    production: Readable, budget: Version, at: At, response: Response, at_least: AtLeast = None
) -> BudgetDocument:
    """What does the version say, line by line?"""
    [recorded] = await _drafted(at, production, at_least, [budget])
    sight, drafted = production.sight, recorded.event
    shown = budget_document.shown_to(drafted, sight.shows) if sight.withheld else drafted
    _stamp(response, production, recorded)
    whole = budget_document.document(production.stream_id, recorded.version, recorded.position, shown)
    return whole.model_copy(update={"withheld": sight.withheld})


@router.get(_BUDGET + "/explain", name="explain_budget")
async def get_explanation(
    production: Readable,
    budget: Version,
    at: At,
    response: Response,
    account: Annotated[AccountCode | None, Query(description="Of an account, a charge or a credit.")] = None,
    total: Annotated[TotalName | None, Query(description="In the place of an account.")] = None,
    at_least: AtLeast = None,
) -> Explanation:
    """What is a figure of the version made of? The parts add up to it."""
    if (account is None) == (total is None):
        raise malformed_fields([FieldError(pointer="query account", rule="name an account, or a total")])
    [recorded] = await _drafted(at, production, at_least, [budget])
    sight, drafted = production.sight, recorded.event
    if sight.withheld and not _may_be_explained(production, drafted, account, total):
        raise Problem(
            403,
            "ReadingIsConfidential",
            f"What {account or total} is made of is not shown to you.",
            "Who may read confidential figures of the production may see it.",
        )
    try:
        amount, parts = budget_document.explained(drafted, account, total)
    except LookupError:
        raise Problem(
            404, "AccountIsMissing", f"{budget} has no account {account}.", "Look up its codes in the version."
        ) from None
    _stamp(response, production, recorded)
    return Explanation(
        production=production.stream_id,
        version=recorded.version,
        position=recorded.position,
        budget=budget,
        account=account,
        total=total,
        currency=drafted.currency,
        amount=amount,
        parts=parts,
    )


@router.get(_BUDGET + "/compare", name="compare_budgets")
async def get_comparison(
    production: Readable,
    budget: Version,
    at: At,
    response: Response,
    against: Annotated[BudgetId, Query(description="The version that it is compared with.")],
    at_least: AtLeast = None,
) -> Comparison:
    """How does the version differ from another: which rows came, went or changed, and what of the totals?"""
    new, old = await _drafted(at, production, at_least, [budget, against])
    sight = production.sight
    seen = [budget_document.shown_to(each.event, sight.shows) if sight.withheld else each.event for each in (new, old)]
    _stamp(response, production, max(new, old, key=lambda each: each.version))
    found = budget_document.compared(production.stream_id, *seen)
    return found.model_copy(update={"withheld": sight.withheld})


def _may_be_explained(
    production: Reading, drafted: BudgetDrafted, account: AccountCode | None, total: TotalName | None
) -> bool:
    """A total is explained by the accounts that it is the sum of; a charge by its base, which may tell of accounts."""
    if account is None:
        parts = [each.code for each in drafted.accounts if total is not None and each.level.value == total.value]
        return production.sight.shows(parts)
    row = next((each for each in budget_document.rows(drafted) if each.code == account), None)
    base = getattr(row, "base", None)
    return production.sight.shows((account,) if base is None else (account, *base.accounts, *base.less))


async def _drafted(
    at: At, production: Reading, at_least: int | None, budgets: Sequence[BudgetId]
) -> list[Recorded[BudgetDrafted]]:
    """The facts that set these versions."""
    projection, table = current_budget.PROJECTION, current_budget.KINDS[0].table
    await caught_up(at, projection, company_of(production.stream_id), at_least)
    numbers = [int(budget.removeprefix("v")) for budget in budgets]
    async with snapshot(at, projection) as (connection, _):
        asked = select(table.c.number, table.c.set_in).where(
            table.c.stream_id == production.stream_id, table.c.number.in_(numbers)
        )
        set_in = {row.number: row.set_in for row in await connection.execute(asked)}
    found = []
    for budget, number in zip(budgets, numbers, strict=True):
        if number not in set_in:
            raise Problem(
                404, "BudgetIsMissing", f"The production has no budget {budget}.", "Look it up in the current budget."
            )
        version = set_in[number]
        [recorded] = await at.log.read_stream(production.stream_id, after=version - 1, up_to=version)
        assert isinstance(recorded.event, BudgetDrafted)
        found.append(recorded)
    return found  # type: ignore[return-value]  # each was looked at


def _stamp(response: Response, production: Reading, recorded: Recorded[BudgetDrafted]) -> None:
    """A version never changes: what is shown is as of the fact that set it."""
    response.headers["ETag"] = f'"{recorded.version}"'
    response.headers["Position"] = str(recorded.position)
    if production.sight.withheld is not None:
        response.headers["Withheld"] = production.sight.withheld
