"""Every refusal is earned, declared, and says what it must."""

import importlib
import pkgutil
import re
from dataclasses import fields
from itertools import groupby
from string import Formatter

import pytest

import service.deciders
from service.deciders.command import Command
from service.deciders.refusal import Conflicting, Forbidden, Missing, Refusal
from tests.deciders.ladders import COMMANDS, RUNGS, Rung, declared
from tests.spec import given

MODULES = [
    importlib.import_module(f"service.deciders.{found.name}")
    for found in pkgutil.iter_modules(service.deciders.__path__)
]
RULES = {rule for module in MODULES for rule in re.findall(r"^([A-Z][0-9]+) +\S", module.__doc__ or "", re.MULTILINE)}
KINDS = (Missing, Forbidden, Conflicting)
REFUSALS = [refusal for kind in KINDS for refusal in kind.__subclasses__()]


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name is not None}


class TestEveryRung:
    @pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
    def test_is_refused_as_it_says(self, rung: Rung) -> None:
        given(rung.given).later(rung.later).when(rung.person, rung.command).then_refused(rung.refusal)

    @pytest.mark.parametrize("rung", RUNGS, ids=lambda rung: rung.name)
    def test_reads_as_a_sentence(self, rung: Rung) -> None:
        sentence = str(rung.refusal)
        assert sentence.endswith(".")
        assert not re.search(r"[{}<>_]|  |\bNone\b|Decimal", sentence)

    def test_has_a_name_of_its_own(self) -> None:
        names = [rung.name for rung in RUNGS]
        assert len(set(names)) == len(names)


class TestEveryCommand:
    @pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
    def test_climbs_what_it_declares_in_that_order(self, command: type[Command]) -> None:
        climbed = [type(rung.refusal) for rung in RUNGS if type(rung.command) is command]
        assert tuple(refusal for refusal, _ in groupby(climbed)) == declared(command)


class TestEveryRefusal:
    def test_is_declared_by_some_command(self) -> None:
        assert set(REFUSALS) == {refusal for command in COMMANDS for refusal in declared(command)}

    def test_is_of_one_of_three_kinds(self) -> None:
        assert Refusal.__subclasses__() == [*KINDS]

    @pytest.mark.parametrize("refusal", REFUSALS, ids=lambda refusal: refusal.__name__)
    def test_says_its_fields_and_its_rule_and_who_may_decide_otherwise(self, refusal: type[Refusal]) -> None:
        names = {field.name for field in fields(refusal)}
        assert "__doc__" in vars(refusal)
        assert placeholders(refusal.__doc__ or "") == names
        assert placeholders(refusal.otherwise) <= names
        assert refusal.otherwise.endswith(".")
        assert refusal.rule in RULES
