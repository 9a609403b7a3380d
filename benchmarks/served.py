"""The service with an endpoint beside its own that reads the body of a log-spend and does nothing."""

import asyncio
import os
import socket

import uvicorn
from fastapi import Request
from pydantic import BaseModel

from service import rates
from service.app import create
from service.deciders.spend import LogSpend
from service.serving import configure_logs


class Nothing(BaseModel):
    """What comes of it."""

    version: int
    position: int


async def no_op(request: Request) -> Nothing:
    """Read the body as a command is read, and do nothing."""
    body = LogSpend.model_validate_json(await request.body(), strict=True)
    return Nothing(version=len(body.vendor), position=0)


async def main() -> None:
    """Serve until a signal; the port is printed once the service answers."""
    configure_logs()
    rates.STREAMS_AT_MOST = 1000  # a hundred readers come with one token here
    app = create(os.environ["DATABASE_URL"], project=False)
    app.add_api_route("/v1/{company}/{production}/no-op", no_op, methods=["POST"], status_code=201)
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    serving = asyncio.create_task(server.serve([bound]))
    while not server.started:
        await asyncio.sleep(0.005)
    print(bound.getsockname()[1], flush=True)
    await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
