"""The demonstration: one production's money from the first investor to the audit of the last receipt.

Everything is sent over HTTP, as users send it, to a service on a real PostgreSQL; only founding the company is
the operator's. Every step tells who did what, what was answered and what the views now say, and every status
and figure is compared with what it must be: any surprise ends the demonstration with a failure.
"""

import asyncio
import csv
import logging
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx2
from rich.console import Console
from rich.table import Table

from service import verify
from service.app import now
from service.database import migrate
from service.deciders.company import OPERATOR, AdmitMember, FoundCompany
from service.demo_shoot import weeks
from service.embedded import Server, running
from service.handling import Wish
from service.routes.access import Doors
from service.serving import configure_logs, served

COMPANY, PRODUCTION, CO_FINANCED, SHOT = "acme", "the-long-take", "the-other-shore", "the-fort"
TOP_SHEET = Path(__file__).parent / "demo_top_sheet.csv"
LEVELS = {"ATL": "above_the_line", "PROD": "production", "POST": "post", "OTHER": "other"}

Cast = dict[str, tuple[str, str, tuple[str, ...]]]

#: Who plays: person, name, and the roles that the first executive producer gives them.
CAST: Cast = {
    "executive producer": ("maya", "Maya Rao", ()),
    "producer": ("theo", "Theo Varga", ("producer", "executive_producer")),
    "line producer": ("lena", "Lena Ortiz", ("line_producer",)),
    "accountant": ("aris", "Aris Dahl", ("accountant",)),
    "auditor": ("ines", "Ines Moreau", ("auditor",)),
}

#: Who joins them for the co-financed production, where each holds the role beside the name.
PARTNERS: Cast = {
    "executive producer away": ("noor", "Noor Khan", ("executive_producer",)),
    "first fund": ("falk", "Falk Brandt", ("financier",)),
    "second fund": ("hana", "Hana Sato", ("financier",)),
    "guarantor": ("greta", "Greta Holm", ("completion_guarantor",)),
}


class Surprise(AssertionError):
    """The service did not do what the demonstration says it does."""


def top_sheet() -> dict[str, Any]:
    """The published top sheet of a stereoscopic feature, INR: its accounts, its charges, its stated totals."""
    with TOP_SHEET.open() as lines:
        accounts = [
            {
                "code": row["account"],
                "name": row["description"],
                "level": LEVELS[row["level"]],
                "amount": row["amount"],
            }
            for row in csv.DictReader(lines)
        ]
    everything = {"levels": list(LEVELS.values())}
    return {
        "currency": "INR",
        "accounts": accounts,
        "charges": [
            {
                "code": "8000",
                "name": "Contingency",
                "kind": "contingency",
                "percent": "5",
                "base": everything,
            },
            {
                "code": "8100",
                "name": "Completion Bond",
                "kind": "completion_bond",
                "percent": "3",
                "base": everything,
                "amount": "5238328",
            },
            {"code": "8200", "name": "Overhead", "kind": "overhead", "amount": "1000000"},
        ],
        "stated": {
            "above_the_line": "10336000",
            "production": "31227280",
            "post": "7560000",
            "other": "3260000",
            "below_the_line": "42047280",
            "above_and_below": "52383280",
            "grand_total": "61240772",
        },
    }


def inr(amount: str) -> dict[str, str]:
    """Rupees."""
    return {"amount": amount, "currency": "INR"}


