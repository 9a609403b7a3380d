"""The house rules that no tool knows, and the import contracts seen failing: a check that cannot fail is no check."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

import projections
from service.deciders.authority import MAY_SEND
from service.deciders.command import Command
from service.deciders.company import CompanyCommand
from service.deciders.decision import ProductionCommand
from service.deciders.production import OpenProduction

pytestmark = pytest.mark.gate

ROOT = Path(__file__).parent.parent
PACKAGES = ("events", "projections", "service")
COMMANDS: tuple[type[Command], ...] = (*get_args(CompanyCommand), *get_args(ProductionCommand))


def sources() -> Iterator[tuple[Path, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


class TestTheHouse:
    def test_shadows_no_library(self) -> None:
        assert not (ROOT / "alembic" / "__init__.py").exists()

    def test_has_every_projection_file_in_the_tuple(self) -> None:
        files = {path.stem for path in (ROOT / "projections").glob("*.py") if "PROJECTION = " in path.read_text()}

        assert {each.name for each in projections.PROJECTIONS} == files

    def test_has_no_function_longer_than_a_screen(self) -> None:
        long = [
            f"{path}:{node.name}"
            for path, tree in sources()
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno > 80
        ]

        assert long == []


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_says_who_and_why_what_refuses_it_and_how_it_looks(self, command: type[Command]) -> None:
        assert command.__doc__
        assert command.refusals
        assert command.model_validate(command.example, strict=False)

    def test_of_a_production_is_in_the_table_of_authority(self) -> None:
        assert set(MAY_SEND) == set(get_args(ProductionCommand)) - {OpenProduction}


#: By contract: a file, and an import that breaks it.
BREACHES = {
    "drawers": ("projections/planted.py", "import service.settings"),
    "doors": ("service/deciders/planted.py", "import service.handling"),
    "pure-rules": ("events/planted.py", "import sqlalchemy"),
    "no-log-in-rules": ("service/deciders/planted.py", "import events.log"),
    "pure-folds": ("projections/planted.py", "import fastapi"),
    "no-circles": ("service/deciders/refusal.py", "import service.deciders.command"),
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the house, to plant breaches in."""
    copy = tmp_path_factory.mktemp("house")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, copy / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    return copy


class TestEveryContract:
    def lint(self, house: Path) -> subprocess.CompletedProcess[str]:
        linter = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
        return subprocess.run(linter, cwd=house, capture_output=True, text=True, timeout=60)

    def test_is_kept_by_the_house_as_it_is(self, house: Path) -> None:
        assert self.lint(house).returncode == 0

    def test_has_its_breach_below(self) -> None:
        settings = (ROOT / "pyproject.toml").read_text()

        assert {line.split('"')[1] for line in settings.splitlines() if line.startswith("id = ")} == set(BREACHES)

    @pytest.mark.parametrize("contract", BREACHES)
    def test_breaks_on_a_planted_import(self, house: Path, contract: str) -> None:
        place, breach = BREACHES[contract]
        path = house / place
        before = path.read_text() if path.exists() else None
        path.write_text(f"{before or ''}\n{breach}\n")
        try:
            found = self.lint(house)
        finally:
            path.unlink() if before is None else path.write_text(before)

        name = contract_name(contract)
        assert found.returncode == 1
        assert f"{name} BROKEN" in found.stdout


def contract_name(contract: str) -> str:
    settings = (ROOT / "pyproject.toml").read_text()
    after = settings.split(f'id = "{contract}"')[1]
    return after.split('name = "')[1].split('"')[0]
