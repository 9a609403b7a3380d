"""The chain: every event carries a link, a SHA-256 over its bytes as stored and the link before it.

An edited, dropped or reordered event breaks its stream's chain. What the chain cannot show by itself is a
stream that was rewritten as a whole or cut at its end; for that, someone outside keeps a link and compares.
"""

from hashlib import sha256

#: What a stream's first event is linked to.
GENESIS = bytes(32)

_FORMAT = b"greenlight/link/1"


def link(
    previous: bytes,
    stream_id: str,
    version: int,
    event_id: str,
    event_type: str,
    schema_version: int,
    payload: str,
    metadata: str,
) -> bytes:
    """The 32 bytes that tie an event to everything before it in its stream.

    Every part is preceded by its length in eight bytes, big-endian, so that no two lists of parts give the
    same bytes. `payload` and `metadata` are the stored texts, byte for byte; `event_id` is the UUID's
    canonical text.
    """
    parts = (
        _FORMAT,
        previous,
        stream_id.encode(),
        b"%d" % version,
        event_id.encode(),
        event_type.encode(),
        b"%d" % schema_version,
        payload.encode(),
        metadata.encode(),
    )
    framed = [piece for part in parts for piece in (len(part).to_bytes(8, "big"), part)]
    return sha256(b"".join(framed)).digest()
