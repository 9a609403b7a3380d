"""Waiting for others to wait: PostgreSQL tells nobody who is blocked, so it is asked again and again."""

import asyncio

import asyncpg

PATIENCE = 60
WAITING = " FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def blocked(admin: asyncpg.Connection, then: str = "count(*)") -> None:
    """Wait until a backend of this database waits for a lock."""
    async with asyncio.timeout(PATIENCE):
        while not await admin.fetchval(f"SELECT {then}{WAITING}"):
            await asyncio.sleep(0.01)
            await admin.execute("SELECT pg_stat_clear_snapshot()")  # or a transaction sees the same all the time


async def terminated(admin: asyncpg.Connection) -> None:
    """End the one backend that waits for a lock in this database, once it does, and see it gone.

    While it dies it is still shown as waiting: whoever asked next would end the same one again.
    """
    await blocked(admin, f"count(pg_terminate_backend(pid, {PATIENCE * 1000}))")
