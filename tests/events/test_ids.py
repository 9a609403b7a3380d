import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from events.ids import (
    AccountCode,
    BudgetId,
    Digest,
    FlagId,
    Memo,
    PersonId,
    Slug,
    SpendId,
    Text,
    VendorId,
    by_number,
)

SLUG, PERSON, VENDOR, ACCOUNT, TEXT, MEMO = (
    TypeAdapter[Any](kind) for kind in (Slug, PersonId, VendorId, AccountCode, Text, Memo)
)


class TestText:
    @pytest.mark.parametrize(
        "sent",
        [
            *("", " ", "\t", "a\tb", "a\nb", "a\r\nb", "\u0000", "a\u0000", "\u200b", "a\u202eb", "\ufeff", "\x7f"),
            *("\u2028", "\u2029", "\u2060", "\ue000", "\U000e0001", "\uffff", "x" * 201),
        ],
        ids=ascii,
    )
    def test_refuses_what_cannot_be_read_in_one_line(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            TEXT.validate_python(sent)

    def test_refuses_a_lone_surrogate(self) -> None:
        with pytest.raises(ValidationError):
            TEXT.validate_python("a\ud800")
        with pytest.raises(ValidationError):
            TEXT.validate_json('"a\\ud800"')

    @pytest.mark.parametrize("sent", ["Māyā Rao", "काला सेट्स", "東宝", "Ōtomo – “B” 🎬", "x" * 200])
    def test_takes_any_script(self, sent: str) -> None:
        assert TEXT.validate_python(sent) == unicodedata.normalize("NFC", sent)

    def test_is_composed_and_trimmed(self) -> None:
        assert TEXT.validate_python("  Ma\u0304ya\u0304 ") == "M\u0101y\u0101"

    @given(st.text(max_size=60))
    def test_is_stored_as_plain_composed_text_or_refused(self, sent: str) -> None:
        try:
            kept = TEXT.validate_python(sent)
        except ValidationError:
            return
        assert kept == unicodedata.normalize("NFC", kept).strip() != ""
        assert not [each for each in kept if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Co", "Cn"}]
        assert TEXT.validate_python(kept) == kept


class TestMemo:
    def test_takes_line_breaks(self) -> None:
        assert MEMO.validate_python("one\ntwo") == "one\ntwo"

    @pytest.mark.parametrize("sent", ["x" * 2001, "x" * 1_000_000, "\n", "a\u0000", "a\rb", "a\ud800"], ids=len)
    def test_refuses_what_is_too_long_blank_or_unreadable(self, sent: str) -> None:
        with pytest.raises(ValidationError):
            MEMO.validate_python(sent)


class TestIds:
    @pytest.mark.parametrize(
        ("kind", "good"),
        [
            (Slug, "the-long-take"),
            (PersonId, "maya.rao-2"),
            (VendorId, "3d-kala"),
            (AccountCode, "1100"),
            (AccountCode, "11-00"),
            (AccountCode, "B 04"),
            (BudgetId, "v12"),
            (SpendId, "S-000001"),
            (Digest, "0" * 64),
        ],
    )
    def test_are_taken_as_people_write_them(self, kind: Any, good: str) -> None:
        assert TypeAdapter(kind).validate_python(good) == good

    @pytest.mark.parametrize(
        ("kind", "bad"),
        [
            *((Slug, bad) for bad in ("", "A", "1st", "a--b", "-a", "a-", "a/b", "a b", "a\n", "é", "a" * 65)),
            *((PersonId, bad) for bad in ("", "Maya", "a..b", ".a", "a\n", "a/b", "‹a›", "a" * 65)),
            *((VendorId, bad) for bad in ("", "a.b", "A", "a\n")),
            *((AccountCode, bad) for bad in ("", "1100\n", "1" * 7, "1..2", " 1", "1/2", "\u0661\u0661", "1-1-1-1-1")),
            *((BudgetId, bad) for bad in ("v0", "v01", "V1", "1", "v1\n")),
            *((SpendId, bad) for bad in ("S-1", "S-00000a", "S-000001\n")),
            *((Digest, bad) for bad in ("0" * 63, "A" * 64, "0" * 64 + "\n")),
        ],
    )
    def test_are_refused_when_they_are_anything_else(self, kind: Any, bad: str) -> None:
        with pytest.raises(ValidationError):
            TypeAdapter(kind).validate_python(bad)

    def test_of_flags_are_put_in_the_order_of_their_numbers(self) -> None:
        flags: set[FlagId] = {"FLAG-10", "FLAG-9", "FLAG-101"}

        assert by_number(flags) == ("FLAG-9", "FLAG-10", "FLAG-101")
