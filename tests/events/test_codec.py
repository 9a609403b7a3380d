from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from events import EVENTS, AnyEvent, codec
from events.approval import ApprovalGiven, BudgetSubmitted, ChangesRequested, ContentReplaced
from events.budget import BudgetDrafted, StatedTotal
from events.commitment import AmendmentSubmitted, CommitmentRelieved
from events.company import MemberAdmitted, Right
from events.envelope import Metadata
from events.policy import ApprovalPolicyAdopted
from events.spend import PaymentReleased, SpendLogged
from events.team import Appointed, Role
from tests.events.examples import BY_NAME, EXAMPLES, HASH, inr
from tests.events.golden import golden

GOLDEN = Path(__file__).parent / "golden"
#: What the goldens of older shapes are read as; these files are never written again.
DRAFTED = BY_NAME["BudgetDrafted"]
assert isinstance(DRAFTED, BudgetDrafted)
SUBMITTED = BY_NAME["BudgetSubmitted"]
assert isinstance(SUBMITTED, BudgetSubmitted)
REPLACED = BY_NAME["ContentReplaced"]
assert isinstance(REPLACED, ContentReplaced)
ADOPTED = BY_NAME["ApprovalPolicyAdopted"]
assert isinstance(ADOPTED, ApprovalPolicyAdopted)
AMENDED = BY_NAME["AmendmentSubmitted"]
assert isinstance(AMENDED, AmendmentSubmitted)
RELIEVED = BY_NAME["CommitmentRelieved"]
assert isinstance(RELIEVED, CommitmentRelieved)
LOGGED = BY_NAME["SpendLogged"]
assert isinstance(LOGGED, SpendLogged)
#: Before there were scenarios, tolerances and files.
DRAFTED_2 = replace(DRAFTED, tolerance=Decimal(0), scenario="main", document=None, document_sha256=None)
OLDER = {
    ("MemberAdmitted", 1): MemberAdmitted("maya", (Right.ADMINISTRATOR,), None),
    ("MemberAdmitted", 2): MemberAdmitted("maya", (Right.ADMINISTRATOR, Right.MAY_OPEN_PRODUCTIONS), None),
    ("Appointed", 1): Appointed("lena", Role.LINE_PRODUCER, date(2026, 10, 1), ()),
    ("ApprovalGiven", 1): ApprovalGiven("A-2", "v2", HASH, "Good to go.", 0, ()),
    ("ChangesRequested", 1): ChangesRequested("A-2", "v2", HASH, "Cut the second unit."),
    ("BudgetSubmitted", 1): BudgetSubmitted("A-2", "v2", HASH, SUBMITTED.total, ()),
    ("PaymentReleased", 1): PaymentReleased("S-000001", inr("50000.00"), inr("50000.00")),
    ("AmendmentSubmitted", 1): replace(AMENDED, takes_over=()),
    ("SpendLogged", 1): replace(LOGGED, batch=None, withheld=Decimal(0), fringe=False, clears=()),
    ("CommitmentRelieved", 1): replace(RELIEVED, clears=()),
    ("ContentReplaced", 1): replace(REPLACED, excluded=()),
    ("ApprovalPolicyAdopted", 1): replace(
        ADOPTED, terms=replace(ADOPTED.terms, controls=(), controls_overridden_by=None)
    ),
    ("BudgetDrafted", 2): replace(DRAFTED_2, stated=(StatedTotal("grand_total", Decimal("1010826.00")),)),
    ("BudgetDrafted", 1): replace(
        DRAFTED_2,
        stated=(StatedTotal("grand_total", Decimal("1010826.00")),),
        rates=(),
        globals=(),
        fringes=(),
        sub_budgets=(),
        accounts=tuple(replace(each, held=None, lines=(), fringes=()) for each in DRAFTED.accounts),
        credits=tuple(replace(each, percent=None, base=None, qualified=None, cap=None) for each in DRAFTED.credits),
    ),
}


def place(name: str, schema_version: int) -> Path:
    """Where the golden of a shape is."""
    return GOLDEN / (f"{name}.json" if schema_version == 1 else f"{name}.{schema_version}.json")


SURROUNDINGS = Metadata(
    actor="maya",
    roles=("executive_producer", "producer"),
    at=datetime(2026, 11, 2, 6, 0, 0, 123456, tzinfo=UTC),
    command="LogSpend",
    command_id=UUID(int=7),
    correlation_id=UUID(int=8),
    source="api",
    on_behalf_of="noor",
    reason="As agreed.",
    credential="K-1a2b3c4d",
)


def unset(value: Any, path: str = "") -> list[str]:
    """The fields of a fact that its example leaves empty."""
    if not is_dataclass(value):
        return [path] if value is None or value == () else []
    return [name for field in fields(value) for name in unset(getattr(value, field.name), f"{path}.{field.name}")]


