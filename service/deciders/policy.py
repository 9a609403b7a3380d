"""Approval policies: which rule is for a request, and so which steps it takes.

G1  A policy is adopted under the rule for changes of the policy in force; at first, by all executive producers. Who
    proposes it, and is asked about it, approves it by proposing it; one proposal waits at a time. A policy can always
    be changed: a step of that rule that could never pass takes all whom it asks, and all executive producers where it
    asks nobody; and one person fills two steps where there are too few for each. So it is with the kinds of G5.
G2  The first rule that is for a request counts; without one, the policy's own default does. A policy none of whose
    rules names requisitions asks nobody about them: the order that is drafted from one is asked about.
G3  What one vendor or account asked for within the policy's days, of all the kinds that a rule is for, counts together,
    so that splitting does not help, and so do all cuts of the funding; what was turned down does not, what was approved
    before, or released and reversed later, does: it may have been paid. How far an account is taken past what was
    approved for it counts all changes since, and a version that comes into force within the policy's days starts no new
    count: of accounts, and of the whole. What is paid in another currency is measured at the rate sent or at that of
    the budget in force, or else of committed funding, whichever makes it dearer; where none is known, it is asked about
    as the largest amount would be.
G4  A round keeps the steps it was opened under, whatever policy comes after; while it is open, whoever would be asked
    in it is appointed as where the policy asks them.
G5  A step is skipped where it is optional and asks nobody, or nobody but who had a hand in it. An appointment, an
    unlocking, a cut of funding and a reopening also pass over a step that asks nobody but who asked for them:
    otherwise nobody could ever join an only executive producer.

Without an adopted policy, one executive producer decides on budgets and on changes to the locked one; for the rest
the rules of each command are enough.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from enum import StrEnum
from hashlib import sha256
from typing import Annotated, ClassVar, Self

from immutables import Map
from pydantic import AfterValidator, Field, model_validator

from events.budget import Level
from events.ids import AccountCode, Digest, PersonId, PolicyId, RoundId, VendorId
from events.money import Currency, Money
from events.policy import ApprovalPolicyAdopted, Approver, Mode, Policy, RequestKind, Rule, Standing, Step, When, takes
from events.production import GreenLightTest
from events.team import Role

from .command import Command
from .company import Company, MemberIsMissing
from .financing import Financing, SourceIsMissing, existing
from .refusal import Conflicting

#: One executive producer, who did not propose it.
ANY_EP = Step((Approver(Role.EXECUTIVE_PRODUCER),))
ALL_EPS = Step((Approver(Role.EXECUTIVE_PRODUCER),), Mode.ALL)
#: A small production has one, who asks for much of it.
_PRODUCER = Step((Approver(Role.PRODUCER),), optional=True)
_PRODUCER_OR_EP = Step((Approver(Role.PRODUCER), Approver(Role.EXECUTIVE_PRODUCER)))
#: Whoever runs the shoot; where nobody does, executive producers after two days.
_RUNS_THE_SHOOT = Step(
    (Approver(Role.LINE_PRODUCER), Approver(Role.PRODUCER)),
    within_days=2,
    escalates_to=(Approver(Role.EXECUTIVE_PRODUCER),),
)
_GUARANTOR = Step((Approver(Role.COMPLETION_GUARANTOR),))
_FINANCIERS = Step((Approver(every_holder=True),), Mode.SHARE, share=Decimal(50))
#: While there are any.
_ANY_FINANCIERS = replace(_FINANCIERS, optional=True)

CHANGES = (RequestKind.OVERAGE, RequestKind.TRANSFER, RequestKind.CONTINGENCY_DRAW)
_GROWTH = (*CHANGES, RequestKind.BUDGET)
#: Which ask about accounts, and so may ask the heads of their departments.
_OF_ACCOUNTS = frozenset((*CHANGES, RequestKind.PAYMENT, RequestKind.COMMITMENT, RequestKind.REQUISITION))
#: Of what takes a capped account past its budget, though nobody raised it.
_PAST_A_CAP = When((RequestKind.PAYMENT,), capped=True, percent_over=Decimal(0))
_ORDERS = When((RequestKind.COMMITMENT,))
#: About who decides, or about cutting funding: there nobody passes over whom the policy asks.
NEVER_PASSED_OVER = (RequestKind.POLICY_CHANGE, RequestKind.APPOINTMENT, RequestKind.FUNDING_CUT)
_UNASKED = (RequestKind.UNLOCKING, RequestKind.FUNDING_CUT, RequestKind.APPOINTMENT, RequestKind.REOPENING)


class Template(StrEnum):
    """A policy that is ready to be adopted."""

    INDEPENDENT_FEATURE = "independent_feature"
    CO_FINANCED_FEATURE = "co_financed_feature"
    STUDIO = "studio"


def _below(kind: RequestKind, amount: int) -> Rule:
    said = f"{kind.value.replace('_', ' ').capitalize()} below {amount:,}"
    return Rule(said, When((kind,), below=Decimal(amount)))


TEMPLATES: dict[Template, Policy] = {
    Template.INDEPENDENT_FEATURE: Policy(
        name="Independent feature",
        rules=(
            Rule("Capped accounts", When(_GROWTH, capped=True), (ALL_EPS,)),
            Rule("Payments past a cap", _PAST_A_CAP, (ALL_EPS,)),
            Rule("Payments", When((RequestKind.PAYMENT,))),
            Rule("Commitments", _ORDERS),
        ),
        otherwise=(ANY_EP,),
    ),
    Template.CO_FINANCED_FEATURE: Policy(
        name="Co-financed feature",
        rules=(
            Rule("The bonded budget", When((RequestKind.BUDGET,)), (_FINANCIERS, _GUARANTOR)),
            Rule("Capped accounts", When(CHANGES, capped=True), (_FINANCIERS, _GUARANTOR)),
            Rule("Changes to the bonded budget", When(CHANGES), (ANY_EP, _GUARANTOR)),
            Rule("Payments past a cap", _PAST_A_CAP, (_FINANCIERS, _GUARANTOR)),
            Rule("Payments", When((RequestKind.PAYMENT,))),
            Rule("Commitments", _ORDERS),
            Rule("Cover and lock", When((RequestKind.FUNDING_CUT, RequestKind.UNLOCKING)), (_FINANCIERS,)),
            Rule("Who approves", When((RequestKind.APPOINTMENT,)), (ANY_EP, _ANY_FINANCIERS)),
        ),
        otherwise=(ANY_EP,),
        changes=(ALL_EPS, _ANY_FINANCIERS),
        green_light=tuple(GreenLightTest),
    ),
    Template.STUDIO: Policy(
        name="Studio",
        rules=(
            Rule("Capped accounts", When(_GROWTH, capped=True), (ALL_EPS,)),
            Rule("Payments past a cap", _PAST_A_CAP, (ALL_EPS,)),
            _below(RequestKind.PAYMENT, 10_000),
            Rule("Payment from 100,000", When((RequestKind.PAYMENT,), at_least=Decimal(100_000)), (_PRODUCER, ANY_EP)),
            Rule("Payment from 10,000", When((RequestKind.PAYMENT,)), (_PRODUCER_OR_EP,)),
            Rule("Requisitions", When((RequestKind.REQUISITION,)), (_RUNS_THE_SHOOT,)),
            _below(RequestKind.COMMITMENT, 10_000),
            Rule(
                "Commitment from 100,000",
                When((RequestKind.COMMITMENT,), at_least=Decimal(100_000)),
                (_PRODUCER, ANY_EP),
            ),
            Rule("Commitment from 10,000", _ORDERS, (_PRODUCER_OR_EP,)),
            Rule("Change below 25,000", When(CHANGES, below=Decimal(25_000)), (_PRODUCER_OR_EP,)),
            Rule("Change from 250,000", When(CHANGES, at_least=Decimal(250_000)), (_PRODUCER, ALL_EPS)),
            Rule("Change from 25,000", When(CHANGES), (_PRODUCER, ANY_EP)),
            Rule(
                "Budget past what was approved",
                When((RequestKind.BUDGET,), percent_over=Decimal(2)),
                (_PRODUCER, ALL_EPS),
            ),
            Rule("Budget from 10,000,000", When((RequestKind.BUDGET,), at_least=Decimal(10_000_000)), (ALL_EPS,)),
            # Else a version of the same total would move what a transfer asks more people about.
            Rule("Unlocking", When((RequestKind.UNLOCKING,)), (_PRODUCER, ALL_EPS)),
        ),
        otherwise=(ANY_EP,),
        override_by=Role.EXECUTIVE_PRODUCER,
    ),
}

#: What holds while no policy is adopted.
UNADOPTED = Policy(
    name="One executive producer",
    rules=(Rule("The rules of the command", When((*_UNASKED, RequestKind.PAYMENT, RequestKind.COMMITMENT))),),
    otherwise=(ANY_EP,),
    alerts_at=(),
)


def _sound_approver(approver: Approver) -> None:
    said = (approver.role, approver.person, approver.holder_of, approver.every_holder, approver.department_head)
    if sum(map(bool, said)) != 1:
        raise ValueError("an approver is one of role, person, holder_of, every_holder and department_head")
    if approver.role is Role.AUDITOR:
        raise ValueError("an auditor reads everything and approves nothing")


def _sound_step(step: Step) -> None:
    if not step.approvers:
        raise ValueError("a step asks somebody")
    for approver in (*step.approvers, *step.escalates_to):
        _sound_approver(approver)
    if (step.mode is Mode.QUORUM) != (step.quorum is not None) or (step.quorum is not None and step.quorum < 1):
        raise ValueError("a quorum says how many, one or more, and no other mode does")
    if (step.mode is Mode.SHARE) != (step.share is not None) or (step.share is not None and not 0 < step.share <= 100):
        raise ValueError("a share says its percentage, above 0 and up to 100, and no other mode does")
    if (step.within_days is None) != (not step.escalates_to) or (
        step.within_days is not None and not 1 <= step.within_days <= 366
    ):
        raise ValueError("a deadline of 1 to 366 days goes with whom the step escalates to")


def _sound_steps(steps: tuple[Step, ...], what: str, kinds: Collection[RequestKind] = tuple(RequestKind)) -> None:
    for step in steps:
        _sound_step(step)
        if all(approver.department_head for approver in step.approvers) and not _OF_ACCOUNTS.issuperset(kinds):
            others = sorted(kind.value.replace("_", " ") for kind in set(kinds) - _OF_ACCOUNTS)
            raise ValueError(
                f"{what}: department heads are asked about their accounts, so who else is asked about"
                f" a {' or a '.join(others)}?"
            )
    if steps and all(step.optional for step in steps):
        raise ValueError(f"{what}: one step at least is not optional, lest it passes with nobody's approval")


def _sound(policy: Policy) -> Policy:
    """The policy, if nothing in it contradicts itself."""
    for rule in policy.rules:
        when = rule.when
        _sound_steps(rule.steps, rule.name, when.kinds)
        if not when.kinds:
            raise ValueError(f"{rule.name}: a rule is for one kind of request or more")
        if when.at_least is not None and when.below is not None and when.at_least >= when.below:
            raise ValueError(f"{rule.name}: at_least {when.at_least:f} is not below {when.below:f}")
        if RequestKind.POLICY_CHANGE in when.kinds:
            raise ValueError(f"{rule.name}: changes of the policy have their own steps, in changes")
    for steps, what in ((policy.otherwise, "otherwise"), (policy.changes, "changes")):
        if not steps:
            raise ValueError(f"{what}: say which steps it takes")
        _sound_steps(steps, what)
    names = [rule.name for rule in policy.rules]
    if len(set(names)) < len(names):
        raise ValueError("every rule has a name of its own")
    if policy.capped_accounts and not any(rule.when.capped and rule.steps for rule in policy.rules):
        raise ValueError("capped accounts need a rule of their own: one whose when says capped, with steps")
    if any(not 0 < percent <= 200 for percent in policy.alerts_at) or policy.cumulative_days not in range(1, 367):
        raise ValueError("alerts are at 1 to 200 percent, and days that count together are 1 to 366")
    if policy.fresh_minutes not in range(1, 1441):
        raise ValueError("fresh_minutes are 1 to 1440")
    scopes = [control.scope for control in policy.controls]
    if len(set(scopes)) < len(scopes):
        raise ValueError("every control is of a scope of its own")
    if policy.controls_overridden_by is Role.AUDITOR:
        raise ValueError("an auditor reads everything and overrides nothing")
    if policy.override_by is Role.AUDITOR:
        raise ValueError("an auditor reads everything and overrides nothing")
    return policy


@dataclass
class PolicyIsProposed(Conflicting):
    """A policy, proposed by {proposer} as {policy}, waits for its approvals in {round}."""

    rule = "G1"
    otherwise = "{proposer} may recall it, and those whom it asks may reject it; then propose yours."
    policy: PolicyId
    round: RoundId
    proposer: PersonId


class AdoptApprovalPolicy(Command):
    """An executive producer proposes a policy: a template, or terms of your own; all executive producers decide."""

    refusals = (MemberIsMissing, SourceIsMissing, PolicyIsProposed)
    example: ClassVar = {"template": "co_financed_feature", "reason": "The fund joined."}

    template: Template | None = Field(None, description="A policy that is ready, in place of terms of your own.")
    terms: Annotated[Policy, AfterValidator(_sound)] | None = Field(None, description="In place of a template.")
    capped_accounts: tuple[AccountCode, ...] = Field(
        (), max_length=200, description="With a template: the accounts that may not grow by a lower rule."
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.template is None) == (self.terms is None):
            raise ValueError("send a template, or terms of your own")
        if self.capped_accounts and self.terms is not None:
            raise ValueError("terms of your own say their capped accounts themselves")
        if self.capped_accounts and self.template is not None:
            _sound(replace(TEMPLATES[self.template], capped_accounts=self.capped_accounts))
        return self

    @property
    def proposed(self) -> Policy:
        """The policy that is proposed."""
        if self.terms is not None:
            return self.terms
        assert self.template is not None
        return replace(TEMPLATES[self.template], capped_accounts=self.capped_accounts)


PolicyCommand = AdoptApprovalPolicy


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, as far as rules ask for it."""

    kind: RequestKind
    subject: str
    content_hash: Digest
    #: Base currency.
    amount: Money | None = None
    #: Which count together with what else was asked of them, and whose department heads may be asked.
    accounts: tuple[AccountCode, ...] = ()
    #: Which rules are for: the same, or those in which a version differs from the one in force.
    touches: frozenset[AccountCode] = frozenset()
    #: Of these, which may be capped by the policy, and which the budget holds itself.
    capped: frozenset[AccountCode] = frozenset()
    held: frozenset[AccountCode] = frozenset()
    levels: frozenset[Level] = frozenset()
    vendor: VendorId | None = None
    #: How far past what was approved it goes.
    percent_over: Decimal = Decimal(0)
    #: A currency that it is in and for which the production knows no rate: no amount is small by what is sent.
    unmeasured: Currency | None = None
    #: Who may not approve it.
    excluded: frozenset[PersonId] = frozenset()
    #: Whether it was paid already, out of an advance that was asked about: only rules for accounts ask about it.
    paid_out: bool = False
    #: What takes effect once it is approved.
    command: Command | None = None
    #: What is asked for, where no command says it, as JSON.
    content: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """The rule that counts for a request."""

    policy: PolicyId | None
    terms: Policy
    #: None when no rule was for it.
    rule: str | None
    steps: tuple[Step, ...]
    counted: Money | None


