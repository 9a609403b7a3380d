"""The catalogue of events as an AsyncAPI document, derived from their classes: what the feed may tell, and how."""

from functools import cache
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import TypeAdapter

from events import EVENTS

from . import cloud_events
from .cloud_events import CloudEvent

#: Where the document is.
PATH = "/asyncapi.json"

ABOUT = """
What happens in a company, as the feed tells it: every fact once, in the order of the log, as a CloudEvent 1.0. The
feed answers in pages, or as server-sent events to `Accept: text/event-stream`; `id` of a message is its position, and
`Last-Event-ID` resumes after it. What its reader may not read is `withheld`: the event keeps its place, without `data`.
A kind of event keeps its name for ever; shapes are only added to.
"""

router = APIRouter()


@router.get(PATH, include_in_schema=False)
async def get_asyncapi() -> JSONResponse:
    """The catalogue of events."""
    return JSONResponse(document())


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Greenlight", "version": "0.1.0", "description": ABOUT.strip()},
        "defaultContentType": cloud_events.MEDIA_TYPE,
        "channels": {
            "events": {
                "address": "/v1/{company}/events",
                "description": "What happens in a company.",
                "parameters": {"company": {"description": "The company.", "examples": ["acme"]}},
                "messages": {kind: {"$ref": f"#/components/messages/{kind}"} for kind in EVENTS},
            }
        },
        "operations": {
            "tell": {
                "action": "send",
                "channel": {"$ref": "#/channels/events"},
                "summary": "Tell every fact once, in the order of the log.",
                "security": [{"$ref": "#/components/securitySchemes/bearer"}],
                "bindings": {"http": {"method": "GET", "bindingVersion": "0.3.0"}},
            }
        },
        "components": {
            "messages": {kind: _message(kind) for kind in EVENTS},
            "schemas": _schemas(),
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _message(kind: str) -> dict[str, Any]:
    told = {
        "type": {"const": cloud_events.type_of(kind)},
        "dataschema": {"const": cloud_events.schema_of(kind)},
        "data": {"$ref": f"#/components/schemas/{kind}"},
    }
    return {
        "name": cloud_events.type_of(kind),
        "title": kind,
        "summary": " ".join((EVENTS[kind].__doc__ or "").split()),
        "contentType": cloud_events.MEDIA_TYPE,
        "payload": {"allOf": [{"$ref": "#/components/schemas/CloudEvent"}, {"properties": told}]},
    }


def _schemas() -> dict[str, Any]:
    """Every shape that a message has in it, as it is written."""
    classes = {**EVENTS, "CloudEvent": CloudEvent}
    _, schemas = TypeAdapter.json_schemas(
        [(name, "serialization", TypeAdapter(each)) for name, each in classes.items()],
        ref_template="#/components/schemas/{model}",
    )
    found: dict[str, Any] = schemas["$defs"]
    return found
