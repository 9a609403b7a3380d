"""The OpenAPI document is a promise: it is whole, it holds together, and changing it is a visible act."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from events import EVENTS
from service.app import create
from service.deciders.command import Command
from service.problems import MEDIA_TYPE, slug
from service.routes.commands import COMPANY_COMMANDS, PRODUCTION_COMMANDS, refusals
from service.routes.openapi import OF_THE_DOORS
from tests.deciders.stories import ADMINISTRATOR, AUDITOR, DIRECTOR, SPENT
from tests.routes.golden import held
from tests.routes.world import FEED, World

GOLDEN = Path(__file__).parent / "openapi.json"
ROUTED = (*COMPANY_COMMANDS, *PRODUCTION_COMMANDS)

pytestmark = pytest.mark.gate


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create("postgresql://nowhere/nothing").openapi()


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, each) for path, by in document["paths"].items() for method, each in by.items()]


def media(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Everything that has a schema and examples, with its place in words."""
    for _, _, operation in operations(document):
        for type_, each in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{operation['operationId']} request {type_}", each
        for status, answer in operation["responses"].items():
            for type_, each in answer.get("content", {}).items():
                yield f"{operation['operationId']} {status} {type_}", each


@pytest.mark.golden
def test_the_document_is_the_one_that_was_promised(document: dict[str, Any]) -> None:
    held(GOLDEN, document)


def test_the_document_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")


class TestEveryOperation:
    def test_has_an_id_of_its_own(self, document: dict[str, Any]) -> None:
        ids = Counter(operation["operationId"] for _, _, operation in operations(document))
        assert [name for name, times in ids.items() if times > 1] == []

    def test_has_a_description_and_a_summary(self, document: dict[str, Any]) -> None:
        silent = [o["operationId"] for _, _, o in operations(document) if not (o.get("description") and o["summary"])]
        assert silent == []

    def test_says_every_parameter(self, document: dict[str, Any]) -> None:
        silent = [
            (operation["operationId"], parameter["name"])
            for _, _, operation in operations(document)
            for parameter in operation.get("parameters", [])
            if not parameter.get("description")
        ]
        assert silent == []

    def test_takes_no_null_for_a_parameter(self, document: dict[str, Any]) -> None:
        """It is left out or has a value: `null` would be four letters."""
        nullable = [
            (operation["operationId"], parameter["name"])
            for _, _, operation in operations(document)
            for parameter in operation.get("parameters", [])
            if "null" in str(parameter["schema"].get("type", parameter["schema"].get("anyOf")))
        ]
        assert nullable == []

    def test_ends_in_problems_alone(self, document: dict[str, Any]) -> None:
        """Every error is a problem document; the framework's own errors are never seen."""
        for path, _, operation in operations(document):
            for status, answer in operation["responses"].items():
                if path.startswith("/v1/") and status >= "400":
                    assert [*answer["content"]] == [MEDIA_TYPE], operation["operationId"]
                    assert answer["description"].strip()
        assert not re.search("HTTPValidationError|ValidationError", str(document))

    def test_asks_for_a_token(self, document: dict[str, Any]) -> None:
        open_to_all = {path for path, _, operation in operations(document) if not operation.get("security")}
        assert open_to_all == {"/livez", "/readyz", "/metrics"}


class TestEveryCommand:
    @pytest.mark.parametrize("command", ROUTED, ids=lambda command: command.__name__)
    def test_has_one_route_made_of_its_class(self, command: type[Command], document: dict[str, Any]) -> None:
        name = slug(command.__name__)
        [(path, method, operation)] = [each for each in operations(document) if each[0].rsplit("/", 1)[1] == name]

        prefix = "/v1/{company}/" if command in COMPANY_COMMANDS else "/v1/{company}/{production}/"
        assert (path, method) == (prefix + name, "post")
        assert operation["description"] == command.__doc__
        body = operation["requestBody"]["content"]["application/json"]
        assert body["schema"] == {"$ref": f"#/components/schemas/{command.__name__}"}

    def test_and_nothing_else_is_a_post(self, document: dict[str, Any]) -> None:
        posts = {
            path.rsplit("/", 1)[1]
            for path, method, operation in operations(document)
            if method != "get" and operation["operationId"] not in OF_THE_DOORS
        }
        assert posts == {slug(command.__name__) for command in ROUTED}

    @pytest.mark.parametrize("command", ROUTED, ids=lambda command: command.__name__)
    def test_shows_an_example_of_all_that_can_come(self, command: type[Command], document: dict[str, Any]) -> None:
        [operation] = [o for p, _, o in operations(document) if p.endswith("/" + slug(command.__name__))]
        assert operation["requestBody"]["content"]["application/json"]["examples"]
        assert operation["responses"]["201"]["content"]["application/json"]["examples"]
        shown = {
            (status, name)
            for status, answer in operation["responses"].items()
            for name in answer["content"].get(MEDIA_TYPE, {}).get("examples", {})
        }
        assert shown >= {(str(refusal.status), refusal.__name__) for refusal in refusals(command)}
        assert {status for status, _ in shown} == {s for s in operation["responses"] if s >= "400"}


