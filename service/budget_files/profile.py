"""What other tools call the columns of a budget, and how a file is read by them.

A file of another tool has accounts and their lines, subtotals, charges at the foot and a grand total, in columns under
headings. Which heading is what, is known for the usual ones and may be said; which accounts are of which level is said
by a column, or by the subtotal that closes them, or else by the usual ranges of codes.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from events.budget import ChargeKind, Level, TotalName
from events.ids import AccountCode, Text

Heading = Annotated[Text, Field(description="The heading of the column.")]


class Section(BaseModel):
    """What becomes of a section of a file that has no codes: an account."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    code: AccountCode
    level: Level


class Profile(BaseModel):
    """Which heading of a file is what; what is left out is known by its usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    account: Heading | None = None
    description: Heading | None = None
    level: Heading | None = None
    section: Heading | None = None
    amount: Heading | None = None
    units: Heading | None = None
    unit: Heading | None = None
    multiplier: Heading | None = None
    rate: Heading | None = None
    currency: Heading | None = None
    total: Heading | None = None
    levels: dict[Text, Level] = Field({}, description="How the file calls levels, where it does otherwise than usual.")
    sections: dict[Text, Section] = Field({}, description="By the name of a section, the account that it becomes.")


#: In lower case, without points and signs.
_USUAL: dict[str, tuple[str, ...]] = {
    "account": ("account", "acct", "acct no", "account no", "account number", "code", "account code"),
    "description": ("description", "account description", "category description", "category", "name", "title"),
    "level": ("level", "production level"),
    "section": ("section",),
    "amount": ("amount", "amt", "quantity", "qty", "no", "number"),
    "units": ("units", "time"),
    "unit": ("unit", "unit type"),
    "multiplier": ("x", "multiplier", "times"),
    "rate": ("rate", "price"),
    "currency": ("currency", "cur"),
    "total": ("total", "subtotal", "sub t", "budget", "original"),
}
_LEVELS: dict[str, Level] = {
    **{level.value.replace("_", " "): level for level in Level},
    **{"atl": Level.ABOVE_THE_LINE, "prod": Level.PRODUCTION, "btl": Level.PRODUCTION, "post production": Level.POST},
}
#: What a row without a code states, by the words in it; the first that fits counts.
_TOTALS: tuple[tuple[str, TotalName], ...] = (
    (r"net (total|budget|cost)", TotalName.NET_TOTAL),
    (r"grand total|total budget|budget total", TotalName.GRAND_TOTAL),
    (r"(total )?above (and|&|\+) below", TotalName.ABOVE_AND_BELOW),
    (r"total above", TotalName.ABOVE_THE_LINE),
    (r"total below", TotalName.BELOW_THE_LINE),
    (r"total (post|editing)", TotalName.POST),
    (r"total (production|shoot)", TotalName.PRODUCTION),
    (r"total other", TotalName.OTHER),
    (r"total (contractual )?charges", TotalName.CHARGES),
    (r"total (credits|rebates)", TotalName.CREDITS),
)
_LEVEL_TOTALS = {TotalName(level.value): level for level in Level}
#: What is charged at the foot, by the words in it, and the code that it usually has.
_CHARGES: tuple[tuple[str, ChargeKind, str], ...] = (
    (r"contingency", ChargeKind.CONTINGENCY, "8000"),
    (r"bond|completion guarant", ChargeKind.COMPLETION_BOND, "8100"),
    (r"overhead", ChargeKind.OVERHEAD, "8200"),
    (r"\bfees?\b|mark.?up", ChargeKind.FEE, "8300"),
)
_CREDIT = re.compile(r"rebate|tax credit|incentive")
_PERCENT = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?%")
#: The first code that is no more of the level.
_RANGES = ((2000, Level.ABOVE_THE_LINE), (5000, Level.PRODUCTION), (6000, Level.POST))
#: With or without marks between thousands, lakhs and crores; 12,50 may be either, so it is neither.
_AMOUNT = re.compile(r"[0-9]+(\.[0-9]+)?|\.[0-9]+|[0-9]{1,3}([,' ][0-9]{2,3})*[,' ][0-9]{3}(\.[0-9]+)?").fullmatch
_SIGN = re.compile(r"^(-?) ?([A-Z]{3}|[$€£¥₹])? ?(.*?) ?([A-Z]{3}|[$€£¥₹])?$")
_MANY = re.compile(r"([0-9.]+)\s*[xX*\u00d7]\s*([0-9.]+)").fullmatch


class NoHeadings(ValueError):
    """No row of the file holds headings that say what its columns are."""


@dataclass(slots=True)
class Found:
    """What a file says of a budget."""

    body: dict[str, Any]
    rows: int = 0
    #: By number, the rows that nothing was made of, and why.
    left_out: dict[int, str] = field(default_factory=dict)
    #: By number, of rows with a rate: what is printed as their total, for the line at its account and place.
    printed: dict[int, tuple[AccountCode, int, Decimal]] = field(default_factory=dict)
    #: What is printed as the sum of an account's lines, where the file prints every sum and so states none.
    sums: dict[AccountCode, Decimal] = field(default_factory=dict)


def found_in(rows: Iterable[tuple[int, list[str]]], profile: Profile) -> Found:
    """What the rows of another tool's file say.

    Raises:
        NoHeadings: no row says what the columns are.
    """
    numbered = iter(rows)
    columns = _headed(numbered, profile)
    reading = _Reading(profile)
    for number, cells in numbered:
        reading.found.rows += 1
        reading.take(number, {n: cells[at] if at < len(cells) else "" for n, at in columns.items()})
    return reading.done()


def _headed(numbered: Iterator[tuple[int, list[str]]], profile: Profile) -> dict[str, int]:
    """Where each column is, by the first row that heads a description and a figure."""
    for _, cells in numbered:
        headings = [_plain(cell) for cell in cells]
        columns: dict[str, int] = {}
        for name, usual in _USUAL.items():
            said = getattr(profile, name)
            at = [headings.index(each) for each in ((_plain(said),) if said else usual) if each in headings]
            columns |= {name: at[0]} if at else {}
        if "total" not in columns and "rate" not in columns and "amount" in columns:
            columns["total"] = columns.pop("amount")
        if "description" in columns and ("total" in columns or "rate" in columns):
            return columns
    raise NoHeadings("no row heads a description and a total: say in a profile what the columns are called")


def _plain(heading: str) -> str:
    return " ".join(re.sub(r"[.#:_/-]", " ", heading.lower()).split())


class _Reading:
    """A file, row by row."""

    def __init__(self, profile: Profile) -> None:
        lists: dict[str, list[Any]] = {name: [] for name in ("fringes", "accounts", "charges", "credits")}
        self.found = Found({**lists, "stated": {}})
        self.levels = _LEVELS | {_plain(name): level for name, level in profile.levels.items()}
        self.sections = {_plain(name): section for name, section in profile.sections.items()}
        self.accounts: dict[AccountCode, dict[str, Any]] = {}
        self.open: dict[str, Any] | None = None
        #: Accounts whose level the next subtotal says.
        self.unlevelled: list[dict[str, Any]] = []

    def take(self, number: int, row: Mapping[str, str]) -> None:
        """What a row says."""
        said, code = row.get("description", ""), row.get("account", "")
        if not said and "total" in code.lower():
            said, code = code, ""
        words = _plain(said)
        try:
            figures = {name: row.get(name, "") for name in ("amount", "units", "multiplier", "rate", "total")}
            total, rate = _amount(figures["total"], "total"), _amount(figures["rate"], "rate")
            if self._is_total(words, code, total):
                return
            if not (code or rate or row.get("section")) and self._is_charge(words, said, total):
                return
            if row.get("section"):
                self._section(row["section"])
            elif code and self._is_account(code, said, row, figures, total):
                return
            self._line(number, said, row, total, rate)
        except ValueError as error:
            self.found.left_out[number] = str(error)

    def _is_total(self, words: str, code: str, total: Decimal | None) -> bool:
        of_account = re.search(r"account total|^total (?:for )?(?:account )?([0-9][0-9a-z .-]*)$", words)
        if of_account and self.open is not None and total is not None:
            self.found.body["stated"][self.open["code"]] = total
            self.open = None
            return True
        name = next((name for pattern, name in _TOTALS if re.search(f"^({pattern})", words)), None)
        if code or name is None:
            return False
        if total is not None:
            self.found.body["stated"][name.value] = total
        if name in _LEVEL_TOTALS:
            for account in self.unlevelled:
                account["level"] = _LEVEL_TOTALS[name]
            self.unlevelled = []
        self.open = None
        return True

    def _is_charge(self, words: str, said: str, total: Decimal | None) -> bool:
        """A charge or a credit at the foot: of all levels, unless somebody says another base afterwards."""
        among_lines = self.open is not None and "amount" not in self.open
        if total is None or among_lines:
            return False
        label = _PERCENT.search(said)
        base = {"base": {"levels": [level.value for level in Level]}, "percent": label[1]} if label else {}
        name = re.sub(r"[\s:–-]+$", "", _PERCENT.sub("", said).strip()) or said
        if _CREDIT.search(words):
            terms = {"code": self._free("9000"), "name": name, "amount": abs(total)} | base
            self.found.body["credits"].append(terms)
            return True
        for pattern, kind, code in _CHARGES:
            if re.search(pattern, words):
                terms = {"code": self._free(code), "name": name, "kind": kind.value, "amount": total} | base
                self.found.body["charges"].append(terms)
                return True
        return False

    def _free(self, code: str) -> str:
        """The code, or the next one that is not taken."""
        taken = {*self.accounts, *(each["code"] for name in ("charges", "credits") for each in self.found.body[name])}
        number = int(code)
        while str(number) in taken:
            number += 1
        return str(number)

    def _is_account(
        self, code: str, said: str, row: Mapping[str, str], figures: Mapping[str, str], total: Decimal | None
    ) -> bool:
        """A row that begins an account, and is all of it where no lines follow."""
        detail = any(figures[name] for name in ("amount", "units", "multiplier", "rate"))
        behind = self.open is not None and self.open["code"] != code and self.open["code"][:2] == code[:2]
        if behind and (detail or "amount" not in self.open):  # type: ignore[operator]  # it is open
            return False  # a code of the detail
        if code in self.accounts:
            self.open = self.accounts[code]
            return not detail
        level = self.levels.get(_plain(row.get("level", "")))
        if row.get("level") and level is None:
            raise ValueError(f"level: {row['level']!r} is none; say it in the profile's levels")
        self._begin(code, said, level)
        if total is not None and not detail:
            self.open["amount"] = total  # type: ignore[index]  # it was begun
        return not detail

    def _section(self, name: str) -> None:
        section = self.sections.get(_plain(name))
        if section is None:
            raise ValueError(f"section: {name!r} has no account; say it in the profile's sections")
        if section.code in self.accounts:
            self.open = self.accounts[section.code]
        else:
            self._begin(section.code, name, section.level)

    def _begin(self, code: AccountCode, name: str, level: Level | None) -> None:
        account: dict[str, Any] = {"code": code, "name": name or code, "level": level, "lines": []}
        self.accounts[code] = self.open = account
        self.found.body["accounts"].append(account)
        if level is None:
            self.unlevelled.append(account)

    def _line(
        self, number: int, said: str, row: Mapping[str, str], total: Decimal | None, rate: Decimal | None
    ) -> None:
        if self.open is None:
            raise ValueError("it stands in no account")
        if total is None and rate is None:
            raise ValueError("it has neither a rate nor a total")
        if self._is_fringe(said, row):
            return
        line: dict[str, Any] = {"description": said or self.open["name"]}
        factors, unit = _factors(row)
        if rate is None:
            # What is printed is all that there is: how many they were says nothing without a rate.
            line, unit = line | {"rate": total}, " ".join([*factors.values(), unit]).strip()
        else:
            line |= {"rate": rate, **factors}
        self.open["lines"].append(line | _said(unit=unit, currency=row.get("currency", "")))
        if rate is not None and total is not None:
            self.found.printed[number] = (self.open["code"], len(self.open["lines"]) - 1, total)

    def _is_fringe(self, said: str, row: Mapping[str, str]) -> bool:
        """A row such as `15 %`, `of Associate Producer`: what comes on top of the pay of another one above it."""
        percent, of = _PERCENT.fullmatch(row.get("amount", "")), row.get("unit", "")
        if percent is None or not _plain(of).startswith("of ") or self.open is None:
            return False
        wanted = _plain(of).removeprefix("of ")
        line = next((each for each in self.open["lines"] if _plain(each["description"]) == wanted), None)
        if line is None:
            raise ValueError(f"it is {of!r}, and no row of its account above it is called so")
        fringes = self.found.body["fringes"]
        code = f"F{len(fringes) + 1}"
        fringes.append({"code": code, "name": said, "percent": percent[1]})
        line["fringes"] = [*line.get("fringes", []), code]
        return True

    def done(self) -> Found:
        """All of it, once the last row was taken."""
        for account in self.unlevelled:
            account["level"] = _by_range(account["code"])
        for account in self.accounts.values():
            if account["lines"] and "amount" in account:
                self.found.body["stated"].setdefault(account["code"], account.pop("amount"))
            elif not account["lines"]:
                account.setdefault("amount", Decimal(0))
        return self.found


def _said(**cells: str) -> dict[str, str]:
    return {name: cell for name, cell in cells.items() if cell}


def _factors(row: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The quantities of a line, and the words beside them, such as `flat fee`, or `allow`."""
    factors: dict[str, str] = {}
    words = [row.get("unit", "")]
    for name in ("amount", "units", "multiplier"):
        cell = row.get(name, "")
        if many := _MANY(cell):
            factors |= {name: many[1], "multiplier": many[2]}
        elif cell and not re.match("[0-9.,]", cell):
            words.append(cell)
        elif (factor := _amount(cell, name)) is not None:
            factors[name] = f"{factor:f}"
    return factors, " ".join(filter(None, words))


def _by_range(code: AccountCode) -> Level:
    digits = re.match("[0-9]{1,2}", code)
    number = int(digits[0].ljust(2, "0")) * 100 if digits else 0
    return next((level for below, level in _RANGES if number < below), Level.OTHER) if digits else Level.PRODUCTION


def _amount(cell: str, name: str) -> Decimal | None:
    """A figure as people type it: with marks between thousands, a sign of its currency, in brackets below zero."""
    typed = re.sub(r"\s", " ", cell.strip())
    if not typed:
        return None
    in_brackets = typed.startswith("(") and typed.endswith(")")
    minus, _, bare, _ = _SIGN.match(typed.strip("()") if in_brackets else typed).groups()  # type: ignore[union-attr]
    if not _AMOUNT(bare):
        raise ValueError(f"{name}: {cell!r} is no amount; write one such as 1,234.50")
    amount = Decimal(re.sub("[,' ]", "", bare))
    return -amount if minus or in_brackets else amount