#: By kind and vendor or account, what was asked for day by day.
Asked = Map[tuple[RequestKind, str], Map[date, Decimal]]


@dataclass(frozen=True, slots=True)
class Policies:
    """The policies of a production."""

    adopted: int = 0
    in_force: PolicyId | None = None
    terms: Policy = field(default=UNADOPTED)


def adopt_approval_policy(
    command: AdoptApprovalPolicy, policies: Policies, company: Company | None, financing: Financing
) -> list[ApprovalPolicyAdopted]:
    """G1; whom it names is there; adopting the policy that is in force does nothing."""
    for approver in approvers_in(steps_of(command.proposed)):
        if approver.person is not None and (company is None or not company.is_member(approver.person)):
            raise MemberIsMissing(approver.person)
        if approver.holder_of is not None:
            existing(financing, approver.holder_of)
    if policies.in_force is not None and command.proposed == policies.terms:
        return []
    return [ApprovalPolicyAdopted(f"P-{policies.adopted + 1}", command.proposed)]


def evolve(policies: Policies, event: ApprovalPolicyAdopted) -> Policies:
    """The policies after the event."""
    return Policies(policies.adopted + 1, event.policy, event.terms)


def chosen(request: Request, policies: Policies, asked: Asked, on: date) -> Chosen:
    """G2, G3: the steps that a request takes."""
    terms = policies.terms
    for rule in () if request.kind is RequestKind.POLICY_CHANGE else terms.rules:
        if request.kind in rule.when.kinds and _may_be_for(rule, request):
            counted = _with_what_counts_together(request, rule.when.kinds, asked, on, terms.cumulative_days)
            if _is_for(rule.when, request, counted, terms):
                return Chosen(policies.in_force, terms, rule.name + _because(rule.when, request), rule.steps, counted)
    counted = _with_what_counts_together(request, (request.kind,), asked, on, terms.cumulative_days)
    if request.kind is RequestKind.POLICY_CHANGE:
        return Chosen(policies.in_force, terms, "Changes of the policy", terms.changes, counted)
    if request.paid_out or (request.kind is RequestKind.REQUISITION and not asks_about(terms, request.kind)):
        return Chosen(policies.in_force, terms, None, (), counted)
    return Chosen(policies.in_force, terms, None, terms.otherwise, counted)


