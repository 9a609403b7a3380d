from collections.abc import AsyncIterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import asyncpg
import pytest

from events.production import Stage
from projections import PROJECTIONS
from projections.rebuild import rebuild
from service.deciders.approval import Reject
from service.deciders.stage import EnterStage
from service.embedded import Server
from service.readers import owning
from tests.conftest import Urls, fresh
from tests.deciders import rounds
from tests.deciders.stories import ART, BOND, CONTINGENCY, LINE_PRODUCER, MAYA, PRODUCER, SPENT, spend
from tests.handling.office import opened
from tests.spec import Story

RIVAL = "rival/the-heist"

_LOGGED: Story = [
    *rounds.adopted(SPENT, rounds.RICH),
    (LINE_PRODUCER, spend(ART, "500000", "KS-4")),
    (LINE_PRODUCER, spend(BOND, "700", "CP-1", vendor="chai-point")),
    (LINE_PRODUCER, spend(CONTINGENCY, "900", "CP-2", vendor="chai-point")),
    (LINE_PRODUCER, spend("9999", "11", "CP-3", vendor="chai-point")),
    (LINE_PRODUCER, spend(ART, "60000", "KS-8")),
]
#: Spend beyond its account, on a charge, on contingency, and on what no budget knows. The payment of the first is
#: turned down, and that of the last waits.
STORY = rounds.says(_LOGGED, PRODUCER, "A-3", Reject, words="No.")


@dataclass(frozen=True, slots=True)
class World:
    """A database with two companies, and a login for dashboards of each; that of Acme reads pay, too."""

    urls: Urls
    acme: str
    rival: str

    def of(self, role: str) -> str:
        """The address of a role, readers being those of Acme."""
        known = {"superuser": self.urls.admin, "service": self.urls.service, "reader": self.acme}
        return known.get(role) or self.urls.of(role)


def login(url: str) -> str:
    """Who logs in by an address."""
    return urlsplit(url).username or ""


@pytest.fixture(scope="module")
async def world(server: Server) -> AsyncIterator[World]:
    """One for all tests of a file, which leave it as it is."""
    async with fresh(server) as urls:
        async with opened(urls.service) as office:
            await office.play([*STORY, (MAYA, EnterStage(stage=Stage.PRE_PRODUCTION))])
            await office.play(STORY, RIVAL)
            await rebuild(office.pool, PROJECTIONS)
        async with owning(urls.owner) as readers:
            made = World(urls, await readers.create("acme", confidential=True), await readers.create("rival"))
            try:
                yield made
            finally:
                for url in (made.acme, made.rival):
                    await readers.drop(login(url))


@pytest.fixture
async def admin(world: World) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(world.urls.admin)
    yield connection
    await connection.close()