@dataclass
class Play:
    """A demonstration under way: a client, the cast's tokens, and a teller."""

    client: httpx2.AsyncClient
    tokens: dict[str, str]
    tell: Console
    production: str = PRODUCTION
    #: The position of the last command; views are asked to show it.
    position: int = 0

    def name(self, who: str) -> str:
        """A person as the teller calls them."""
        return f"{(CAST | PARTNERS)[who][1]} ({who})"

    def headers(self, who: str) -> dict[str, str]:
        """What a request of theirs carries."""
        return {"Authorization": f"Bearer {self.tokens[who]}"}

    async def send(
        self,
        who: str,
        command: str,
        body: dict[str, Any],
        status: int = 201,
        key: str | None = None,
        behalf: str | None = None,
    ) -> dict[str, Any]:
        """Send a command, tell what was answered, and insist on the status; `behalf` is whom they act for."""
        where = COMPANY if command == "set-absence" else f"{COMPANY}/{self.production}"
        path = f"/v1/{where}/{command}"
        headers = self.headers(who) | {"Idempotency-Key": key or f"demo-{uuid4()}"}
        headers |= {} if behalf is None else {"On-Behalf-Of": behalf}
        response = await self.client.post(path, json=body, headers=headers)
        answer: dict[str, Any] = response.json()
        acts = self.name(who) if behalf is None else f"{self.name(who)} for {NAMES[behalf]}"
        self.tell.print(f"\n{acts} → [bold]{command}[/bold]  {_brief(body)}", highlight=False)
        if response.status_code != status:
            raise Surprise(f"{command} was answered {response.status_code}, not {status}: {answer}")
        if status == 201:
            self.position = max(self.position, answer["position"])
            facts = ", ".join(event["type"] for event in answer["events"]) or "nothing new"
            again = " (replayed: nothing happened twice)" if "Idempotency-Replayed" in response.headers else ""
            self.tell.print(f"  201, version {answer['version']}: {facts}{again}", style="green", highlight=False)
        else:
            said = f"  {status} {answer['title']}: {answer['detail']} {answer.get('otherwise', '')}"
            self.tell.print(_short(said), style="yellow", highlight=False)
        return answer

    async def view(self, who: str, view: str, **asked: Any) -> dict[str, Any]:
        """Read a view of the production that shows the last command."""
        path = "/v1/inbox" if view == "inbox" else f"/v1/{COMPANY}/{self.production}/{view}"
        response = await self.client.get(path, params={"at_least": self.position} | asked, headers=self.headers(who))
        if response.status_code != 200:
            raise Surprise(f"{view} was answered {response.status_code}: {response.text}")
        shown: dict[str, Any] = response.json()
        return shown

    def says(self, what: str, shown: Any, expected: Any) -> None:
        """Tell what a view says, and insist on it."""
        if shown != expected:
            raise Surprise(f"{what}: {shown!r}, not {expected!r}")
        self.tell.print(f"  · {what}: {_short(_said(shown))}", style="cyan", highlight=False)

    async def waits(self, number: str, expected: str) -> None:
        """Tell what a round waits for, and insist on it; since when is told alone."""
        words = (await self.round(number))["waits_for"]["words"]
        if _SINCE.sub("", words) != expected:
            raise Surprise(f"{number}: {words!r}, not {expected!r}")
        self.tell.print(f"  · {number}: {words}", style="cyan", highlight=False)

    async def round(self, number: str) -> dict[str, Any]:
        """How a round stands."""
        rounds = (await self.view("auditor", "approval-status"))["rounds"]
        found: dict[str, Any] = next(each for each in rounds if each["round"] == number)
        return found

    async def reads_back(self, view: str, expected: list[tuple[str, str]], **asked: Any) -> None:
        """Tell the last facts of the trail or of the report of exceptions, and insist on who acted and the sentence."""
        entries = (await self.view("auditor", view, limit=500, **asked))["entries"][-len(expected) :]
        found = [(entry["actor_name"], entry["sentence"]) for entry in entries]
        if found != expected:
            raise Surprise(f"{view}: {found!r}, not {expected!r}")
        for entry in entries:
            self.tell.print(_line(entry), style="magenta", highlight=False)


#: Names by person.
NAMES = {person: name for person, name, _ in (CAST | PARTNERS).values()}
_SINCE = re.compile(r",? since [0-9]+ [A-Z][a-z]+ [0-9]{4} [0-9:]{5} UTC")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _line(entry: Mapping[str, Any]) -> str:
    """A fact of the trail, in a line."""
    return f"  {entry['version']:>3}  {entry['actor_name']:<11}  {entry['sentence']}"


