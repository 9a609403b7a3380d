"""A log that an older version wrote: read as it was meant, gone on with, and not touched."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from events import AnyEvent, codec, upcasting
from events.budget import BudgetDrafted
from events.company import MemberAdmitted, Right
from service import verify
from tests.conftest import Urls
from tests.deciders.stories import ADMINISTRATOR, ART, LINE_PRODUCER, LOCKED, spend
from tests.handling.office import opened
from tests.spec import play

encode = codec.encode


def as_it_was(event: AnyEvent) -> str:
    """As the first version wrote it."""
    match event:
        case MemberAdmitted(person, rights):
            said = [str(right in rights).lower() for right in Right]
            return f'{{"person":"{person}","administrator":{said[0]},"may_open_productions":{said[1]}}}'
        case BudgetDrafted():
            shape = json.loads(encode(event))
            for each in (
                "rates",
                "globals",
                "fringes",
                "sub_budgets",
                "tolerance",
                "scenario",
                "document",
                "document_sha256",
            ):
                del shape[each]
            for account in shape["accounts"]:
                del account["held"], account["lines"], account["fringes"]
            for credit in shape["credits"]:
                del credit["percent"], credit["base"], credit["qualified"], credit["cap"]
            return json.dumps(shape)
        case _:
            return encode(event)


async def test_an_older_log_is_decided_on_verified_and_left_as_it_is(
    urls: Urls, monkeypatch: pytest.MonkeyPatch
) -> None:
    query = "SELECT version, schema_version, payload::text, link FROM events WHERE stream_id = 'acme' ORDER BY version"
    async with opened(urls.service) as older:
        with monkeypatch.context() as then:
            then.setattr(codec, "encode", as_it_was)
            for each in ("MemberAdmitted", "BudgetDrafted"):
                then.setitem(codec.SCHEMA_VERSIONS, each, 1)
            await older.play(LOCKED)
        before = await older.pool.fetch(query)
    assert {row["schema_version"] for row in before} == {1}
    assert any('"may_open_productions":true' in row["payload"] for row in before)

    async with opened(urls.service) as newer:
        assert await newer.handling.company("acme") == play(LOCKED).company
        await newer.send(LINE_PRODUCER, spend(ART, "10", "KS-1"))
        admitted = [sent for _, sent in LOCKED if type(sent).__name__ == "AdmitMember"][-1]
        await newer.send(ADMINISTRATOR, admitted.model_copy(update={"person": "newcomer"}))
        after = await newer.pool.fetch(query)
        async with newer.pool.acquire() as connection:
            assert [each.broken async for each in verify.verify(connection)] == [None, None]

    assert after[: len(before)] == before
    assert [row["schema_version"] for row in after[len(before) :]] == [3]


def test_a_shape_takes_every_step_from_its_own_version_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def marked(step: str) -> Any:
        return lambda shape: {"name": shape["name"] + step}

    def read(version: int) -> Mapping[str, Any]:
        return upcasting.upcast("CompanyFounded", version, {"name": ""})

    monkeypatch.setitem(upcasting.STEPS, "CompanyFounded", (marked("a"), marked("b"), marked("c")))

    assert upcasting.newest("CompanyFounded") == 4
    assert [read(version)["name"] for version in (1, 2, 3, 4)] == ["abc", "bc", "c", ""]
