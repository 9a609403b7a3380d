"""Charts, files of other tools and versions as files, over HTTP."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from events.ids import PersonId
from service.budget_files.chart import Chart
from service.deciders.budget import SetBudget
from service.spreadsheets import CSV, XLSX
from tests.deciders.stories import (
    AUDITOR,
    DEPARTMENT_HEAD,
    DIRECTOR,
    FUNDED,
    LINE_PRODUCER,
    PRODUCER,
    STRANGER,
    budget,
    detailed,
    line,
)
from tests.routes.world import AT, World

TOP_SHEET = (Path(__file__).parent.parent / "data" / "feature_top_sheet.csv").read_bytes()


async def sent(
    world: World, data: bytes, media_type: str = CSV, person: PersonId = LINE_PRODUCER, **asked: str
) -> httpx2.Response:
    headers = await world.headers(person) | {"Content-Type": media_type}
    params = {"document": "feature.csv"} | asked
    return await world.client.post(f"{AT}/read-budget-file", content=data, headers=headers, params=params)


def command(read: Any) -> SetBudget:
    return SetBudget.model_validate_json(json.dumps(read["command"]), strict=True)


class TestAChart:
    @pytest.mark.parametrize("chart", Chart)
    async def test_is_the_body_of_set_budget(self, world: World, chart: Chart) -> None:
        await world.play(FUNDED)
        body = await world.read(DIRECTOR, f"charts/{chart.value}", at_least=None)
        answer = await world.send(LINE_PRODUCER, command({"command": body}))
        assert answer.status_code == 201
        assert (body["currency"], answer.json()["events"][0]["data"]["totals"]["grand_total"]) == ("INR", "0.00")


class TestAFileThatIsRead:
    async def test_sets_nothing_and_says_what_would(self, world: World) -> None:
        await world.play(FUNDED)
        before = await world.last_position()

        read = (await sent(world, TOP_SHEET)).json()

        assert await world.last_position() == before
        assert (read["totals"]["grand_total"], read["reconciled"], read["left_out"]) == ("61240772.00", True, [])
        answer = (await world.send(LINE_PRODUCER, command(read))).json()
        drafted, label = answer["events"]
        assert (drafted["data"]["document"], label["type"]) == ("feature.csv", "LabelDisagrees")
        assert drafted["data"]["document_sha256"] == read["document_sha256"]
        trail = await world.read(AUDITOR, "audit-trail", limit=500)
        assert any("read from feature.csv" in each["sentence"] for each in trail["entries"])

    async def test_that_does_not_add_is_a_draft_until_its_differences_are_resolved(self, world: World) -> None:
        await world.play(FUNDED)
        wrong = TOP_SHEET.replace(b"61,240,772", b"61,240,775").replace(b"10,336,000", b"10,336,001")
        strict, tolerant = [(await sent(world, wrong, tolerance=each)).json() for each in ("0", "1")]

        assert [(each["of"], each["difference"], each["accepted"]) for each in tolerant["differences"]] == [
            ("above_the_line", "1.00", True),
            ("grand_total", "3.00", False),
        ]
        assert (strict["reconciled"], tolerant["reconciled"]) == (False, False)
        await world.send(LINE_PRODUCER, command(tolerant))
        refused = (await world.post(PRODUCER, f"{AT}/submit-budget", b'{"budget": "v1"}')).json()
        assert refused["type"] == "urn:greenlight:problem:budget-is-unreconciled"

    @pytest.mark.parametrize(
        ("profile", "pointer"),
        [("{", "query profile"), ('{"konto": "x"}', "query profile konto"), ('{"total": 5}', "query profile total")],
    )
    async def test_is_read_by_a_profile_that_can_be_read(self, world: World, profile: str, pointer: str) -> None:
        await world.play(FUNDED)
        answer = await sent(world, TOP_SHEET, profile=profile)
        assert (answer.status_code, [each["pointer"] for each in answer.json()["errors"]]) == (422, [pointer])
        assert (await sent(world, TOP_SHEET, profile='{"total": "Total"}')).status_code == 200

    async def test_is_for_those_who_read_the_production(self, world: World) -> None:
        await world.play(FUNDED)
        assert (await sent(world, TOP_SHEET, person=STRANGER)).status_code == 403


class TestAVersionAsAFile:
    @pytest.mark.parametrize("media_type", [CSV, XLSX])
    async def test_reads_back_as_it_is(self, world: World, media_type: str) -> None:
        version = detailed(line("100", groups=("stunts",), description="=1+1"), line("3.50", amount="2.5"))
        await world.play([*FUNDED, (LINE_PRODUCER, version)])

        file = await world.get(AUDITOR, "budgets/v1", accept=media_type)

        assert file.headers["content-type"].partition(";")[0] == media_type
        assert file.headers["content-disposition"].startswith('attachment; filename="budget-v1.')
        read = (await sent(world, file.content, media_type)).json()
        whole = await world.read(AUDITOR, "budgets/v1")
        again = await world.send(LINE_PRODUCER, command(read))
        assert again.json()["events"] == [], "it is there already"
        assert file.headers["etag"] == (await world.get(AUDITOR, "budgets/v1")).headers["etag"]
        assert read["totals"] == whole["totals"]

    async def test_to_sign_is_pdf(self, world: World) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])
        file = await world.get(AUDITOR, "budgets/v1", accept="application/pdf")
        assert (file.headers["content-type"], file.content[:5]) == ("application/pdf", b"%PDF-")

    @pytest.mark.parametrize("media_type", [CSV, XLSX, "application/pdf"])
    @pytest.mark.parametrize("person", [DIRECTOR, DEPARTMENT_HEAD])
    async def test_is_for_those_who_may_read_all_figures(self, world: World, person: PersonId, media_type: str) -> None:
        await world.play([*FUNDED, (LINE_PRODUCER, budget())])
        told = await world.get(person, "budgets/v1", accept=media_type)
        assert (told.status_code, told.json()["type"]) == (403, "urn:greenlight:problem:figure-is-confidential")
