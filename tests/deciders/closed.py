"""A story full of figures that are not for everybody, each a prime that stands nowhere else.

Lead actors stand above the line, on account 1200; set dressing began below it and moves above it with the budget that
is in force. Hana heads the art department and the drones, which no budget knows.
"""

from collections.abc import Mapping
from decimal import Decimal

from events.budget import ChargeKind, Level
from events.commitment import CommitmentKind
from events.confidential import is_pay
from events.ids import AccountCode, PersonId, RoundId, SpendId
from events.money import ExchangeRate
from events.policy import Approver, Policy, RequestKind, Rule, Step, When
from events.spend import SpendKind
from events.team import Role
from service.deciders.advance import CloseAdvance
from service.deciders.approval import Abstain, CloseCondition, Reject, RequestChanges
from service.deciders.budget import LockBudget, SetBudget
from service.deciders.budget_content import Base, BudgetCharge
from service.deciders.change import DrawContingency, RequestOverage, TransferBudget
from service.deciders.command import Command
from service.deciders.commitment import SubmitCommitment
from service.deciders.confidential import open_accounts
from service.deciders.paying import AnswerQuery, QuerySpend
from service.deciders.rounds import Outcome, Round
from service.deciders.submission import SubmitBudget
from service.deciders.team import Appoint
from tests.deciders.advances import DEPOSIT, pay_out, receipt_of
from tests.deciders.commitments import bought, order, requisition
from tests.deciders.paying import pay, reconcile
from tests.deciders.rounds import adopted, says
from tests.deciders.stories import (
    ACCOUNTANT,
    ART,
    ASSOCIATE_PRODUCER,
    BOND,
    CONTINGENCY,
    DEPARTMENT_HEAD,
    EDITING,
    EVERY_LEVEL,
    FIRST_DAY,
    FUNDED,
    INSURANCE,
    LINE_PRODUCER,
    MAYA,
    NOOR,
    OVERHEAD,
    PRODUCER,
    STORY,
    account,
    equity,
    inr,
    recode,
    reverse,
    spend,
)
from tests.spec import Story, play

LEAD, DRESSING, DRONES, NOWHERE = "1200", "2300", "7700", "9999"

#: What nobody may read who has no right to, by what it is of.
CLOSED = {
    "the lead's budget at first": "15485863",
    "the lead's budget": "17624813",
    "the story's budget": "1299709",
    "set dressing, which moved above the line": "1015933",
    "what the label of a charge would be of the lead": "652118",
    "a fee paid to the lead": "982451",
    "a fee of the lead that was recoded": "611953",
    "an entry that was moved from the lead to art": "104729",
    "a wage on the art department's account": "350377",
    "a wage that was reversed": "479909",
    "a wage that was recoded": "746773",
    "a wage coded to the contingency": "20507",
    "spend on what no budget knows": "882377",
    "spend on set dressing": "331999",
    "an overage for the lead": "27644437",
    "an overage for the story": "611957",
    "an overage that was turned down": "9990887",
    "a transfer to the lead": "32609",
    "a draw for the story": "86243",
    "what was said of a fee": "999331",
    "why it was asked for": "817504243",
    "an overage that waits": "7368787",
    "a requisition for the lead": "123457",
    "a deal with the lead": "5800079",
    "an order for the story": "122949",
    "a float": "413801",
    "what is owed beyond a float": "186429",
    "a deposit that was kept for the lead": "290317",
    "a wage in dollars": "365947",
    "what left the bank for it": "489539",
    "what currency made of it": "123592",
    "what was asked of a wage": "555557",
    "what was answered of it": "555589",
}
#: Of the department head's own accounts.
OWN = {"spend on drones": "154858"}
#: What everybody may read: the last of them as a fact, but not in the register, since it was moved to the lead.
TOLD = {
    "the art department's budget": "3000017",
    "art's invoice": "160481",
    "an overage for art": "49979",
    "a transfer from editing to art": "71993",
    "a change of art's budget": "2999999",
    "spend on the contingency": "15013",
    "a draw for art": "33331",
    "an order for art": "70001",
    "an entry that was moved from art to the lead": "224737",
}