def _said(value: Any) -> str:
    """A value as the teller says it."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case {"amount": amount, "currency": currency}:
            return f"{currency} {amount}"
        case dict():
            return ", ".join(f"{_said(name)} {_said(each)}" for name, each in value.items())
        case list() | tuple():
            return ", ".join(map(_said, value)) or "none"
        case _:
            return str(value).replace("_", " ")


def _brief(body: dict[str, Any]) -> str:
    """What is sent: money and lists in words, documents by their lines."""
    return ", ".join(f"{name.replace('_', ' ')} {_part(value)}" for name, value in body.items())


def _part(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return f"of {len(value)} lines" if len(value) > 1 else "of 1 line"
    return _short(_said(value))


def _short(text: str) -> str:
    """The text with its hashes by their beginnings, as the trail has them."""
    return _DIGEST.sub(lambda digest: digest[0][:12], text)


async def found(doors: Doors, cast: Cast = CAST) -> dict[str, str]:
    """The operator founds the company and admits the cast; fresh tokens by part, for whoever is a member today."""
    commands: list[FoundCompany | AdmitMember] = [FoundCompany(name="Acme Pictures")]
    commands += [
        AdmitMember(
            person=person,
            name=name,
            administrator=part == "executive producer",
            may_open_productions=part == "executive producer",
        )
        for part, (person, name, _) in cast.items()
    ]
    for place, command in enumerate(commands):
        wish = Wish(COMPANY, None, command, OPERATOR, f"demo-founding-{place}", uuid4(), "cli")
        await doors.handling.handle(wish)
    company, tokens = await doors.handling.company(COMPANY), {}
    for part, (person, _, _) in cast.items():
        if company is not None and company.is_member(person):
            _, tokens[part] = await doors.tokens.create(COMPANY, person, now(), timedelta(hours=8))
    return tokens


async def opening(play: Play) -> None:
    """Act one: a production, its people, its money."""
    ep = "executive producer"
    await play.send(
        ep,
        "open-production",
        {"title": "The Long Take", "kind": "feature", "currency": "INR", "time_zone": "Asia/Kolkata"},
        key="demo-open",
    )
    for part, (person, _, roles) in CAST.items():
        for role in roles:
            body = {"person": person, "role": role, "from_on": "2026-10-01"}
            await play.send(ep, "appoint", body, key=f"demo-appoint-{part}-{role}".replace(" ", "-"))
    await play.send(
        ep,
        "secure-funding",
        {
            "kind": "equity",
            "party": "Prasad Film Fund",
            "amount": inr("36000000"),
            "rests_on": "signed_agreement",
            "document": "Investment agreement of 12 October 2026",
            "expected_on": ["2026-11-02"],
        },
        key="demo-equity",
    )
    await play.send(
        ep,
        "secure-funding",
        {
            "kind": "presale",
            "party": "Nordlicht Distribution",
            "amount": {"amount": "300000", "currency": "USD"},
            "budget_rate": {"source": "USD", "target": "INR", "rate": "84.50"},
            "rests_on": "letter_of_intent",
            "document": "Letter of 15 October 2026",
        },
        key="demo-presale",
    )
    await play.send(ep, "close-funding", {"funding": "F-1"}, key="demo-close")
    await play.send(
        "accountant",
        "record-receipt",
        {
            "funding": "F-1",
            "amount": inr("20000000"),
            "credited": inr("19999500"),
            "bank_charges": inr("500"),
            "value_on": "2026-11-02",
            "posted_on": "2026-11-03",
            "bank_reference": "NEFT-20261102-0001",
        },
        key="demo-receipt",
    )


async def budgeting(play: Play) -> str:
    """Act two: the real top sheet is set and submitted; its content hash."""
    answer = await play.send("line producer", "set-budget", top_sheet(), key="demo-budget")
    content_hash: str = answer["events"][0]["data"]["content_hash"]
    await play.send("producer", "submit-budget", {"budget": "v1"}, key="demo-submit")
    return content_hash


async def approving(play: Play, content_hash: str) -> None:
    """Act three: the executive producer approves what she saw, and locks it."""
    seen = {"round": "A-1", "content_hash": content_hash}
    ep = "executive producer"
    await play.send(ep, "approve", seen | {"words": "Good to go."}, key="demo-approve")
    await play.send(ep, "lock-budget", {"budget": "v1"}, key="demo-lock")
    await play.send(ep, "enter-stage", {"stage": "production"}, key="demo-stage")


def invoice(account: str, net: str, vendor: str, document: str, **more: Any) -> dict[str, Any]:
    """A spend of the demonstration."""
    body = {
        "account": account,
        "currency": "INR",
        "net": net,
        "vendor": vendor,
        "spent_on": "2026-11-16",
        "posted_on": "2026-11-18",
        "kind": "invoice",
        "document": document,
    }
    return body | more


async def first_spend(play: Play) -> None:
    """Act four: money is spent."""
    spend = invoice("2200", "50000", "kala-sets", "KS-0417", vendor_name="Kala Sets", memo="Drawings, first part")
    await play.send("line producer", "log-spend", spend | {"tax": "9000", "recoverable_tax": "9000"}, key="demo-s1")
    bond = invoice("8100", "5238328", "surety-house", "SH-11", vendor_name="Surety House")
    await play.send("accountant", "log-spend", bond, key="demo-s2")


async def first_acts(address: str, doors: Doors) -> None:
    """What `make run` plays before it serves: found once, found again the next time by the same keys."""
    quiet = Console(quiet=True)
    async with httpx2.AsyncClient(base_url=address, timeout=30) as client:
        tokens = await found(doors)
        play = Play(client, tokens, quiet)
        if tokens.keys() == CAST.keys():  # who was dismissed since was dismissed after these acts
            for act in (opening, _budget_to_lock, first_spend):
                await act(play)
    _welcome(address, tokens)


async def _budget_to_lock(play: Play) -> None:
    await approving(play, await budgeting(play))


def _welcome(address: str, tokens: dict[str, str]) -> None:
    at = f"{address}/v1/{COMPANY}/{PRODUCTION}"
    lines = [
        "",
        f"Greenlight serves at {address}; documentation: {address}/docs",
        f"  current budget   {at}/current-budget",
        f"  approval status  {at}/approval-status",
        f"  funding          {at}/funding",
        f"  spend register   {at}/spend-register",
        f"  audit trail      {at}/audit-trail",
        f"  flags            {at}/flags",
        f"  inbox            {address}/v1/inbox",
        "",
        "Tokens for 8 hours:",
        *(f"export {part.replace(' ', '_').upper()}={token}" for part, token in tokens.items()),
        "",
        "Try:",
        *(f"curl -s -H 'Authorization: Bearer {token}' {at}/current-budget" for token in [*tokens.values()][-1:]),
        "",
        "Ctrl-C stops everything, the database too; the next start finds the same data.",
    ]
    print("\n".join(lines), flush=True)


async def walk(play: Play) -> None:
    """The walk over HTTP, act by act."""
    tell, ep = play.tell, "executive producer"
    tell.rule("Act 1 — a production, its people, its money")
    await opening(play)
    shown = await play.view("auditor", "funding")
    states = {source["funding"]: source["state"] for source in shown["sources"]}
    play.says("sources", states, {"F-1": "partly_funded", "F-2": "soft_committed"})
    play.says("received, INR", shown["cover"][2]["cash"], "19999500.00")
    tell.rule("Act 2 — a budget is set and submitted")
    content_hash = await budgeting(play)
    budget = await play.view("producer", "current-budget")
    play.says("grand total, INR", budget["shown"]["grand_total"], "61240772.00")
    [label] = [flag for flag in budget["flags"] if flag["kind"] == "LabelDisagrees"]
    play.says("the bond's label, flagged: labelled %", label["figures"]["labelled_percent"], "3")
    play.says("  and what it is of its base, %", label["figures"]["implied_percent"], "10.0000")
    inbox = await play.view(ep, "inbox")
    play.says(
        "waits for Maya",
        [item["waits_for"] + " " + item["round"] for item in inbox["items"]],
        ["approve A-1"],
    )
    before_approval = budget["version"]

    tell.rule("Act 3 — approval")
    seen = {"round": "A-1", "content_hash": content_hash}
    refused = await play.send("producer", "approve", seen, status=403)
    play.says("refused to the submitter", refused["type"], "urn:greenlight:problem:approver-is-submitter")
    refused = await play.send("accountant", "approve", seen, status=403)
    play.says("refused to the accountant", refused["type"], "urn:greenlight:problem:not-asked")
    refused = await play.send(ep, "approve", seen | {"content_hash": "0" * 64}, status=409)
    play.says("another content than asked about", refused["figures"]["asked"], content_hash)
    await approving(play, content_hash)
    budget = await play.view(ep, "current-budget")
    play.says("in force", (budget["in_force"], budget["shown"]["state"]), ("v1", "locked"))
    rounds = (await play.view("auditor", "approval-status"))["rounds"]
    play.says("A-1", f"{rounds[0]['state']} by {rounds[0]['decisions'][0]['person']}", "approved by maya")

    tell.rule("Act 4 — spend")
    await first_spend(play)
    await play.send(
        "line producer",
        "log-spend",
        invoice("2200", "50000", "kala-sets", "KS-0417", vendor_name="Kala Sets", memo="Drawings, first part")
        | {"tax": "9000", "recoverable_tax": "9000"},
        key="demo-s1",
    )
    register = await play.view("accountant", "spend-register")
    play.says("entries after the duplicate request", len(register["lines"]), 2)
    over = invoice("2200", "230000", "kala-sets", "KS-0431")
    answer = await play.send("line producer", "log-spend", over)
    play.says("overspent by, INR", answer["events"][1]["data"]["over"]["amount"], "18000.00")
    outside = invoice("9999", "12000", "chai-point", "CP-3", vendor_name="Chai Point")
    await play.send("line producer", "log-spend", outside)
    budget = await play.view("line producer", "current-budget")
    play.says("outside the budget", budget["shown"]["spent_outside"], [{"account": "9999", "spent": "12000.00"}])
    recode = {"spend": "S-000004", "account": "2500", "posted_on": "2026-11-20", "reason": "Craft service."}
    await play.send("accountant", "recode-spend", recode)
    flags = await play.view("auditor", "flags", state="open")
    play.says("flags that stand", [flag["kind"] for flag in flags["flags"]], ["LabelDisagrees", "AccountOverspent"])
    budget = await play.view("line producer", "current-budget")
    play.says("outside the budget after recoding", budget["shown"]["spent_outside"], [])
    play.says("spent, INR", budget["shown"]["spent"], "5530328.00")

    tell.rule("Act 5 — a co-financed budget: who is asked, and what their word is worth")
    await co_financing(Play(play.client, play.tokens, tell, CO_FINANCED))

    tell.rule("Act 6 — twelve weeks of a shoot, and what they cost")
    await shooting(Play(play.client, play.tokens, tell, SHOT))

    tell.rule("Act 7 — the auditor looks back")
    then = await play.view("auditor", "current-budget", as_of=before_approval)
    play.says(
        f"as of version {before_approval}, before the approval",
        {"in force": then["in_force"], "waiting": then["waiting"]},
        {"in force": None, "waiting": "v1"},
    )
    trail = await play.view("auditor", "audit-trail", limit=500)
    for entry in trail["entries"]:
        tell.print(_line(entry), highlight=False)
    play.says("facts in the trail", len(trail["entries"]), trail["version"])


def eur(amount: str) -> dict[str, str]:
    """Euros."""
    return {"amount": amount, "currency": "EUR"}


def sheet(camera: str, **more: Any) -> dict[str, Any]:
    """The co-financed budget, with so much for the camera."""
    accounts = [("1100", "Story", "above_the_line", "200000"), ("2300", "Camera", "production", camera)]
    contingency = {"code": "8000", "name": "Contingency", "kind": "contingency", "percent": "10"}
    return {
        "currency": "EUR",
        "accounts": [dict(zip(("code", "name", "level", "amount"), line, strict=True)) for line in accounts],
        "charges": [contingency | {"base": {"levels": ["above_the_line", "production"]}}],
    } | more


async def co_financing(play: Play) -> None:
    """Act five: a policy, two funds and a guarantor, changes to the locked budget, and the green light."""
    await _partners(play)
    await _bonded_budget(play)
    await _overage(play)
    await _draw_and_green_light(play)
    play.tell.print("\nThe report of exceptions, as Ines Moreau reads it:", highlight=False)
    conditional = (
        "Gave a conditional green light on v2. Passed: budget locked, funding committed, guarantor approved;"
        f" not passed: funding closed, conditions met; conditions: “{TO_FOLLOW}”."
    )
    waived = "Waived condition 1 of A-4 on 2300, saying “The insurer takes six weeks; the shoot has two.”."
    await play.reads_back("exceptions", [("Maya Rao", conditional), ("Greta Holm", waived)])


async def _approve(play: Play, who: str, number: str, behalf: str | None = None, **more: Any) -> dict[str, Any]:
    """Somebody approves what the round asks about now."""
    seen = {"round": number, "content_hash": (await play.round(number))["content_hash"]}
    return await play.send(who, "approve", seen | more, behalf=behalf)


async def _partners(play: Play) -> None:
    """The team, the funds, and the policy, with an executive producer away."""
    ep, today = "executive producer", now().date()
    opening = {"title": "The Other Shore", "kind": "feature", "currency": "EUR", "time_zone": "Europe/Berlin"}
    await play.send(ep, "open-production", opening)
    team = [("theo", "producer"), ("lena", "line_producer"), ("aris", "accountant"), ("ines", "auditor")]
    team += [(person, role) for person, _, roles in PARTNERS.values() for role in roles]
    for person, role in team:
        await play.send(ep, "appoint", {"person": person, "role": role, "from_on": "2026-10-01"})
    for party, amount, holder in (("Elbe Fund", "400000", "falk"), ("Kyoto Media", "300000", "hana")):
        source = {"kind": "equity", "party": party, "amount": eur(amount), "holder": holder}
        await play.send(ep, "secure-funding", source | {"rests_on": "signed_agreement", "document": "Agreement"})
    own = {"kind": "equity", "party": "Acme Pictures", "amount": eur("300000"), "document": "Board minutes"}
    await play.send(ep, "secure-funding", own | {"rests_on": "signed_agreement"})

    until = today + timedelta(days=14)
    days = {"from_on": str(today - timedelta(days=1)), "until_on": str(until)}
    await play.send("executive producer away", "set-absence", {"substitute": "aris"} | days)
    policy = {"template": "co_financed_feature", "capped_accounts": ["1100"], "reason": "Two funds joined."}
    await play.send(ep, "adopt-approval-policy", policy)
    away = f"noor (away until {until:%-d %B %Y}), or aris for them"
    await play.waits("A-1", f"Step 1 of 1, all of the executive producers: waits for {away}.")
    await _approve(play, "accountant", "A-1", behalf="noor")
    asked = await play.round("A-1")
    said = asked["decisions"][-1]
    play.says("the policy is adopted; the last word was", f"{said['by']} for {said['person']}", "aris for noor")
    told = f"Approved P-1, content {asked['content_hash'][:12]}, in A-1."
    await play.reads_back("audit-trail", [("Aris Dahl for Noor Khan", told)], kind="ApprovalGiven")


async def _bonded_budget(play: Play) -> None:
    """Half of the committed funding, then the guarantor; an edit meanwhile voids what was said."""
    await play.send("line producer", "set-budget", sheet("600000"))
    await play.send("producer", "submit-budget", {"budget": "v1"})
    half = "Step 1 of 2, the holders of committed funding who together hold 50 % of the committed funding"
    await play.waits("A-2", f"{half}: waits for falk and hana.")
    first = (await play.round("A-2"))["content_hash"]
    await _approve(play, "first fund", "A-2", words="Fine for us.")
    stands = await play.round("A-2")
    at = f"{stands['state']}, at step {stands['waits_for']['step']}"
    play.says("with 40 % of the committed funding, A-2 is", at, "open, at step 1")
    await play.waits("A-2", f"{half}: waits for hana.")
    answer = await play.send("line producer", "set-budget", sheet("620000", round="A-2", reason="A second camera."))
    play.says("void since the edit", answer["events"][-1]["data"]["voided"], ["falk"])
    second = answer["events"][-1]["data"]["content_hash"]
    told = (
        f"A-2 asks about v2, EUR 902,000.00, content {second[:12]}, instead of v1: 2300 600,000.00 → 620,000.00,"
        " 8000 80,000.00 → 82,000.00; void: the approvals of Falk Brandt."
    )
    await play.reads_back("audit-trail", [("Lena Ortiz", told)], kind="ContentReplaced")
    await play.waits("A-2", f"{half}: waits for falk and hana.")
    seen = {"round": "A-2", "content_hash": first}
    refused = await play.send("second fund", "approve", seen, status=409)
    play.says("who saw the old one", refused["type"], "urn:greenlight:problem:content-has-changed")
    for who in ("first fund", "second fund"):
        await _approve(play, who, "A-2")
    await play.waits("A-2", "Step 2 of 2, any of the completion guarantors: waits for greta.")
    await _approve(play, "guarantor", "A-2")
    budget = await play.view("producer", "current-budget")
    play.says("in force, EUR", (budget["in_force"], budget["shown"]["grand_total"]), ("v2", "902000.00"))
    await play.send("executive producer", "lock-budget", {"budget": "v2"})


async def _overage(play: Play) -> None:
    """Money beside the locked budget, which a source carries."""
    await _says_cover(play, total="902000.00", gap="-98000.00", carries="0.00", free="98000.00")
    overage = {"account": "2300", "amount": "50000", "funding": "F-3", "reason": "Night shoots."}
    await play.send("line producer", "request-overage", overage)
    for who in ("executive producer", "guarantor"):
        await _approve(play, who, "A-3")
    told = "O-1: EUR 50,000.00 beside v2 on account 2300, carried by F-3; the total budget is EUR 952,000.00."
    await play.reads_back("audit-trail", [("Greta Holm", told)], kind="OverageApproved")
    await _says_cover(play, total="952000.00", gap="-48000.00", carries="50000.00", free="48000.00")
    budget = (await play.view("producer", "current-budget"))["shown"]
    play.says("the current budget's total, EUR", budget["total_budget"], "952000.00")


async def _says_cover(play: Play, total: str, gap: str, carries: str, free: str) -> None:
    """What the funding says of the budget to cover, and of Acme's own money."""
    shown = await play.view("producer", "funding")
    own = shown["sources"][2]
    play.says("to cover, EUR", shown["total"], total)
    play.says("what committed cash leaves open of it, EUR", shown["cover"][0]["gap"], gap)
    play.says("F-3 carries, EUR", own["carries"], carries)
    play.says("F-3 has free for more of it, EUR", own["free"], free)


