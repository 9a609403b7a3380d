from pathlib import Path
from typing import get_args

import pytest

from events import FlagEvent, OfProduction
from projections.sentences import marks, tell, with_names
from tests.events.examples import BY_NAME
from tests.events.golden import golden

GOLDEN = Path(__file__).parent / "golden" / "sentences.txt"
NAMES = sorted(event.__name__ for event in get_args(OfProduction))


def told(name: str) -> str:
    return tell(BY_NAME[name]).sentence  # type: ignore[arg-type]


@pytest.mark.gate
@pytest.mark.golden
class TestSentence:
    def test_of_every_fact_is_what_the_golden_says(self) -> None:
        text = "".join(f"{name}: {told(name)}\n" for name in NAMES)

        assert text == golden(GOLDEN, text)

    def test_is_there_for_every_fact_of_a_production(self) -> None:
        lines = GOLDEN.read_text().splitlines()

        assert [line.split(":")[0] for line in lines] == NAMES

    @pytest.mark.parametrize("name", NAMES)
    def test_is_one_english_sentence(self, name: str) -> None:
        sentence = told(name)

        assert sentence.endswith((".", "”."))
        assert "\n" not in sentence
        assert "_" not in with_names(sentence, lambda _, who: who)
        assert "None" not in sentence

    def test_names_people_and_vendors_by_marks_that_the_reader_fills(self) -> None:
        sentence = told("FundingSourceIdentified")

        assert marks(sentence) == {("person", "hugo")}
        assert "spoken for by Hugo Hall" in with_names(sentence, lambda kind, who: "Hugo Hall")

    @pytest.mark.parametrize("name", sorted(event.__name__ for event in get_args(FlagEvent)))
    def test_of_a_flag_begins_with_its_number(self, name: str) -> None:
        assert told(name).startswith(f"{BY_NAME[name].flag}: ")  # type: ignore[union-attr]
