"""The catalogue of events is a promise like the OpenAPI document, and what the feed tells keeps it."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from events import EVENTS, codec
from service.routes.asyncapi import document
from tests.deciders.stories import ADMINISTRATOR, SPENT
from tests.events.examples import BY_NAME
from tests.routes.golden import held
from tests.routes.world import FEED, World

HERE = Path(__file__).parent
GOLDEN = HERE / "asyncapi.json"
#: The specification's own, as `@asyncapi/specs` 6.11.1 has it (Apache License 2.0).
SPECIFICATION = HERE / "asyncapi-3.0.0.schema.json.gz"


def validator(kind: str) -> Draft7Validator:
    """Holds a message against what is said of its kind."""
    payload = document()["components"]["messages"][kind]["payload"]
    return Draft7Validator(payload | {"components": document()["components"]})


def errors(kind: str, event: dict[str, Any]) -> list[str]:
    return [error.message for error in validator(kind).iter_errors(event)]


async def test_the_catalogue_is_there_for_everyone(world: World) -> None:
    answer = await world.client.get("/asyncapi.json")

    assert (answer.status_code, answer.json()) == (200, document())


@pytest.mark.gate
class TestTheDocument:
    @pytest.mark.golden
    def test_is_the_one_that_was_promised(self) -> None:
        held(GOLDEN, document())

    def test_is_valid_by_the_specifications_own_schema(self) -> None:
        specification = Draft7Validator(json.loads(gzip.decompress(SPECIFICATION.read_bytes())))

        assert [error.message for error in specification.iter_errors(document())] == []
        broken = document() | {"asyncapi": "3.0.0", "operations": {"tell": {"action": "shout"}}}
        assert not specification.is_valid(broken)

    def test_refers_to_nothing_that_is_not_there(self) -> None:
        def references(value: Any) -> list[str]:
            if isinstance(value, list):
                return [each for item in value for each in references(item)]
            if isinstance(value, dict):
                own = [value["$ref"]] if isinstance(value.get("$ref"), str) else []
                return own + [each for item in value.values() for each in references(item)]
            return []

        for reference in {*references(document())}:
            found: Any = document()
            for name in reference.removeprefix("#/").split("/"):
                found = found[name]
            assert found

    @pytest.mark.parametrize("kind", EVENTS)
    def test_says_of_every_event_what_it_means_and_how_it_is_stored(self, kind: str) -> None:
        message, schema = (document()["components"][part][kind] for part in ("messages", "schemas"))
        stored = json.loads(codec.encode(BY_NAME[kind]))

        assert message["summary"] == schema["description"] == " ".join((EVENTS[kind].__doc__ or "").split())
        shape = Draft7Validator(schema | {"components": document()["components"]})
        assert [error.message for error in shape.iter_errors(stored)] == []
        assert [shape.is_valid({name: stored[name] for name in stored if name != left}) for left in stored] == [
            False
        ] * len(stored)


class TestTheFeed:
    async def test_tells_what_the_catalogue_says(self, world: World) -> None:
        await world.play(SPENT)
        told = (await world.read(ADMINISTRATOR, FEED, at_least=None, limit=500))["events"]

        for event in told:
            kind = event["type"].removeprefix("greenlight.")
            assert errors(kind, event) == []
            assert errors(kind, event | {"dataschema": "urn:greenlight:event:Other:1"})
            assert errors(kind, {name: event[name] for name in event if name != "position"})
        assert len({event["type"] for event in told}) > 10