#: What must follow the conditional green light.
TO_FOLLOW = "Both funds close before the first day of the shoot."


async def _draw_and_green_light(play: Play) -> None:
    """A draw on a condition, and the go decision: conditional at first, then full."""
    ep = "executive producer"
    draw = {"account": "2300", "amount": "30000", "reason": "A broken lens."}
    await play.send("line producer", "draw-contingency", draw)
    await _approve(play, ep, "A-4")
    await _approve(play, "guarantor", "A-4", conditions=["The insurer's refusal is on file."])
    await play.waits("A-4", "Approved; waits until these are met or waived: The insurer's refusal is on file. (greta).")
    refused = await play.send(ep, "greenlight-production", {}, status=409)
    missing = ["closed cash of EUR 952,000.00, of which there is EUR 0.00", "the open conditions of approvals"]
    play.says("the green light waits for", refused["figures"]["missing"], missing)
    await play.send(ep, "greenlight-production", {"conditions": [TO_FOLLOW]})
    await _says_green_light(play, "conditional", [TO_FOLLOW], ["funding_closed", "conditions_met"])
    for source in ("F-1", "F-2", "F-3"):
        await play.send(ep, "close-funding", {"funding": source})
    lets_go = {
        "round": "A-4",
        "condition": 1,
        "waived": True,
        "words": "The insurer takes six weeks; the shoot has two.",
    }
    answer = await play.send("guarantor", "close-condition", lets_go)
    play.says("left of the contingency, EUR", answer["events"][-1]["data"]["left"]["amount"], "52000.00")
    answer = await play.send(ep, "greenlight-production", {})
    passed = [result["passed"] for result in answer["events"][0]["data"]["results"]]
    play.says("tests passed for the green light", sum(passed), 5)
    await _says_green_light(play, "full", [], [])


