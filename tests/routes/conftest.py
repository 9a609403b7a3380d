"""One world for a test, or one for a whole file where its story is long."""

from collections.abc import AsyncIterator

import pytest

from service.embedded import Server
from tests.routes.world import World, opened_world


@pytest.fixture
async def world(server: Server) -> AsyncIterator[World]:
    async with opened_world(server) as opened:
        yield opened


@pytest.fixture(scope="module")
async def shared(server: Server) -> AsyncIterator[World]:
    """A world that a file's tests share; they leave the log as it is, or say so."""
    async with opened_world(server) as opened:
        yield opened