def closed(what: str) -> Decimal:
    return Decimal(CLOSED[what])


def _budget(
    lead: str, dressing: Level, art: str = TOLD["the art department's budget"], asked: RoundId | None = None
) -> SetBudget:
    return SetBudget(
        round=asked,
        currency="INR",
        accounts=(
            account(STORY, "Story and Rights", Level.ABOVE_THE_LINE, CLOSED["the story's budget"]),
            account(LEAD, "Lead Actors", Level.ABOVE_THE_LINE, lead),
            account(DRESSING, "Set Dressing", dressing, CLOSED["set dressing, which moved above the line"]),
            account(ART, "Art Direction", Level.PRODUCTION, art),
            account(EDITING, "Editing", Level.POST, "4000000"),
            account(INSURANCE, "Insurance", Level.OTHER, "200000"),
        ),
        charges=(
            BudgetCharge(
                code=CONTINGENCY,
                name="Contingency",
                kind=ChargeKind.CONTINGENCY,
                percent=Decimal(10),
                base=EVERY_LEVEL,
            ),
            # Of all above the line but set dressing; what it states is not what its label says.
            BudgetCharge(
                code=BOND,
                name="Completion bond",
                kind=ChargeKind.COMPLETION_BOND,
                percent=Decimal("3.7"),
                base=Base(levels=(Level.ABOVE_THE_LINE,), less=(DRESSING, STORY), accounts=()),
                amount=Decimal(600011),
            ),
            BudgetCharge(code=OVERHEAD, name="Overhead", kind=ChargeKind.OVERHEAD, amount=Decimal(10000)),
        ),
    )


def _replaced(lead: str, dressing: Level, art: str = TOLD["the art department's budget"]) -> SetBudget:
    return _budget(lead, dressing, art).model_copy(update={"round": "A-1"})


#: An associate producer is asked about overages, who has no right to read what they are about but for that.
POLICY = Policy(
    name="Ours",
    rules=(
        Rule(
            "Overages",
            When((RequestKind.OVERAGE,)),
            (Step((Approver(role=Role.ASSOCIATE_PRODUCER),)), Step((Approver(role=Role.EXECUTIVE_PRODUCER),))),
        ),
        Rule(
            "Large payments",
            When((RequestKind.PAYMENT,), at_least=Decimal(700000)),
            (Step((Approver(Role.PRODUCER),)),),
        ),
        Rule("Payments", When((RequestKind.PAYMENT,))),
        Rule("Draws", When((RequestKind.CONTINGENCY_DRAW,))),
    ),
    otherwise=(Step((Approver(role=Role.EXECUTIVE_PRODUCER),)),),
    override_by=Role.EXECUTIVE_PRODUCER,
)


def _wage(what: str, document: str, code: AccountCode = ART) -> tuple[PersonId, Command]:
    return ACCOUNTANT, spend(code, CLOSED[what], document, kind=SpendKind.PAYROLL, memo="Week 7", vendor="crew-payroll")


def _overage(code: AccountCode, amount: str, why: str) -> tuple[PersonId, Command]:
    return PRODUCER, RequestOverage(account=code, amount=Decimal(amount), funding="F-4", reason=why)


def _transfer(code: AccountCode, amount: str, why: str) -> tuple[PersonId, Command]:
    return PRODUCER, TransferBudget(from_account=EDITING, to_account=code, amount=Decimal(amount), reason=why)


def _rounds(told: Story) -> Mapping[RoundId, Round]:
    production = play(told).production
    assert production is not None
    return production.approvals.rounds


def hashes(told: Story, *but: RequestKind) -> dict[RoundId, str]:
    """The content hashes of rounds whose figures are closed, or which are about pay, as a sentence begins them."""
    production = play(told).production
    assert production is not None
    shown = open_accounts(production.budgets)
    return {
        number: each.content_hash[:12]
        for number, each in production.approvals.rounds.items()
        if each.kind not in but
        and (each.kind is RequestKind.PAYMENT or is_pay_of(each) or not shown.issuperset(each.accounts))
    }


