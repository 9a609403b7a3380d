"""The fact that every recorder writes: one entry of spend, with everything around it."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

from events import codec
from events.append import NewEvent, SentCommand
from events.envelope import Metadata
from events.money import Money
from events.spend import SpendKind, SpendLogged

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)


def spend(number: int, account: str = "2200") -> SpendLogged:
    """An invoice."""
    return SpendLogged(
        spend=f"S-{number:06d}",
        account=account,
        currency="INR",
        net=Decimal("500.00"),
        tax=Decimal("90.00"),
        recoverable_tax=Decimal("90.00"),
        cost=Money(Decimal("500.00"), "INR"),
        rate=None,
        vendor="kala-sets",
        spent_on=date(2026, 11, 16),
        posted_on=date(2026, 11, 18),
        kind=SpendKind.INVOICE,
        document="KS-0417",
        receipt_sha256=None,
        memo=None,
        batch=None,
        withheld=Decimal("0.00"),
        fringe=False,
        clears=(),
    )


def command(stream: str, number: int, account: str = "2200") -> SentCommand:
    """A command that logs it."""
    command_id = uuid4()
    around = Metadata("lena", ("line_producer",), NOW, "LogSpend", command_id, command_id, "api")
    event = NewEvent(uuid4(), spend(number, account), around)
    return SentCommand("acme/lena", f"{stream}-{number}", b"f" * 32, command_id, (event,))


def texts() -> tuple[str, str]:
    """The payload and the metadata as they are stored."""
    [event] = command("x", 1).events
    return codec.encode(event.event), codec.encode_metadata(event.metadata)
