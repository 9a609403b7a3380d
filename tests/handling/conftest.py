from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import pytest

from tests.conftest import Urls
from tests.handling.office import Office, opened

Opens = Callable[[], Awaitable[Office]]


@pytest.fixture
async def open_office(urls: Urls) -> AsyncIterator[Opens]:
    """One more process of the service on the test's database, whenever it is called."""
    async with AsyncExitStack() as stack:

        async def another() -> Office:
            return await stack.enter_async_context(opened(urls.service))

        yield another


@pytest.fixture
async def office(open_office: Opens) -> Office:
    return await open_office()


@pytest.fixture
async def other(open_office: Opens) -> Office:
    return await open_office()
