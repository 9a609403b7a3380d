"""Events to stored text and back.

The text is written once and never rewritten: what is hashed is what is stored is what is read.
"""

import json
from datetime import datetime
from uuid import UUID

from pydantic import TypeAdapter

from . import EVENTS, AnyEvent
from .envelope import Metadata

_ADAPTERS: dict[str, TypeAdapter[AnyEvent]] = {name: TypeAdapter(event) for name, event in EVENTS.items()}
_METADATA = TypeAdapter(Metadata)

#: Of every stored shape today. A changed shape raises its event's number and brings an upcaster.
SCHEMA_VERSION = 1


class UnknownEvent(LookupError):
    """The log holds an event that this code cannot read: a later version wrote it."""


def encode(event: AnyEvent) -> str:
    """The event as JSON text."""
    return _ADAPTERS[type(event).__name__].serializer.to_json(event).decode()


def decode(event_type: str, schema_version: int, payload: str) -> AnyEvent:
    """The event that a stored text stands for.

    Raises:
        UnknownEvent: no event of this name and schema version is known here.
    """
    adapter = _ADAPTERS.get(event_type)
    if adapter is None or schema_version != SCHEMA_VERSION:
        raise UnknownEvent(f"{event_type}, schema version {schema_version}")
    return adapter.validate_json(payload)


def encode_metadata(metadata: Metadata) -> str:
    """The metadata as JSON text."""
    return _METADATA.dump_json(metadata, exclude_none=True).decode()


def decode_metadata(text: str) -> Metadata:
    """The metadata that a stored text stands for; by hand, since it is read with every event of the past."""
    said = json.loads(text)
    return Metadata(
        actor=said["actor"],
        roles=tuple(said["roles"]),
        at=datetime.fromisoformat(said["at"]),
        command=said["command"],
        command_id=UUID(said["command_id"]),
        correlation_id=UUID(said["correlation_id"]),
        source=said["source"],
        on_behalf_of=said.get("on_behalf_of"),
        reason=said.get("reason"),
    )
