from hashlib import sha256
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from events.chain import GENESIS, link

PARTS: dict[str, Any] = {
    "previous": bytes(32),
    "stream_id": "acme/the-long-take",
    "version": 12,
    "event_id": "00000000-0000-0000-0000-00000000002a",
    "event_type": "BudgetUnlocked",
    "schema_version": 1,
    "payload": '{"budget":"v2"}',
    "metadata": '{"actor":"māyā"}',
}
TEXTS = ("stream_id", "event_id", "event_type", "payload", "metadata")

parts = st.fixed_dictionaries(
    {
        "previous": st.binary(min_size=32, max_size=32),
        "version": st.integers(1, 2**63 - 1),
        "schema_version": st.integers(0, 2**15 - 1),
    }
    | {name: st.text(st.characters(codec="utf-8")) for name in TEXTS}
)


class TestLink:
    def test_is_sha_256_over_the_length_prefixed_parts(self) -> None:
        written_out = (
            b"\x00\x00\x00\x00\x00\x00\x00\x11greenlight/link/1"
            + (b"\x00\x00\x00\x00\x00\x00\x00\x20" + b"\x00" * 32)
            + b"\x00\x00\x00\x00\x00\x00\x00\x12acme/the-long-take"
            + b"\x00\x00\x00\x00\x00\x00\x00\x0212"
            + b"\x00\x00\x00\x00\x00\x00\x00\x2400000000-0000-0000-0000-00000000002a"
            + b"\x00\x00\x00\x00\x00\x00\x00\x0eBudgetUnlocked"
            + b"\x00\x00\x00\x00\x00\x00\x00\x011"
            + b'\x00\x00\x00\x00\x00\x00\x00\x0f{"budget":"v2"}'
            + b'\x00\x00\x00\x00\x00\x00\x00\x12{"actor":"m\xc4\x81y\xc4\x81"}'
        )

        assert link(**PARTS) == sha256(written_out).digest()

    def test_of_this_very_event_never_changes(self) -> None:
        assert link(**PARTS).hex() == "6638c3ecff524ff677208f45ea5c13576463cb9ae67aa10c5a63b3f8de36c4f4"

    def test_begins_at_32_zero_bytes(self) -> None:
        assert GENESIS == b"\x00" * 32

    @given(parts, parts, st.sampled_from(sorted(PARTS)))
    def test_changes_with_any_one_part(self, one: dict[str, Any], other: dict[str, Any], name: str) -> None:
        assume(one[name] != other[name])

        assert link(**one) != link(**(one | {name: other[name]}))

    @given(parts, st.sampled_from(sorted(PARTS)), st.data())
    def test_changes_with_any_one_byte(self, one: dict[str, Any], name: str, data: st.DataObject) -> None:
        value = one[name]
        match value:
            case int():
                changed: Any = value + data.draw(st.sampled_from([1, -1]))
            case bytes():
                place = data.draw(st.integers(0, len(value) - 1))
                changed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
            case _:
                place = data.draw(st.integers(0, len(value)))
                changed = value[:place] + " " + value[place:]

        assert link(**one) != link(**(one | {name: changed}))

    @given(parts, st.integers(0, len(TEXTS) - 2), st.text(st.characters(codec="utf-8"), min_size=1))
    def test_tells_where_one_part_ends_and_the_next_begins(self, one: dict[str, Any], place: int, moved: str) -> None:
        order = ("stream_id", "event_id", "event_type", "payload", "metadata")
        left, right = order[place], order[place + 1]
        ends_later = one | {left: one[left] + moved}
        begins_earlier = one | {right: moved + one[right]}
        assume(ends_later != begins_earlier)

        assert link(**ends_later) != link(**begins_earlier)

    def test_tells_a_version_and_a_schema_version_from_the_digits_beside_them(self) -> None:
        assert link(**(PARTS | {"stream_id": "acme/x1", "version": 2})) != link(
            **(PARTS | {"stream_id": "acme/x", "version": 12})
        )
        assert link(**(PARTS | {"event_type": "A1", "schema_version": 1})) != link(
            **(PARTS | {"event_type": "A", "schema_version": 11})
        )
        assert link(**(PARTS | {"schema_version": 1, "payload": "1"})) != link(
            **(PARTS | {"schema_version": 11, "payload": ""})
        )