def _may_be_for(rule: Rule, request: Request) -> bool:
    """Heads of departments alone are asked about accounts; what was paid out of an advance, by rules for accounts."""
    when, asks_heads = rule.when, any(all(each.department_head for each in step.approvers) for step in rule.steps)
    if asks_heads and not request.accounts:
        return False
    looks_at = (asks_heads, when.accounts, when.levels, when.capped, when.percent_over is not None)
    return any(looks_at) or not request.paid_out


def asks_about(terms: Policy, kind: RequestKind) -> bool:
    """Whether a rule names the kind."""
    return any(kind in rule.when.kinds for rule in terms.rules)


def reachable(rule: Chosen, standing: Standing) -> Chosen:
    """G1: the rule, so that somebody can give each of its steps; where they are too few, one person gives two."""
    steps = tuple(_reachable(step, standing) for step in rule.steps)
    terms = rule.terms
    if not _are_enough([step for step in steps if not step.optional], standing):
        terms = replace(terms, one_person_may_fill_two_steps=True)
    return replace(rule, steps=steps, terms=terms)


def _are_enough(steps: Sequence[Step], standing: Standing) -> bool:
    """Whether there is a person for each place that the steps have to have filled, and for none of them two."""
    wanted: list[set[PersonId]] = []
    for step in steps:
        seats = set(standing.asked(step.approvers, ()))
        places = {Mode.ANY: 1, Mode.QUORUM: step.quorum or 1}.get(step.mode, len(seats))
        wanted += [seats] * places
    found: dict[PersonId, int] = {}

    def placed(place: int, tried: set[PersonId]) -> bool:
        for person in sorted(wanted[place] - tried):
            tried.add(person)
            if person not in found or placed(found[person], tried):
                found[person] = place
                return True
        return False

    return all(placed(place, set()) for place in range(len(wanted)))


