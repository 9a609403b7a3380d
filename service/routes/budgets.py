"""Budget versions over HTTP: a version in full, what its figures are made of, and how it differs from another."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from sqlalchemy import select

from events.budget import BudgetDrafted, TotalName
from events.envelope import Recorded
from events.ids import AccountCode, BudgetId, Slug
from events.money import PercentChange
from projections import budget_document, current_budget
from projections.budget_document import BudgetDocument, Comparison, Explanation
from service.deciders import budget_variant
from service.deciders.budget import SetBudget
from service.deciders.budget_detail import LineIsTooLarge
from service.problems import Problem, told
from service.spreadsheets import CSV, XLSX

from .access import At, Doors, Readable, Reading, operation_id, shown_to
from .budget_files import file_of
from .listing import FILES, JSON, PDF, preferred
from .views import PRODUCTION, AtLeast, Shown, caught_up, company_of, snapshot, stamp

router = APIRouter(tags=["Views"], generate_unique_id_function=operation_id)

_BUDGET = PRODUCTION + "/budgets/{budget}"
Version = Annotated[BudgetId, Path(description="The number of a version, such as `v1`.")]


@router.get(_BUDGET, name="budget", response_model=BudgetDocument)
async def get_budget(
    production: Readable,
    budget: Version,
    at: At,
    response: Response,
    at_least: AtLeast = None,
    accept: Annotated[
        str,
        Header(description=f"`{JSON}`; or `{CSV}` and `{XLSX}` (all of it), `{PDF}` (the top sheet, to be signed)."),
    ] = JSON,
) -> BudgetDocument | Response:
    """What does the version say, line by line? As a file, it is for those who may read all figures."""
    [recorded] = await _drafted(at, production, at_least, [budget])
    sight, drafted = production.sight, recorded.event
    media_type = preferred(accept, JSON, *FILES)
    if media_type != JSON:
        shown_to(production, None, budget)
        file = await file_of(drafted, production.title, media_type)
        await _stamp(at, file, production, recorded)
        return file
    shown = budget_document.shown_to(drafted, sight.shows) if sight.withheld else drafted
    await _stamp(at, response, production, recorded)
    whole = budget_document.document(production.stream_id, recorded.version, recorded.position, shown)
    return whole.model_copy(update={"withheld": sight.withheld})


@router.get(_BUDGET + "/accounts/{account}", name="budget_account")
async def get_account(
    production: Readable,
    budget: Version,
    account: Annotated[AccountCode, Path(description="Of an account, a charge or a credit.")],
    at: At,
    response: Response,
    at_least: AtLeast = None,
) -> Explanation:
    """What is the amount of an account, a charge or a credit made of? The parts add up to it."""
    [recorded] = await _drafted(at, production, at_least, [budget])
    row = next((each for each in budget_document.rows(recorded.event) if each.code == account), None)
    if row is None:
        said = f"{budget} has no account {account}."
        raise Problem(404, "AccountIsMissing", said, "Look up its codes in the version.")
    base = getattr(row, "base", None)
    shown_to(production, (account,) if base is None else (account, *base.accounts, *base.less), account)
    return await _explained(at, production, response, recorded, account=account)


@router.get(_BUDGET + "/totals/{total}", name="budget_total")
async def get_total(
    production: Readable,
    budget: Version,
    total: Annotated[TotalName, Path(description="Of the top sheet.")],
    at: At,
    response: Response,
    at_least: AtLeast = None,
) -> Explanation:
    """What is a total of the version made of? The parts add up to it."""
    [recorded] = await _drafted(at, production, at_least, [budget])
    shown_to(production, [each.code for each in recorded.event.accounts if each.level.value == total.value], total)
    return await _explained(at, production, response, recorded, total=total)


@router.get(_BUDGET + "/compare", name="budget_comparison")
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
    await _stamp(at, response, production, max(new, old, key=lambda each: each.version))
    found = budget_document.compared(production.stream_id, *seen)
    # Two totals would tell of an account that one of them counts, and that is not shown.
    return found.model_copy(update={"totals": [], "withheld": sight.withheld} if sight.withheld else {})


@dataclass(frozen=True, slots=True)
class Variation:
    """How a version is to differ from what it says."""

    percent: Annotated[
        PercentChange, Query(description="By which rates of lines and flat amounts are raised, each rounded once.")
    ] = Decimal(0)
    without_group: Annotated[
        tuple[Slug, ...], Query(max_length=50, description="Lines with one of these groups are left out.")
    ] = ()
    without_location: Annotated[
        tuple[Slug, ...], Query(max_length=50, description="Lines at one of these locations are left out.")
    ] = ()

    def of(self, drafted: BudgetDrafted) -> SetBudget:
        """The version that would be set."""
        again = budget_variant.said_again(drafted)
        return budget_variant.varied(again, self.percent, self.without_group, self.without_location)


@router.get(_BUDGET + "/copy", name="budget_copy", response_model_exclude_defaults=True)
async def get_copy(
    production: Readable,
    budget: Version,
    at: At,
    response: Response,
    variation: Annotated[Variation, Depends()],
    at_least: AtLeast = None,
) -> SetBudget:
    """What would set the version again, or a variant of it? The body of `set-budget`: edit it, and send it."""
    [recorded] = await _drafted(at, production, at_least, [budget])
    shown_to(production, None, budget)
    await _stamp(at, response, production, recorded)
    return variation.of(recorded.event)


@router.get(_BUDGET + "/what-if", name="budget_what_if")
async def get_what_if(
    production: Readable,
    budget: Version,
    at: At,
    response: Response,
    variation: Annotated[Variation, Depends()],
    at_least: AtLeast = None,
) -> Comparison:
    """What would become of the version's rows and totals if it were so? Nothing is set."""
    [recorded] = await _drafted(at, production, at_least, [budget])
    shown_to(production, None, budget)
    drafted = recorded.event
    try:
        otherwise = budget_variant.reckoned(variation.of(drafted), drafted)
    except LineIsTooLarge as refusal:
        raise replace(told(refusal), status=422, otherwise="Send a smaller percentage.") from None
    await _stamp(at, response, production, recorded)
    return budget_document.compared(production.stream_id, otherwise, drafted)


async def _explained(
    at: Doors,
    production: Reading,
    response: Response,
    recorded: Recorded[BudgetDrafted],
    *,
    account: AccountCode | None = None,
    total: TotalName | None = None,
) -> Explanation:
    drafted = recorded.event
    amount, parts = budget_document.explained(drafted, account, total)
    await _stamp(at, response, production, recorded)
    return Explanation(
        production=production.stream_id,
        version=recorded.version,
        position=recorded.position,
        budget=drafted.budget,
        account=account,
        total=total,
        currency=drafted.currency,
        amount=amount,
        parts=parts,
    )


async def _drafted(
    at: Doors, production: Reading, at_least: int | None, budgets: Sequence[BudgetId]
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


async def _stamp(at: Doors, response: Response, production: Reading, recorded: Recorded[BudgetDrafted]) -> None:
    """A version never changes: what is shown is as of the fact that set it."""
    link = await at.log.link_at(production.stream_id, recorded.version)
    stamp(response, Shown(recorded.version, recorded.position, link, at.clock()), production.sight)
