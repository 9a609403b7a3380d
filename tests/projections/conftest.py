from collections.abc import AsyncIterator

import httpx2
import pytest

from tests.conftest import Urls
from tests.handling.office import Office, opened
from tests.projections.desk import reading


@pytest.fixture
async def office(urls: Urls) -> AsyncIterator[Office]:
    """A process of the service without doors and without a runner."""
    async with opened(urls.service) as inside:
        yield inside


@pytest.fixture
async def client(urls: Urls, office: Office) -> AsyncIterator[httpx2.AsyncClient]:
    """A reader of everything; no runner but the test's own."""
    async with reading(urls.service, office) as inside:
        yield inside
