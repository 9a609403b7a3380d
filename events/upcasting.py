"""Old shapes to new shapes, pure.

What is stored stays as it was written, text and link, for ever. When an event's shape changes, a step is added here
from its newest schema version to the next; what the log holds of older versions takes the steps from there on, each
time it is read. A step takes JSON to JSON, so it outlives the classes of its day, and is never changed.
"""

from collections.abc import Callable, Mapping
from typing import Any

#: An event as JSON.
Shape = Mapping[str, Any]


def _rights_in_one_list(shape: Shape) -> Shape:
    """`MemberAdmitted` said yes or no to each of two rights; any right that came later would have been a new field."""
    rights = [right for right in ("administrator", "may_open_productions") if shape[right]]
    return {"person": shape["person"], "rights": rights}


def _no_guests(shape: Shape) -> Shape:
    """`MemberAdmitted` said nothing of guests; there were none."""
    return {**shape, "guest_of": None}


def _of_a_department(shape: Shape) -> Shape:
    """`Appointed` said nothing of accounts; no department head had any."""
    return {**shape, "accounts": []}


def _approval_of_any_subject(shape: Shape) -> Shape:
    """`ApprovalGiven` was of a budget alone, in a round of one step, without conditions."""
    budget = {"subject": shape["budget"], "step": 0, "conditions": []}
    return {name: value for name, value in shape.items() if name != "budget"} | budget


def _changes_to_any_subject(shape: Shape) -> Shape:
    """`ChangesRequested` was of a budget alone."""
    return {name: value for name, value in shape.items() if name != "budget"} | {"subject": shape["budget"]}


def _without_detail(shape: Shape) -> Shape:
    """`BudgetDrafted` said the amounts of accounts, and nothing of the lines behind them; credits were flat."""
    nothing: Shape = {"held": None, "lines": [], "fringes": []}
    flat: Shape = {"percent": None, "base": None, "qualified": None, "cap": None}
    return {
        **shape,
        "rates": [],
        "globals": [],
        "fringes": [],
        "sub_budgets": [],
        "accounts": [{**account, **nothing} for account in shape["accounts"]],
        "credits": [{**credit, **flat} for credit in shape["credits"]],
    }


def _of_one_scenario(shape: Shape) -> Shape:
    """`BudgetDrafted` was of one line of drafts, typed in, and every difference was open."""
    return {**shape, "tolerance": "0", "scenario": "main", "document": None, "document_sha256": None}


def _excluded_as_before(shape: Shape) -> Shape:
    """Who may not approve a version was not said: whoever drafted its scenario, submitted or edited it."""
    return {**shape, "excluded": []}


def _without_controls(shape: Shape) -> Shape:
    """`ApprovalPolicyAdopted` said nothing of commitments; nothing was controlled."""
    return {**shape, "terms": {**shape["terms"], "controls": [], "controls_overridden_by": None}}


def _paid_as_it_costs(shape: Shape) -> Shape:
    """`PaymentReleased` did not say what is paid; it is the cost, and recoverable tax, which it did not know."""
    return {**shape, "paid": shape["cost"]}


def _takes_nothing_over(shape: Shape) -> Shape:
    """`AmendmentSubmitted` took nothing over from a requisition."""
    return {**shape, "takes_over": []}


def _clears_nothing(shape: Shape) -> Shape:
    """`CommitmentRelieved` was of an entry as it was logged alone."""
    return {**shape, "clears": []}


def _by_itself(shape: Shape) -> Shape:
    """`SpendLogged` was of one entry, paid whole; it cleared nothing."""
    return {**shape, "batch": None, "withheld": "0", "fringe": False, "clears": []}


#: By event, the step from each schema version to the next one, from version 1 on.
STEPS: dict[str, tuple[Callable[[Shape], Shape], ...]] = {
    "MemberAdmitted": (_rights_in_one_list, _no_guests),
    "Appointed": (_of_a_department,),
    "ApprovalGiven": (_approval_of_any_subject,),
    "ChangesRequested": (_changes_to_any_subject,),
    "BudgetDrafted": (_without_detail, _of_one_scenario),
    "ApprovalPolicyAdopted": (_without_controls,),
    "BudgetSubmitted": (_excluded_as_before,),
    "ContentReplaced": (_excluded_as_before,),
    "SpendLogged": (_by_itself,),
    "PaymentReleased": (_paid_as_it_costs,),
    "AmendmentSubmitted": (_takes_nothing_over,),
    "CommitmentRelieved": (_clears_nothing,),
}


def newest(event_type: str) -> int:
    """The schema version that an event is written in today."""
    return 1 + len(STEPS.get(event_type, ()))


def upcast(event_type: str, schema_version: int, shape: Shape) -> Shape:
    """The shape of an older schema version as the newest one."""
    for step in STEPS[event_type][schema_version - 1 :]:
        shape = step(shape)
    return shape