def is_pay_of(each: Round) -> bool:
    return each.kind is RequestKind.COMMITMENT and is_pay(each.subject)


def _payment(told: Story, entry: SpendId) -> RoundId:
    """The open round about an entry's payment."""
    return next(n for n, each in _rounds(told).items() if each.subject == entry and each.outcome is Outcome.OPEN)


def under_approval() -> Story:
    """A budget that was replaced twice while it was asked about."""
    first, second = CLOSED["the lead's budget at first"], CLOSED["the lead's budget"]
    return [
        *FUNDED,
        (MAYA, Appoint(person=DEPARTMENT_HEAD, role=Role.DEPARTMENT_HEAD, from_on=FIRST_DAY, accounts=(ART, DRONES))),
        (MAYA, equity(inr("900000000"), party="Lotus Films")),
        (MAYA, equity(inr("900000000"), party="Marigold Films")),
        (LINE_PRODUCER, _budget(first, Level.PRODUCTION)),
        (PRODUCER, SubmitBudget(budget="v1")),
        # Under approval the content is replaced; at last the lead costs more, and set dressing is above the line.
        (LINE_PRODUCER, _replaced(first, Level.PRODUCTION, TOLD["a change of art's budget"])),
        (LINE_PRODUCER, _replaced(second, Level.ABOVE_THE_LINE)),
    ]