@pytest.mark.gate
@pytest.mark.golden
class TestStoredShape:
    @pytest.mark.parametrize(("name", "version"), codec.SCHEMA_VERSIONS.items())
    def test_is_what_the_golden_says(self, name: str, version: int) -> None:
        text = codec.encode(BY_NAME[name])

        assert text + "\n" == golden(place(name, version), text + "\n")

    @pytest.mark.parametrize(("name", "version"), codec.SCHEMA_VERSIONS.items())
    def test_of_the_golden_reads_as_the_same_fact_and_is_written_back_byte_for_byte(
        self, name: str, version: int
    ) -> None:
        text = place(name, version).read_text().removesuffix("\n")

        event = codec.decode(name, version, text)

        assert event == BY_NAME[name]
        assert type(event) is EVENTS[name]
        assert codec.encode(event) == text

    @pytest.mark.parametrize(("name", "version"), OLDER)
    def test_of_an_older_golden_reads_as_the_fact_that_it_was(self, name: str, version: int) -> None:
        assert codec.decode(name, version, place(name, version).read_text()) == OLDER[name, version]

    def test_has_a_golden_for_every_shape_that_ever_was_and_no_other(self) -> None:
        shapes = {(name, version) for name, newest in codec.SCHEMA_VERSIONS.items() for version in range(1, newest + 1)}

        assert {*GOLDEN.glob("*.json")} == {place(*shape) for shape in shapes}
        assert {*OLDER} == {(name, version) for name, version in shapes if version < codec.SCHEMA_VERSIONS[name]}

    def test_has_one_example_for_every_event_and_no_other(self) -> None:
        assert [type(event).__name__ for event in EXAMPLES] == list(BY_NAME)
        assert set(BY_NAME) == set(EVENTS)

    @pytest.mark.parametrize("name", EVENTS)
    def test_of_the_golden_sets_every_field(self, name: str) -> None:
        #: The terms after an amendment show what empty fields look like.
        assert [path for path in unset(BY_NAME[name]) if not path.startswith(".after.")] == []

    def test_has_a_name_of_its_own_for_every_event(self) -> None:
        assert len(EVENTS) == len(get_args(AnyEvent))


class TestDecoding:
    def test_an_event_that_this_code_does_not_know_is_an_unknown_event(self) -> None:
        with pytest.raises(codec.UnknownEvent, match="BudgetBlessed"):
            codec.decode("BudgetBlessed", 1, "{}")

    @pytest.mark.parametrize(
        ("name", "schema_version"),
        [("BudgetUnlocked", 0), ("BudgetUnlocked", 2), ("MemberAdmitted", 0), ("MemberAdmitted", 4)],
    )
    def test_a_schema_version_that_this_code_does_not_know_is_an_unknown_event(
        self, name: str, schema_version: int
    ) -> None:
        text = codec.encode(BY_NAME[name])

        with pytest.raises(codec.UnknownEvent, match=f"{name}, schema version {schema_version}"):
            codec.decode(name, schema_version, text)


class TestMetadata:
    def test_with_everything_set_is_written_in_a_stable_form(self) -> None:
        assert codec.encode_metadata(SURROUNDINGS) == (
            '{"actor":"maya","roles":["executive_producer","producer"],"at":"2026-11-02T06:00:00.123456Z",'
            '"command":"LogSpend","command_id":"00000000-0000-0000-0000-000000000007",'
            '"correlation_id":"00000000-0000-0000-0000-000000000008","source":"api",'
            '"on_behalf_of":"noor","reason":"As agreed.","credential":"K-1a2b3c4d"}'
        )

    def test_from_before_there_were_keys_is_written_as_it_was(self) -> None:
        text = (
            '{"actor":"maya","roles":[],"at":"2026-11-02T06:00:00Z","command":"LogSpend",'
            '"command_id":"00000000-0000-0000-0000-000000000007",'
            '"correlation_id":"00000000-0000-0000-0000-000000000008","source":"api"}'
        )

        assert codec.decode_metadata(text).credential is None
        assert codec.encode_metadata(codec.decode_metadata(text)) == text

    @given(
        st.builds(
            Metadata,
            actor=st.from_regex(r"[a-z0-9]+([-.][a-z0-9]+)*", fullmatch=True).filter(lambda s: len(s) <= 64),
            roles=st.lists(st.sampled_from(["producer", "auditor"])).map(tuple),
            at=st.datetimes(
                datetime(1970, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
                datetime(2200, 1, 1),  # noqa: DTZ001
                timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))]),
            ),
            command=st.text(),
            command_id=st.uuids(),
            correlation_id=st.uuids(),
            source=st.sampled_from(["api", "console", "cli", "import", "key"]),
            on_behalf_of=st.none() | st.just("noor"),
            reason=st.none() | st.text(),
            credential=st.none() | st.just("K-1a2b3c4d"),
        )
    )
    def test_is_read_as_it_was_written_and_written_again_byte_for_byte(self, around: Metadata) -> None:
        text = codec.encode_metadata(around)

        assert codec.decode_metadata(text) == around
        assert codec.encode_metadata(codec.decode_metadata(text)) == text