def _reachable(step: Step, standing: Standing) -> Step:
    seats = standing.asked(step.approvers, ())
    if not seats:
        return step if step.optional else ALL_EPS
    if takes(step, seats, seats, standing, {}):
        return step
    return replace(step, mode=Mode.ALL, quorum=None, share=None)


def counted_as(kind: RequestKind, accounts: Iterable[AccountCode], vendor: VendorId | None) -> list[str]:
    """Under which names an amount counts together with others: its accounts, and its vendor; or the funding it cuts."""
    if kind is RequestKind.FUNDING_CUT:
        return ["funding"]
    return [*(f"account {code}" for code in accounts), *([] if vendor is None else [f"vendor {vendor}"])]


def _with_what_counts_together(
    request: Request, kinds: tuple[RequestKind, ...], asked: Asked, on: date, days: int
) -> Money | None:
    if request.amount is None:
        return None
    since, most = on - timedelta(days=days - 1), Decimal(0)
    for name in counted_as(request.kind, request.accounts, request.vendor):
        by_kind = (asked[kind, name] for kind in kinds if (kind, name) in asked)
        amounts = (amount for days_ in by_kind for day, amount in days_.items() if day >= since)
        most = max(most, sum(amounts, Decimal(0)))
    return Money(request.amount.amount + most, request.amount.currency)


