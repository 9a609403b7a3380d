"""What a process that serves tells of itself."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from service.serving import configure_logs


@pytest.fixture
def logs() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before


@pytest.mark.usefixtures("logs")
class TestLogs:
    def test_have_what_libraries_say_in_lines_like_ours(self, capsys: pytest.CaptureFixture[str]) -> None:
        configure_logs()
        try:
            raise ConnectionRefusedError("Connect call\nfailed")
        except ConnectionRefusedError:
            logging.getLogger("asyncpg.pool").warning("Failed to restore the floor; %s", "retrying", exc_info=True)
            logging.getLogger("uvicorn.error").error("Exception in ASGI application\n", exc_info=True)
        logging.getLogger("asyncio").info("Using selector")
        structlog.get_logger().info("request", status=200)

        warned, failed, ours = map(json.loads, capsys.readouterr().err.splitlines())
        assert warned.pop("timestamp") <= failed.pop("timestamp") <= ours.pop("timestamp")
        assert warned == {
            "event": "Failed to restore the floor; retrying",
            "level": "warning",
            "logger": "asyncpg.pool",
            "error": "ConnectionRefusedError: Connect call failed",
        }
        assert (failed["level"], failed["logger"]) == ("error", "uvicorn.error")
        assert failed["exception"].startswith("Traceback")
        assert ours == {"event": "request", "level": "info", "status": 200}
