"""A budget version as one table, row by row, and back: what our own CSV and the detail sheet of our XLSX hold.

Nothing is lost on the way: a version that was read back comes to the same content, hash and all.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from events.budget import BudgetDrafted, ChargeBase, ChargeLine, CreditLine, Level
from service.deciders.budget_variant import said_again

#: A row by the names of its columns; a column that a kind has no use for is empty.
Row = Mapping[str, str]

COLUMNS = (
    *("kind", "code", "name", "level", "held", "amount", "units", "unit", "multiplier", "rate", "currency", "percent"),
    *("base", "less", "qualified", "limit", "person", "groups", "location", "sub_budget", "fringes", "total"),
)
#: Between several values of one cell: codes may hold spaces, points and hyphens.
_AND = "; "


def table_of(drafted: BudgetDrafted) -> Iterator[dict[str, str]]:
    """The rows of a version, in the order of the document."""
    for row in _rows(drafted):
        said = {name: _text(value) for name, value in row.items()}
        yield {name: said.get(name, "") for name in COLUMNS}


def _rows(drafted: BudgetDrafted) -> Iterator[dict[str, Any]]:
    yield from _terms(drafted)
    for account, sent in zip(drafted.accounts, said_again(drafted).accounts, strict=True):
        held: dict[str, Any] = {"level": account.level, "held": account.held}
        yield {"kind": "account", "code": account.code, "name": account.name, "total": account.amount} | held
        for line, kept in zip(sent.lines, account.lines, strict=True):
            said = {name: getattr(line, name) for name in _OF_A_LINE}
            yield {"kind": "line", "code": account.code, "name": line.description, "total": kept.total} | said
        for each in account.fringes:
            figures = {"fringes": each.fringe, "amount": each.base, "total": each.amount}
            yield {"kind": "fringe_amount", "code": account.code} | figures
    for charge in drafted.charges:
        yield {"kind": "charge", "level": charge.kind} | _percentage(charge)
    for credit in drafted.credits:
        yield {"kind": "credit", "qualified": credit.qualified, "limit": credit.cap} | _percentage(credit)
    for stated in drafted.stated:
        yield {"kind": "stated", "code": stated.total, "total": stated.amount}


def _terms(drafted: BudgetDrafted) -> Iterator[dict[str, Any]]:
    """What the accounts are reckoned with."""
    yield {"kind": "budget", "name": drafted.scenario, "currency": drafted.currency, "limit": drafted.tolerance}
    for rate in drafted.rates:
        yield {"kind": "rate", "currency": f"{rate.source}/{rate.target}", "rate": rate.rate}
    for named in drafted.globals:
        yield {"kind": "global", "code": named.name, "amount": named.value}
    for fringe in drafted.fringes:
        figures: dict[str, Any] = {"percent": fringe.percent, "limit": fringe.cut_off, "rate": fringe.flat}
        yield {"kind": "fringe", "code": fringe.code, "name": fringe.name} | figures
    for part in drafted.sub_budgets:
        yield {"kind": "sub_budget", "code": part.name, "amount": part.times}


_OF_A_LINE = (
    *("amount", "units", "unit", "multiplier", "rate", "currency", "person", "groups", "location", "sub_budget"),
    "fringes",
)


def _percentage(line: ChargeLine | CreditLine) -> dict[str, Any]:
    base = line.base or ChargeBase((), (), (), Decimal(0))
    of = {"base": (*base.levels, *base.accounts), "less": base.less}
    return {"code": line.code, "name": line.name, "percent": line.percent, "total": line.amount} | of


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return f"{value:f}"
        case tuple():
            return _AND.join(map(str, value))
        case _:
            return str(value)


class Unreadable(ValueError):
    """A row that says something that a budget cannot say."""


def body_of(rows: Iterable[tuple[int, Row]]) -> dict[str, Any]:
    """The body of `set-budget` that a table says, with the amounts of accounts as they are printed.

    Args:
        rows: with their numbers in the file.

    Raises:
        Unreadable: a row is of no known kind, or of an account that does not stand above.
    """
    body: dict[str, Any] = {name: [] for name in ("accounts", *(name for name, _ in _LISTS.values()))}
    body["stated"] = {}
    accounts: dict[str, dict[str, Any]] = {}
    for number, row in rows:
        kind, code = row["kind"], row["code"]
        if kind in _LISTS:
            name, said = _LISTS[kind]
            body[name].append(said(row))
        elif kind == "account":
            accounts[code] = _account(row)
            body["accounts"].append(accounts[code])
        elif kind in ("line", "fringe_amount"):
            if code not in accounts:
                raise Unreadable(f"row {number} is of the account {code}, which does not stand above it")
            accounts[code]["lines"] += [_line(row)] if kind == "line" else []  # a fringe is reckoned from its lines
        elif kind == "budget":
            body |= _said(currency=row["currency"], scenario=row["name"], tolerance=row["limit"])
        elif kind == "stated":
            body["stated"][code] = row["total"]
        else:
            raise Unreadable(f"row {number} is of the kind {kind!r}, which is none of a budget's")
    return body


def _rate(row: Row) -> dict[str, Any]:
    source, _, target = row["currency"].partition("/")
    return {"source": source, "target": target, "rate": row["rate"]}


def _fringe(row: Row) -> dict[str, Any]:
    terms = {"code": row["code"], "name": row["name"]}
    return terms | _said(percent=row["percent"], cut_off=row["limit"], flat=row["rate"])


def _account(row: Row) -> dict[str, Any]:
    terms: dict[str, Any] = {"code": row["code"], "name": row["name"], "level": row["level"], "lines": []}
    return terms | _said(held=row["held"], amount=row["total"])


def _line(row: Row) -> dict[str, Any]:
    factors = {name: row[name] for name in ("amount", "units", "multiplier") if row[name]}
    several = {name: _several(row[name]) for name in ("groups", "fringes") if row[name]}
    others = {name: row[name] for name in ("unit", "currency", "person", "location", "sub_budget") if row[name]}
    return {"description": row["name"], "rate": row["rate"]} | factors | several | others


def _flat_or_percentage(row: Row) -> dict[str, Any]:
    terms: dict[str, Any] = {"code": row["code"], "name": row["name"]}
    terms |= _said(percent=row["percent"], amount=row["total"])
    if row["base"]:
        named = _several(row["base"])
        levels = [each for each in named if each in _LEVELS]
        base = {"levels": levels, "accounts": [each for each in named if each not in _LEVELS]}
        terms["base"] = base | {"less": _several(row["less"])}
    return terms | _said(qualified=row["qualified"], cap=row["limit"])


_LEVELS = frozenset(Level)
#: By kind, the list of the body that its rows are of, and what each says there.
_LISTS: dict[str, tuple[str, Callable[[Row], dict[str, Any]]]] = {
    "rate": ("rates", _rate),
    "global": ("globals", lambda row: {"name": row["code"], "value": row["amount"]}),
    "fringe": ("fringes", _fringe),
    "sub_budget": ("sub_budgets", lambda row: {"name": row["code"], "times": row["amount"]}),
    "charge": ("charges", lambda row: _flat_or_percentage(row) | {"kind": row["level"]}),
    "credit": ("credits", _flat_or_percentage),
}


def _several(cell: str) -> list[str]:
    return [each.strip() for each in cell.split(";") if each.strip()]


def _said(**cells: str) -> dict[str, str]:
    return {name: cell for name, cell in cells.items() if cell}
