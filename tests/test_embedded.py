"""Does the embedded PostgreSQL start, get shared, survive its users' deaths, and stop with the last one?"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from structlog.testing import capture_logs

from service import serving
from service.embedded import Server, Unavailable, running

USER = """
import signal, sys
from pathlib import Path
from service.embedded import running

signal.signal(signal.SIGTERM, lambda *_: sys.exit())
with running(Path(sys.argv[1]), durable=False) as server:
    print(server.admin_url, flush=True)
    sys.stdin.read()
"""


@contextmanager
def another_process(data: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of its own that starts on the folder, and leaves when its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", USER, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    """The URL it prints once it is in."""
    assert process.stdout
    return process.stdout.readline().strip()


def leave(process: subprocess.Popen[str]) -> int:
    assert process.stdin
    process.stdin.close()
    return process.wait(10)


def ask(url: str, query: str) -> Any:
    async def one() -> Any:
        connection = await asyncpg.connect(url, timeout=5)
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    return asyncio.run(one())


def answers(url: str) -> bool:
    try:
        return bool(ask(url, "SELECT true"))
    except OSError:
        return False


def postmaster(data: Path) -> int:
    return int((data / "postgresql/cluster/postmaster.pid").read_text().split()[0])


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "waited 60 s in vain"
        time.sleep(0.002)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def orphan(data: Path) -> str:
    """A server whose starter was killed: its URL."""
    with another_process(data) as starter:
        url = said(starter)
        starter.kill()
    assert answers(url)
    return url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """As a user has it: durable."""
    with running(tmp_path_factory.mktemp("first")) as server:
        yield server


class TestFirstStart:
    @pytest.mark.parametrize(
        ("which", "who"),
        [
            ("owner_url", ("greenlight_owner", "greenlight", False)),
            ("service_url", ("greenlight_service", "greenlight", False)),
            ("admin_url", ("postgres", "postgres", True)),
        ],
    )
    def test_opens_a_door_for_each_role(self, server: Server, which: str, who: tuple[str, str, bool]) -> None:
        query = "SELECT (user::text, current_database()::text, rolsuper) FROM pg_roles WHERE rolname = user"
        assert ask(getattr(server, which), query) == who

    def test_lets_the_owner_make_tables_and_the_service_not(self, server: Server) -> None:
        ask(server.owner_url, "CREATE TABLE mine ()")
        for forbidden in ("CREATE TABLE public.its ()", "SELECT FROM mine"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                ask(server.service_url, forbidden)

    def test_makes_every_role_and_lets_only_those_log_in_whose_password_is_in_the_folder(self, server: Server) -> None:
        query = (
            "SELECT string_agg(rolname || CASE WHEN rolcanlogin THEN ' logs in' ELSE '' END, ', ' ORDER BY rolname)"
            " FROM pg_roles WHERE rolname ~ '^greenlight_'"
        )
        assert ask(server.admin_url, query) == (
            "greenlight_auditor, greenlight_migrator, greenlight_owner logs in, greenlight_projector,"
            " greenlight_reader, greenlight_service logs in"
        )

    @pytest.mark.parametrize(
        ("setting", "value"),
        [
            ("fsync", "on"),
            ("synchronous_commit", "on"),
            ("full_page_writes", "on"),
            ("data_checksums", "on"),
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("server_encoding", "UTF8"),
            ("TimeZone", "UTC"),
        ],
    )
    def test_is_durable_and_closed_to_the_world(self, server: Server, setting: str, value: str) -> None:
        assert ask(server.admin_url, f"SHOW {setting}") == value

    def test_sorts_text_the_same_everywhere(self, server: Server) -> None:
        query = "SELECT datlocprovider::text || datlocale FROM pg_database WHERE datname = 'greenlight'"
        assert ask(server.admin_url, query) == "bC.UTF-8"

    def test_asks_for_the_password(self, server: Server) -> None:
        door = server.service_url.rpartition("@")[2]
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(f"postgresql://greenlight_service:guess@{door}", "SELECT true")


def test_passwords_are_for_the_owner_of_the_folder_alone(data: Path) -> None:
    with running(data, durable=False):
        assert (data / "postgresql/passwords.json").stat().st_mode & 0o777 == 0o600


def test_second_start_finds_the_data_under_the_same_passwords(data: Path) -> None:
    with running(data, durable=False) as first:
        ask(first.owner_url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert not answers(first.admin_url)
    with running(data, durable=False) as second:
        assert ask(second.owner_url, "SELECT answer FROM kept") == 42
        assert second.owner_url.rpartition(":")[0] == first.owner_url.rpartition(":")[0]


def test_stops_when_the_block_is_left_by_an_exception(data: Path) -> None:
    with pytest.raises(KeyboardInterrupt), running(data, durable=False) as server:
        raise KeyboardInterrupt
    assert not answers(server.admin_url)


def test_stops_when_its_process_exits_on_sigterm(data: Path) -> None:
    with another_process(data) as process:
        url = said(process)
        assert os.getsid(postmaster(data)) != os.getsid(process.pid), "Ctrl-C would reach the server"
        process.terminate()
        process.wait(10)
    assert not answers(url)


def test_stays_for_the_second_user_and_stops_with_the_last(data: Path) -> None:
    with another_process(data) as other:
        with running(data, durable=False) as server:
            assert server.admin_url == said(other)
        assert answers(server.admin_url)
        assert leave(other) == 0
    assert not answers(server.admin_url)


def test_many_at_once_share_one_server(data: Path) -> None:
    with another_process(data) as one, another_process(data) as two, another_process(data) as three:
        urls = {said(process) for process in (one, two, three)}
        assert len(urls) == 1
        assert [leave(process) for process in (one, two, three)] == [0, 0, 0]
    assert not answers(urls.pop())


class TestAfterAKill:
    def test_a_server_left_running_is_adopted_and_stopped(self, data: Path, orphan: str) -> None:
        with running(data, durable=False) as adopted:
            assert adopted.admin_url == orphan
        assert not answers(orphan)

    def test_a_server_without_fsync_is_not_adopted_where_facts_must_last(self, data: Path, orphan: str) -> None:
        with pytest.raises(Unavailable, match="without fsync"), running(data):
            pass
        assert not answers(orphan)

    def test_of_everything_a_pid_file_is_stale_even_if_its_number_lives_on(
        self, data: Path, orphan: str, tmp_path: Path
    ) -> None:
        ask(orphan, "CREATE TABLE kept AS SELECT 42 AS answer")
        ask(orphan, "CHECKPOINT")
        os.kill(postmaster(data), signal.SIGKILL)
        with running(tmp_path / "other", durable=False):
            pid_file = data / "postgresql/cluster/postmaster.pid"
            dead, rest = pid_file.read_text().split("\n", 1)
            pid_file.write_text(f"{postmaster(tmp_path / 'other')}\n{rest}")
            with running(data, durable=False) as server:
                assert ask(server.admin_url, "SELECT answer FROM kept") == 42
                assert postmaster(data) != int(dead)

    def test_of_the_server_it_comes_back_where_its_other_users_look_for_it(self, data: Path) -> None:
        with running(data, durable=False) as first:
            os.kill(postmaster(data), signal.SIGKILL)
            until(lambda: not answers(first.admin_url))
            with running(data, durable=False) as second:
                assert second == first
                assert answers(first.admin_url)

    def test_of_the_server_it_is_waited_for_until_its_last_child_is_gone(self, data: Path) -> None:
        with running(data, durable=False) as first:
            child = ask(first.admin_url, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
            os.kill(child, signal.SIGSTOP)
            os.kill(postmaster(data), signal.SIGKILL)
            until(lambda: not answers(first.admin_url))
            pid_file = data / "postgresql/cluster/postmaster.pid"
            _, rest = pid_file.read_text().split("\n", 1)
            pid_file.write_text(f"{os.getpid()}\n{rest}")  # a number that lives, as that of a process nobody buried
            threading.Timer(0.5, os.kill, (child, signal.SIGCONT)).start()
            with running(data, durable=False) as second:
                assert answers(second.admin_url)

    def test_of_the_server_it_takes_another_port_when_its_own_was_taken_meanwhile(self, data: Path) -> None:
        with running(data, durable=False) as first:
            pass
        port = urlsplit(first.admin_url).port
        with socket.create_server(("127.0.0.1", port or 0)), running(data, durable=False) as second:
            assert second != first
            assert answers(second.admin_url)

    def test_in_the_middle_of_making_the_cluster_it_is_made_anew(self, data: Path) -> None:
        with another_process(data) as process:
            until((data / "postgresql.unfinished/cluster/PG_VERSION").exists)
            process.kill()
        assert not (data / "postgresql").exists()
        with running(data, durable=False) as server:
            assert ask(server.owner_url, "SELECT current_database()") == "greenlight"
        assert not (data / "postgresql.unfinished").exists()


class TestRefuses:
    def test_a_folder_of_another_major_version(self, data: Path) -> None:
        (data / "postgresql/cluster").mkdir(parents=True)
        (data / "postgresql/cluster/PG_VERSION").write_text("17\n")
        with pytest.raises(Unavailable, match=r"PostgreSQL 17 .* are 18"), running(data):
            pass

    def test_a_folder_with_something_else_in_it(self, data: Path) -> None:
        (data / "postgresql").mkdir(parents=True)
        with pytest.raises(Unavailable, match="holds no PostgreSQL cluster"), running(data):
            pass

    def test_a_file_for_a_folder(self, data: Path) -> None:
        data.write_text("")
        with pytest.raises(Unavailable, match="cannot be used: File exists"), running(data):
            pass

    def test_a_server_that_does_not_start_with_its_last_words(self, data: Path) -> None:
        with running(data, durable=False):
            pass
        with (data / "postgresql/cluster/postgresql.conf").open("a") as file:
            file.write("no_such_setting = 1\n")
        with pytest.raises(Unavailable, match="no_such_setting"), running(data, durable=False):
            pass


class TestAProcessThatServes:
    async def test_starts_it_again_at_its_port_when_it_was_killed(
        self, data: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(serving, "LOOK_SECONDS", 0.05)
        with running(data, durable=True) as server:
            keeping = asyncio.create_task(serving.kept_up(data))
            for _ in range(2):
                os.kill(postmaster(data), signal.SIGKILL)
                with capture_logs() as told:
                    async with asyncio.timeout(30):
                        while not told:
                            await asyncio.sleep(0.02)
                    await asyncio.sleep(0.2)

                assert [each["event"] for each in told] == ["database_started_again"]
                assert await asyncio.to_thread(answers, server.service_url)
            keeping.cancel()

    async def test_tries_ever_later_when_it_does_not_start(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(serving, "LOOK_SECONDS", 0.01)

        def refused(_: Path) -> None:
            raise Unavailable("no room on the disk")

        monkeypatch.setattr(serving, "revived", refused)
        with capture_logs() as told:
            keeping = asyncio.create_task(serving.kept_up(data))
            await asyncio.sleep(0.3)
            keeping.cancel()

        assert [each["again_in"] for each in told][:3] == [0.02, 0.04, 0.08]