def _is_for(when: When, request: Request, counted: Money | None, terms: Policy) -> bool:
    amount = Decimal(0) if counted is None else counted.amount
    over = request.percent_over
    if request.unmeasured is not None:
        amount = over = Decimal("Infinity")
    return (
        (not (when.accounts or when.levels) or _touches(when, request))
        and (not when.capped or bool(request.capped.intersection((*terms.capped_accounts, *request.held))))
        and (when.at_least is None or amount >= when.at_least)
        and (when.below is None or amount < when.below)
        and (when.percent_over is None or (over >= when.percent_over and over > 0))
    )


def _because(when: When, request: Request) -> str:
    """Why the rule is for it, where its figures do not say so."""
    is_large = when.at_least is not None or when.percent_over is not None
    return f", as no rate of {request.unmeasured} is known" if is_large and request.unmeasured is not None else ""


def _touches(when: When, request: Request) -> bool:
    return bool(request.touches.intersection(when.accounts) or request.levels.intersection(when.levels))


def hash_of(kind: RequestKind, subject: str, body: str) -> Digest:
    """The content hash of a request that is a command: of every byte that is approved."""
    parts = [part.encode() for part in (kind.value, subject, body)]
    return sha256(b"".join(len(part).to_bytes(8, "big") + part for part in parts)).hexdigest()


def approves(asked: Iterable[Approver], person: PersonId, role: Role, financing: Financing) -> bool:
    """Whether somebody with a role, or with one more or less, is one of those who are asked."""
    return any(
        approver.role is role
        or approver.person == person
        or (approver.department_head and role is Role.DEPARTMENT_HEAD)
        or any(
            source.terms.holder == person and (approver.every_holder or approver.holder_of == funding)
            for funding, source in financing.sources.items()
        )
        for approver in asked
    )


def asks_holders(asked: Iterable[Approver]) -> bool:
    """Whether those who speak for funding are asked."""
    return any(approver.every_holder or approver.holder_of for approver in asked)


def approvers_in(steps: Iterable[Step]) -> Iterator[Approver]:
    """Whom the steps ask, or escalate to."""
    for step in steps:
        yield from (*step.approvers, *step.escalates_to)


def steps_of(terms: Policy) -> list[Step]:
    """All that a policy has."""
    return [step for rule in terms.rules for step in rule.steps] + [*terms.otherwise, *terms.changes]
