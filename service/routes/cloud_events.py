"""A fact as others read it: a CloudEvent 1.0, whatever they know of Greenlight.

`id` and `source` name the event for ever; `dataschema` names the shape of `data`, which stands in the catalogue at
`/asyncapi.json`; what else is known around the fact are extension attributes.
"""

import json
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field
from pydantic.json_schema import SkipJsonSchema

from events import AnyEvent, codec
from events.confidential import figures_of
from events.envelope import Recorded
from events.ids import PersonId, StreamId
from service.deciders.confidential import EVERYTHING, Sight

MEDIA_TYPE = "application/cloudevents+json"


class CloudEvent(BaseModel):
    """A fact, and what is known around it (CloudEvents 1.0)."""

    specversion: Literal["1.0"]
    id: UUID = Field(description="The event's own, for ever.")
    source: str = Field(description="The company.", examples=["urn:greenlight:company:acme"])
    type: str = Field(description="`greenlight.` and the kind of event.", examples=["greenlight.SpendLogged"])
    subject: StreamId = Field(description="The stream: a production's, or the company's own.")
    time: datetime = Field(description="When it happened, by the service's clock; never decreasing within a stream.")
    datacontenttype: Literal["application/json"]
    dataschema: str = Field(
        description="Kind and version of the shape of `data`.", examples=["urn:greenlight:event:SpendLogged:1"]
    )
    position: str = Field(description="Place in the log; a string, since integers of CloudEvents have 32 bits.")
    version: int = Field(description="Place in its stream, without gaps.")
    actor: PersonId = Field(description="Whose act it is.")
    onbehalfof: PersonId | SkipJsonSchema[None] = Field(None, description="For whom the actor acted, if for another.")
    credential: str | SkipJsonSchema[None] = Field(None, description="The API key it was sent with, if with one.")
    command: str = Field(description="The command that made it happen.")
    commandid: UUID
    correlationid: UUID
    reason: str | SkipJsonSchema[None] = Field(None, description="Why, in the actor's words, on one line.")
    withheld: str | SkipJsonSchema[None] = Field(
        None, description="That `data` and `reason` are not shown to the reader; the event keeps its place."
    )
    data: dict[str, Any] | SkipJsonSchema[None] = Field(None, description="The fact, unless it is `withheld`.")


def type_of(kind: str) -> str:
    """The type under which a kind of event is told."""
    return f"greenlight.{kind}"


def schema_of(kind: str) -> str:
    """The name of the shape of its data: what is stored in an older one is lifted to it."""
    return f"urn:greenlight:event:{kind}:{codec.SCHEMA_VERSIONS[kind]}"


def told(recorded: Recorded[AnyEvent], sight: Sight = EVERYTHING) -> CloudEvent:
    """The event as it is told to somebody."""
    kind, around = type(recorded.event).__name__, recorded.metadata
    shown = sight.shows(figures_of(recorded.event))
    return CloudEvent(
        specversion="1.0",
        id=recorded.event_id,
        source=f"urn:greenlight:company:{recorded.stream_id.split('/')[0]}",
        type=type_of(kind),
        subject=recorded.stream_id,
        time=around.at,
        datacontenttype="application/json",
        dataschema=schema_of(kind),
        position=str(recorded.position),
        version=recorded.version,
        actor=around.actor,
        onbehalfof=around.on_behalf_of,
        credential=around.credential,
        command=around.command,
        commandid=around.command_id,
        correlationid=around.correlation_id,
        # Attributes hold no line breaks.
        reason=around.reason.replace("\n", " ") if shown and around.reason else None,
        withheld=None if shown else sight.withheld,
        data=json.loads(codec.encode(recorded.event)) if shown else None,
    )
