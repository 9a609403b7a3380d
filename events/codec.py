"""Events to stored text and back.

The text is written once and never rewritten: what is hashed is what is stored is what is read. It was checked when
it was written, and the chain holds it since; reading it again only builds what it says, four times faster.
"""

from msgspec.json import Decoder
from msgspec.json import decode as decode_json
from msgspec.json import encode as encode_json
from pydantic import TypeAdapter

from . import EVENTS, AnyEvent
from .envelope import Metadata
from .upcasting import newest, upcast

_ADAPTERS: dict[str, TypeAdapter[AnyEvent]] = {name: TypeAdapter(event) for name, event in EVENTS.items()}
_METADATA = TypeAdapter(Metadata)
_DECODERS: dict[str, Decoder[AnyEvent]] = {name: Decoder(event) for name, event in EVENTS.items()}

#: The metadata that a stored text stands for.
decode_metadata = Decoder(Metadata).decode

#: By event, the number of the shape that it is written in.
SCHEMA_VERSIONS = {name: newest(name) for name in EVENTS}


class UnknownEvent(LookupError):
    """No event of this name and schema version is known here: newer code wrote it."""


def encode(event: AnyEvent) -> str:
    """The event as JSON text."""
    return _ADAPTERS[type(event).__name__].serializer.to_json(event).decode()


def decode(event_type: str, schema_version: int, payload: str | bytes) -> AnyEvent:
    """The event that a stored text stands for.

    Raises:
        UnknownEvent: no event of this name and schema version is known here.
        Exception: the text does not say what such an event says; `log.recorded` tells the place of either.
    """
    written = SCHEMA_VERSIONS.get(event_type, 0)
    if schema_version != written:
        if not 0 < schema_version < written:
            raise UnknownEvent(f"{event_type}, schema version {schema_version}")
        payload = encode_json(upcast(event_type, schema_version, decode_json(payload)))
    return _DECODERS[event_type].decode(payload)


def encode_metadata(metadata: Metadata) -> str:
    """The metadata as JSON text."""
    return _METADATA.dump_json(metadata, exclude_none=True).decode()