class TestWhatValidatorsHold:
    """A schema says what it can of what is refused beyond pydantic's own constraints."""

    def test_texts_currencies_and_days(self, document: dict[str, Any]) -> None:
        said = document["components"]["schemas"]["LogSpend"]["properties"]
        assert said["memo"]["anyOf"][0]["format"] == "plain-text"
        assert said["document"]["anyOf"][0]["format"] == "plain-line"
        assert said["currency"]["format"] == "iso-4217"
        assert said["rate"]["anyOf"][0]["properties"]["source"] == {"format": "iso-4217"}
        assert (said["spent_on"]["format"], said["spent_on"]["pattern"]) == ("date", "^(19|20|21)")
        opened = document["components"]["schemas"]["OpenProduction"]["properties"]
        assert opened["time_zone"]["format"] == "iana-time-zone"

    def test_money_that_is_sent(self, document: dict[str, Any]) -> None:
        schema = document["components"]["schemas"]["SecureFunding"]["properties"]["amount"]
        sent = OAS31Validator(schema | {"components": document["components"]})
        for amount, fits in {"1250.00": True, "0.00": False, "-1": False, "1" * 16: False}.items():
            assert sent.is_valid({"amount": amount, "currency": "INR"}) is fits, amount

    def test_kinds_of_events(self, document: dict[str, Any]) -> None:
        [kinds] = [p for p in document["paths"]["/v1/{company}/events"]["get"]["parameters"] if p["name"] == "kind"]
        assert (kinds["style"], kinds["explode"]) == ("form", False), "with commas between"
        assert kinds["schema"]["items"]["enum"] == [*EVENTS]


class TestEveryDoor:
    @pytest.mark.parametrize("name", OF_THE_DOORS)
    def test_shows_an_example_of_all_that_can_come(self, name: str, document: dict[str, Any]) -> None:
        [operation] = [each for _, _, each in operations(document) if each["operationId"] == name]
        if "requestBody" in operation:
            [first, *_] = operation["requestBody"]["content"].values()
            assert first["examples"]
        for status, answer in operation["responses"].items():
            type_ = "application/json" if status < "300" else MEDIA_TYPE
            assert status == "204" or answer["content"][type_].get("examples"), (name, status)


class TestEveryView:
    def test_shows_an_example_of_all_that_can_come(self, document: dict[str, Any]) -> None:
        for path, method, operation in operations(document):
            if method == "get" and path.startswith("/v1/"):
                for status, answer in operation["responses"].items():
                    type_ = "application/json" if status == "200" else MEDIA_TYPE
                    assert answer["content"][type_].get("examples"), (path, status)


OF_EVERY_ANSWER = {"content-length", "content-type", "cache-control"}


async def test_the_headers_that_are_sent_are_those_that_are_promised(document: dict[str, Any], world: World) -> None:
    await world.play(SPENT)
    for view in ("current-budget", "approval-status", "funding", "spend-register", "audit-trail", "flags", "/v1/inbox"):
        answer = await world.get(DIRECTOR, view)
        path = view if view.startswith("/") else f"/v1/{{company}}/{{production}}/{view}"
        promised = document["paths"][path]["get"]["responses"]["200"]["headers"]
        assert {*answer.headers} - OF_EVERY_ANSWER == {name.lower() for name in promised}
        assert answer.headers["cache-control"] == "no-store"
        assert "withheld" not in (await world.get(AUDITOR, view)).headers
    page = await world.get(ADMINISTRATOR, FEED, at_least=None)
    promised = document["paths"]["/v1/{company}/events"]["get"]["responses"]["200"]["headers"]
    assert {*page.headers} - OF_EVERY_ANSWER == {name.lower() for name in promised}


def test_every_example_fits_its_schema(document: dict[str, Any]) -> None:
    seen = 0
    for place, each in media(document):
        schema = each["schema"] | {"components": document["components"]}
        for name, example in each.get("examples", {}).items():
            errors = [error.message for error in OAS31Validator(schema).iter_errors(example["value"])]
            assert errors == [], f"{place}, example {name}"
            seen += 1
    assert seen > 400
