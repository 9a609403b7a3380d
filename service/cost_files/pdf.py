"""The cost report as PDF: one row an account, the sums, and what it was asked for.

It bears the SHA-256 of the same report as JSON, without its `position`, which is another one whenever it is asked for
anew: at the same version it is the same. The same report gives the same bytes.
"""

from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from typing import Any

from projections.cost_report import CostFigures, CostReport
from service.typesetting import typeset

from .rows import sections, terms

#: What has room on a page; the workbook has every figure.
_COLUMNS = (
    *("total_budget", "actual_period", "actual_to_date", "commitments", "total_cost", "etc", "efc", "variance"),
    "available",
)


def cost_report(report: CostReport, title: str) -> bytes:
    """The report as PDF.

    Args:
        title: of the production.
    """
    sheet = {
        "title": title,
        "shown": f"{report.production}, version {report.version}",
        "terms": terms(report),
        "columns": [_named(name) for name in _COLUMNS],
        "rows": list(_rows(report)),
        "content_hash": content_hash(report),
    }
    return typeset(files(__package__).joinpath("cost_report.typ"), sheet)


def content_hash(report: CostReport) -> str:
    """Of the report as JSON, byte by byte as it is answered but for its position."""
    return sha256(report.model_dump_json(exclude={"position"}).encode()).hexdigest()


def _named(name: str) -> str:
    return name.upper() if name in ("etc", "efc") else name.replace("_", " ").capitalize()


def _rows(report: CostReport) -> Iterator[dict[str, Any]]:
    def row(kind: str, code: str, name: str, figures: CostFigures | None = None) -> dict[str, Any]:
        amounts = [] if figures is None else [f"{getattr(figures, each):,f}" for each in _COLUMNS]
        return {"kind": kind, "code": code, "name": name, "amounts": amounts}

    for section in sections(report):
        yield row("section", "", section.name)
        yield from (row("row", each.code, each.name, each) for each in section.accounts)
        yield row("total", "", f"Total {section.name[0].lower()}{section.name[1:]}", section.total)
    yield row("total", "", "Total", report.total)
