from collections.abc import AsyncIterator

import asyncpg
import pytest

from events.log import Log
from tests.conftest import Urls


@pytest.fixture
async def pool(urls: Urls) -> "AsyncIterator[asyncpg.Pool[asyncpg.Record]]":
    """Connections as the service's role."""
    async with asyncpg.create_pool(urls.service, min_size=1, max_size=10) as opened:
        yield opened


@pytest.fixture
def log(pool: "asyncpg.Pool[asyncpg.Record]") -> Log:
    return Log(pool)