async def _says_green_light(play: Play, state: str, conditions: list[str], not_passed: list[str]) -> None:
    shown = (await play.view("auditor", "current-budget"))["green_light"]
    play.says("the green light", f"{shown['state']}, by {shown['given_by']}", f"{state}, by maya")
    play.says("what must follow", shown["conditions"], conditions)
    play.says("tests that had not passed", shown["not_passed"], not_passed)


async def prove(tell: Console, server: Server) -> None:
    """The last act: the chain holds, and a forger is found out on a copy of the database."""
    tell.rule("Act 7 — the chain, and a forger")
    reader = await asyncpg.connect(server.service_url)
    verdicts = [verdict async for verdict in verify.verify(reader)]
    await reader.close()
    for verdict in verdicts:
        if verdict.broken is not None:
            raise Surprise(verdict.broken)
        tell.print(f"  · {verdict.stream_id}: {verdict.events} events hold, link {verdict.link.hex()}", style="cyan")
    broken = await _forge(server)
    if "SpendLogged" not in broken:
        raise Surprise(f"the forgery was not found: {broken}")
    tell.print(
        f"  · on a copy, the owner of the database edits a spend; found: {broken}",
        style="cyan",
        highlight=False,
    )


async def _forge(server: Server) -> str:
    """Edit a spend on a copy of the database, as its superuser with the triggers off; what the walk then says."""
    admin = await asyncpg.connect(server.admin_url)
    await admin.execute("CREATE DATABASE forged TEMPLATE greenlight STRATEGY file_copy")
    await admin.close()
    forger = await asyncpg.connect(server.admin_url, database="forged")
    try:
        await forger.execute("ALTER TABLE events DISABLE TRIGGER ALL")
        await forger.execute(
            "UPDATE events SET payload = replace(payload::text, '230000', '23000')::json"
            " WHERE type = 'SpendLogged' AND payload::text LIKE '%230000%'"
        )
        verdicts = [verdict async for verdict in verify.verify(forger)]
    finally:
        await forger.close()
    return next((verdict.broken for verdict in verdicts if verdict.broken), "nothing")


