"""The README's walk, executed: every command is run as it stands there, and every `# →` line is held against it."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
MARK = "=== the output so far ==="


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """What `make run` runs, on another port: what it printed, and the environment it runs in."""
    environment = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "MIGRATION_DATABASE_URL")}
    environment["GREENLIGHT_DATA"] = str(tmp_path / "data")
    command = [sys.executable, "-m", "service.cli", "serve", "--demo", "--port", str(free_port())]
    serving = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert serving.stdout is not None
    lines = []
    for line in serving.stdout:
        lines.append(line)
        if line.startswith("Ctrl-C"):
            break
    yield "".join(lines), environment
    serving.send_signal(signal.SIGINT)
    assert serving.wait(30) == 0, "Ctrl-C is an orderly end"
    serving.stdout.close()


def test_the_walk_does_what_it_says(printed: tuple[str, dict[str, str]]) -> None:
    welcome, environment = printed
    address = re.search(r"serves at (http://\S+);", welcome)
    assert address, welcome
    exports = re.findall(r"^export .*$", welcome, re.MULTILINE)
    blocks = re.findall(r"^```bash\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    script = re.sub(r"^# → .*$", f"echo '{MARK}'", "\n".join(blocks), flags=re.MULTILINE)
    script = script.replace("http://127.0.0.1:8000", address[1]).replace("python3", sys.executable)
    script = script.replace(".venv/bin/greenlight", f"{sys.executable} -m service.cli")
    expected = re.findall(r"^# → (.*)$", "\n".join(blocks), re.MULTILINE)

    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join([*exports, script])],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert ran.returncode == 0, ran.stderr
    outputs = ran.stdout.split(MARK)[:-1]
    assert len(outputs) == len(expected) >= 15
    for said, output in zip(expected, outputs, strict=True):
        assert said in output
