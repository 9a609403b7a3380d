"""The top sheet of a budget version as PDF, with its content hash and lines to sign on.

The same version gives the same bytes.
"""

from collections.abc import Iterator
from importlib.resources import files

from events.budget import AccountLine, BudgetDrafted, ChargeLine, CreditLine, Level, TotalName
from service.typesetting import typeset

#: Who signs a budget.
_SIGNS = ("Executive producer", "Producer", "Line producer", "Completion guarantor")


def top_sheet(drafted: BudgetDrafted, title: str) -> bytes:
    """The top sheet as PDF.

    Args:
        title: of the production.
    """
    sheet = {
        "title": title,
        "budget": drafted.budget,
        "scenario": drafted.scenario,
        "currency": drafted.currency,
        "content_hash": drafted.content_hash,
        "rows": list(_rows(drafted)),
        "signs": _SIGNS,
    }
    return typeset(files(__package__).joinpath("top_sheet.typ"), sheet)


def _rows(drafted: BudgetDrafted) -> Iterator[dict[str, str]]:
    def row(line: AccountLine | ChargeLine | CreditLine) -> dict[str, str]:
        percent = getattr(line, "percent", None)
        name = line.name if percent is None else f"{line.name}, {percent:f} %"
        return {"kind": "row", "code": line.code, "name": name, "amount": f"{line.amount:,f}"}

    def total(name: TotalName) -> dict[str, str]:
        said = f"Total {name.value.replace('_', ' ')}"
        return {"kind": "total", "code": "", "name": said, "amount": f"{getattr(drafted.totals, name.value):,f}"}

    for level in Level:
        yield from (row(account) for account in drafted.accounts if account.level is level)
        yield total(TotalName(level.value))
    yield from (total(name) for name in (TotalName.BELOW_THE_LINE, TotalName.ABOVE_AND_BELOW))
    yield from map(row, drafted.charges)
    yield from (total(name) for name in (TotalName.CHARGES, TotalName.GRAND_TOTAL))
    if drafted.credits:
        yield from map(row, drafted.credits)
        yield from (total(name) for name in (TotalName.CREDITS, TotalName.NET_TOTAL))
