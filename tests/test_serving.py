"""What a process that serves tells of itself."""

import json
import logging
import socket
from collections.abc import Iterator

import httpx2
import pytest
import structlog
import uvicorn

from service import serving
from service.serving import configure_logs
from tests.clients import NO_TLS
from tests.conftest import Urls, plain_logs


@pytest.fixture
def logs() -> Iterator[None]:
    before = logging.getLogger().handlers[:]
    yield
    plain_logs()
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


async def test_an_answer_is_sent_without_waiting_for_its_reader(urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its body would wait 40 ms until the reader's system acknowledges the head."""
    servers: list[serving.Server] = []

    class Kept(serving.Server):
        def __init__(self, config: uvicorn.Config) -> None:
            super().__init__(config)
            servers.append(self)

    monkeypatch.setattr(serving, "Server", Kept)
    async with (
        serving.served(urls.service, "127.0.0.1", 0) as (_, at, _),
        httpx2.AsyncClient(base_url=at, verify=NO_TLS) as client,
    ):
        assert (await client.get("/livez")).status_code == 200
        [connection] = servers[0].server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