def story() -> Story:
    """The whole of it."""
    said = f"Not more than {CLOSED['what was said of a fee']}."
    why = f"Their agent wants {CLOSED['why it was asked for']}."
    told = under_approval()
    told = [*says(told, NOOR, "A-1", words="Go."), (MAYA, LockBudget(budget="v3"))]
    told = adopted(told, POLICY)
    told += [
        (LINE_PRODUCER, spend(ART, TOLD["art's invoice"], "KS-1")),
        (LINE_PRODUCER, spend(STORY, "20011", "ST-1")),
        (LINE_PRODUCER, spend(EDITING, "7001", "ED-1")),
        (ACCOUNTANT, spend(LEAD, CLOSED["a fee paid to the lead"], "LE-1", vendor="lead-inc")),
        (ACCOUNTANT, spend(LEAD, CLOSED["a fee of the lead that was recoded"], "LE-2", memo=said)),
        (LINE_PRODUCER, recode("S-000005", STORY)),
        (ACCOUNTANT, spend(LEAD, CLOSED["an entry that was moved from the lead to art"], "LE-3")),
        (LINE_PRODUCER, recode("S-000006", ART)),
        (ACCOUNTANT, spend(ART, TOLD["an entry that was moved from art to the lead"], "KS-2")),
        (LINE_PRODUCER, recode("S-000007", LEAD)),
        _wage("a wage on the art department's account", "W-1"),
        _wage("a wage that was reversed", "W-2"),
        (ACCOUNTANT, reverse("S-000009")),
        _wage("a wage that was recoded", "W-3"),  # payment A-3
        (ACCOUNTANT, recode("S-000010", EDITING)),
        (ACCOUNTANT, spend(NOWHERE, CLOSED["spend on what no budget knows"], "NO-1")),  # payment A-4
        (ACCOUNTANT, spend(CONTINGENCY, TOLD["spend on the contingency"], "CO-1")),
        (ACCOUNTANT, spend(DRESSING, CLOSED["spend on set dressing"], "DR-1")),
        (ACCOUNTANT, spend(DRONES, OWN["spend on drones"], "DN-1")),
        _wage("a wage coded to the contingency", "W-4", CONTINGENCY),
        (ACCOUNTANT, spend(STORY, "1999993", "ST-2")),  # beyond its budget; payment A-5
        (ACCOUNTANT, spend(INSURANCE, "199999", "IN-1")),
        (ACCOUNTANT, spend(INSURANCE, "199999", "IN-1")),  # again, and beyond its budget
        (LINE_PRODUCER, requisition((LEAD, CLOSED["a requisition for the lead"]))),
        (LINE_PRODUCER, order((LEAD, CLOSED["a deal with the lead"]), kind=CommitmentKind.DEAL)),
        (LINE_PRODUCER, SubmitCommitment(commitment="DEAL-0001")),
        *bought((STORY, CLOSED["an order for the story"])),
        *bought((ART, TOLD["an order for art"]), number=2),
    ]
    told += [
        _overage(LEAD, CLOSED["an overage for the lead"], why),
        _overage(LEAD, CLOSED["an overage that was turned down"], why),
        _overage(ART, TOLD["an overage for art"], "Rain."),
        _overage(LEAD, CLOSED["an overage that waits"], why),
        _overage(STORY, CLOSED["an overage for the story"], why),
        _transfer(LEAD, CLOSED["a transfer to the lead"], why),
        _transfer(ART, TOLD["a transfer from editing to art"], "So."),
        (PRODUCER, DrawContingency(account=STORY, amount=closed("a draw for the story"), reason=why)),
        (PRODUCER, DrawContingency(account=ART, amount=Decimal(TOLD["a draw for art"]), reason="Rain.")),
    ]
    last = len(_rounds(told))
    on_lead, turned_down, on_art, _, on_story, to_lead, to_art = (f"A-{n}" for n in range(last - 6, last + 1))
    told = says(told, ASSOCIATE_PRODUCER, on_lead, words=said, conditions=(said,))
    told = says(told, MAYA, on_lead, words=said)
    told += [(ASSOCIATE_PRODUCER, CloseCondition(round=on_lead, condition=1, waived=False, words=said))]
    told = says(told, ASSOCIATE_PRODUCER, turned_down, Reject, words=said)
    told = says(told, ASSOCIATE_PRODUCER, on_art)
    told = says(told, MAYA, on_art)
    told = says(told, ASSOCIATE_PRODUCER, on_story)
    told = says(told, MAYA, on_story)
    told = says(told, NOOR, to_lead, Abstain, words=said)
    told = says(told, MAYA, to_lead, words=said)
    told = says(told, MAYA, to_art)
    told = says(told, PRODUCER, _payment(told, "S-000010"), words=said)
    told = says(told, PRODUCER, _payment(told, "S-000004"), RequestChanges, words=said)
    told += [
        (ACCOUNTANT, pay_out(CLOSED["a float"], person=LINE_PRODUCER)),
        (LINE_PRODUCER, receipt_of("600230", "CB-1")),
        (ACCOUNTANT, pay_out(CLOSED["a deposit that was kept for the lead"], vendor="lead-inc")),
        (ACCOUNTANT, CloseAdvance(advance=DEPOSIT, account=LEAD, posted_on=FIRST_DAY, reason=why)),
    ]
    return _with_wage_in_dollars(told)


def _with_wage_in_dollars(told: Story) -> Story:
    """A wage that is asked about, paid, and found; what currency made of it stands on an account that is open."""
    production = play(told).production
    assert production is not None
    number, at = f"S-{len(production.spending.entries) + 1:06}", ExchangeRate("USD", "INR", Decimal(83))
    wage = spend(ART, "4409", "W-5", kind=SpendKind.PAYROLL, vendor="crew-payroll", currency="USD", rate=at)
    asked = QuerySpend(spend=number, question=f"Why not {CLOSED['what was asked of a wage']}?")
    answered = AnswerQuery(query="Q-1", answer=f"It was {CLOSED['what was answered of it']}.")
    told = [*told, (ACCOUNTANT, wage)]
    return [
        *says(told, PRODUCER, _payment(told, number)),
        *[(PRODUCER, asked), (ACCOUNTANT, answered)],
        (ACCOUNTANT, pay(number, CLOSED["what left the bank for it"], account=EDITING)),
        *[(ACCOUNTANT, reconcile(number)), (PRODUCER, asked)],
    ]