async def _play(tell: Console, server: Server) -> None:
    await migrate(server.owner_url)
    async with (
        served(server.service_url, "127.0.0.1", 0) as (_, address, doors),
        httpx2.AsyncClient(base_url=address, timeout=30) as client,
    ):
        tell.print("The operator founds Acme Pictures and admits nine people.")
        await walk(Play(client, await found(doors, CAST | PARTNERS), tell))
    await prove(tell, server)


def main() -> int:
    """Play the whole walk on a database of its own; 0 when everything was as it must be."""
    configure_logs(logging.WARNING)
    tell = Console(width=160, soft_wrap=True)
    with (
        tempfile.TemporaryDirectory(prefix="greenlight-demo-") as place,
        running(Path(place) / "data") as server,
    ):
        try:
            asyncio.run(_play(tell, server))
        except Surprise as surprise:
            tell.print(f"\nSurprise: {surprise}", style="red", highlight=False)
            return 1
    tell.print("\nEverything was as it must be.", style="bold green")
    return 0


async def shooting(play: Play) -> None:
    """Act six: the top sheet again, locked, and the cost report of each of twelve weeks of orders and payroll."""
    sending = replace(play, tell=Console(quiet=True))
    await _ready_to_shoot(sending)
    table = Table("Week", "Cost in it", "To date", "Committed", "EFC", "Over (under)", box=None)
    for week in weeks():
        for part, command, body in week.sent:
            answer = await sending.send(part, command, body)
            for event in answer["events"]:
                if event["type"] == "ApprovalRequested":
                    await _approve(sending, "executive producer", event["data"]["round"])
        play.position = sending.position
        period = {"posted_from": str(week.monday), "posted_to": str(week.sunday)}
        total = (await play.view("auditor", "cost-report", **period))["total"]
        columns = ("actual_period", "actual_to_date", "commitments", "efc", "variance")
        table.add_row(f"{week.number}", *(f"{Decimal(total[column]):,}" for column in columns))
    for column in table.columns:
        column.justify = "right"
    play.tell.print(table)
    play.says("to date, INR", total["actual_to_date"], "4724064.50")
    play.says("expected in the end, INR", total["efc"], "61573072.00")
    explained = await play.view("accountant", "cost-report/accounts/3600")
    play.says("the location's estimate", explained["estimates"][-1]["reason"], "The fort costs less than was feared.")


async def _ready_to_shoot(play: Play) -> None:
    """A production whose people are there, whose money is committed and whose budget is locked."""
    ep = "executive producer"
    opening = {"title": "The Fort", "kind": "feature", "currency": "INR", "time_zone": "Asia/Kolkata"}
    await play.send(ep, "open-production", opening)
    for person, _, roles in CAST.values():
        for role in roles:
            await play.send(ep, "appoint", {"person": person, "role": role, "from_on": "2026-09-01"})
    equity = {"kind": "equity", "party": "Prasad Film Fund", "amount": inr("70000000"), "document": "Agreement"}
    await play.send(ep, "secure-funding", equity | {"rests_on": "signed_agreement"})
    await play.send("line producer", "set-budget", top_sheet())
    await play.send("producer", "submit-budget", {"budget": "v1"})
    await _approve(play, ep, "A-1")
    await play.send(ep, "lock-budget", {"budget": "v1"})
