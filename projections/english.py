"""How an approval policy is read out: in English, rule by rule."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from difflib import ndiff
from typing import Any

from events.advance import ASKED_AS
from events.money import Money
from events.policy import (
    Approver,
    Control,
    ControlScope,
    Mode,
    Policy,
    RequestKind,
    Rule,
    Step,
    When,
)


def policy(terms: Policy) -> str:
    """The whole policy, a sentence a rule."""
    rules = [f"{place}. {rule(each)}" for place, each in enumerate(terms.rules, 1)]
    return " ".join([f"{terms.name}: the first rule that fits counts.", *rules, *_beside_rules(terms)])


def differences(before: Policy, after: Policy) -> list[str]:
    """The sentences in which a policy differs from another, in their order: those that go, and those that come."""
    old, new = ([*map(rule, each.rules), *_beside_rules(each)] for each in (before, after))
    words = {"- ": "No more: ", "+ ": "New: "}
    return [words[line[:2]] + line[2:] for line in ndiff(old, new) if line[:2] in words]


def _beside_rules(terms: Policy) -> list[str]:
    said = [f"Everything else: {steps(terms.otherwise)}."]
    if all(RequestKind.REQUISITION not in each.when.kinds for each in terms.rules):
        said.append("Requisitions, which no rule names: no approval is needed.")
    said.append(f"A change of the policy: {steps(terms.changes)}.")
    within = _count(terms.cumulative_days, "day")
    said.append(f"What one vendor or account asks for within {within} counts together.")
    if not terms.one_person_may_fill_two_steps:
        said.append("Nobody fills two steps of a round.")
    if terms.capped_accounts:
        said.append(f"Capped accounts: {listed(terms.capped_accounts)}.")
    if terms.alerts_at:
        said.append(f"Alerts at {listed([f'{percent} %' for percent in terms.alerts_at])} spent.")
    if terms.override_by is not None:
        but = "but not where it is about who decides or about cutting funding"
        does = "A step may be passed over, or somebody's place in it given to another"
        said.append(f"{does}, for a reason, by {_a(terms.override_by)}, {but}.")
    if terms.fresh_from is not None:
        within = _count(terms.fresh_minutes, "minute")
        said.append(f"From {terms.fresh_from:,f} on, approvers signed in within {within}.")
    said += [_control(each) for each in terms.controls]
    if terms.controls_overridden_by is not None and terms.controls:
        said.append(f"What is stopped may be let pass by {_a(terms.controls_overridden_by)}.")
    said.append(f"The green light needs: {listed([_words(test) for test in terms.green_light]) or 'nothing'}.")
    return said


def request(kind: RequestKind, subject: str, amount: Money | None, body: Mapping[str, Any]) -> str:
    """What takes effect when a round on it passes; of a policy, `policy` says it.

    Args:
        subject: as the round names it, such as `v2`, `S-000017`, or `1100 to 2200`.
        body: of the command that takes effect, or what is to be promised or ordered; empty for budgets and payments.
    """
    of = "" if amount is None else f", {amount}"
    match kind:
        case RequestKind.BUDGET:
            return f"Put {subject}{of}, in force."
        case RequestKind.PAYMENT if subject.startswith(ASKED_AS):
            return f"Pay out a {subject}{of}."
        case RequestKind.PAYMENT:
            return f"Release the payment of {subject}{of}."
        case RequestKind.UNLOCKING:
            return f"Unlock {subject}{of}."
        case RequestKind.OVERAGE:
            return f"Add {amount} to account {subject} beside the locked budget, carried by {body['funding']}."
        case RequestKind.TRANSFER:
            return f"Move {amount} from account {subject}."
        case RequestKind.CONTINGENCY_DRAW:
            return f"Draw {amount} from the contingency for account {subject}."
        case RequestKind.FUNDING_CUT:
            return f"Cut {subject} by {amount}."
        case RequestKind.APPOINTMENT:
            return f"Have it so: {subject}{' no more' if 'role' in body and 'from_on' not in body else ''}."
        case RequestKind.REOPENING:
            return f"Reopen the production, for {subject}."
        case RequestKind.COMMITMENT:
            return f"Promise {subject}{of}{_to_promise(body)}."
        case RequestKind.REQUISITION:
            needed = f", needed on {body['needed_on']}" if body["needed_on"] else ""
            return f"Let {subject}{of}, be ordered{needed}: {_lines(body['lines'])}."
        case RequestKind.POLICY_CHANGE:
            return f"Adopt {subject}."


def _to_promise(body: Mapping[str, Any]) -> str:
    """With whom, for what, and in the place of what; rounds of before did not say."""
    if not body:
        return ""
    due = f", due when {body['due_when']}" if body["due_when"] else ""
    due += f", at {_rate(body['rate'])}" if body["rate"] else ""
    former = f"; in the place of {_lines(body['former'])}" if body["former"] else ""
    return f", to {body['vendor']}{due}: {_lines(body['lines'])}{former}"


def _rate(rate: Mapping[str, Any]) -> str:
    return f"1 {rate['source']} = {Decimal(rate['rate']):f} {rate['target']}"


def _lines(lines: Iterable[Mapping[str, Any]]) -> str:
    return listed([f"{line['what']} ({line['account']}, {Decimal(line['amount']):,f})" for line in lines])


def _control(each: Control) -> str:
    """What becomes of a commitment beyond what is available."""
    of = {
        ControlScope.CAPPED_ACCOUNT: "a capped account",
        ControlScope.ACCOUNT: "an account",
        ControlScope.LEVEL: "a level",
        ControlScope.TOTAL: "the total budget",
    }[each.scope]
    does = {"ignore": "ignored", "warn": "let pass with a warning", "stop": "stopped"}[each.action]
    wide = [f"{each.tolerance:,f}"] if each.tolerance is not None else []
    wide += [f"{each.tolerance_percent.normalize():f} %"] if each.tolerance_percent is not None else []
    by = f" by more than {' or '.join(wide)}" if wide else ""
    return f"A commitment beyond what is available of {of}{by} is {does}."


def rule(each: Rule) -> str:
    """A rule, with what it is for and whom it asks."""
    return f"{each.name} ({when(each.when)}): {steps(each.steps)}."


def when(what: When) -> str:
    """What a rule is for."""
    said = [listed([_words(kind) for kind in what.kinds])]
    if what.accounts or what.levels:
        said.append(f"on {' or '.join([*what.accounts, *map(_words, what.levels)])}")
    if what.capped:
        said.append("on a capped account")
    if what.at_least is not None:
        said.append(f"from {what.at_least:,f} on")
    if what.below is not None:
        said.append(f"below {what.below:,f}")
    if what.percent_over is not None:
        past = f"from {what.percent_over.normalize():f} % " if what.percent_over else ""
        said.append(f"{past}past what was approved{' on' if past else ''}")
    return ", ".join(said)


def steps(asked: Sequence[Step]) -> str:
    """The steps in their order."""
    return ", then ".join(map(step, asked)) or "no approval is needed"


def step(asked: Step) -> str:
    """Whom a step asks, and how many of them it takes."""
    whom = _whom(asked.approvers)
    match asked.mode:
        case Mode.ANY:
            said = whom if _is_one_person(asked.approvers) else f"any of {whom}"
        case Mode.ALL:
            said = f"all of {whom}"
        case Mode.QUORUM:
            said = f"{asked.quorum} of {whom}"
        case Mode.SHARE:
            said = f"{whom} who together hold {asked.share or 0:f} % of the committed funding"
    if asked.within_days is not None:
        instead = "" if _is_one_person(asked.escalates_to) else "any of "
        said += f", after {_count(asked.within_days, 'day')} {instead}{_whom(asked.escalates_to)} in their place"
    return f"{said} (skipped while there is none)" if asked.optional else said


def listed(words: Sequence[str]) -> str:
    """Words with commas, and `and` before the last."""
    return f"{', '.join(words[:-1])} and {words[-1]}" if len(words) > 1 else "".join(words)


def _whom(approvers: Iterable[Approver]) -> str:
    return " or ".join(map(_approver, approvers))


def _is_one_person(approvers: Sequence[Approver]) -> bool:
    return len(approvers) == 1 and bool(approvers[0].person or approvers[0].holder_of)


def _approver(approver: Approver) -> str:
    if approver.role is not None:
        return f"the {_words(approver.role)}s"
    if approver.person is not None:
        return f"‹person:{approver.person}›"
    if approver.holder_of is not None:
        return f"the holder of {approver.holder_of}"
    return "the holders of committed funding" if approver.every_holder else "the department heads of the accounts"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _words(value: str) -> str:
    return value.replace("_", " ")


def _a(role: str) -> str:
    return f"{'an' if role[0] in 'aeio' else 'a'} {_words(role)}"
