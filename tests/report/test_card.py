"""The model card."""

from dataclasses import replace

from survembed.report.card import model_card
from tests.report.facts_of_a_run import FACTS


def text_of(facts) -> str:
    return " ".join(sentence for _, sentences in model_card(facts) for sentence in sentences)


def test_the_card_states_use_data_and_scores() -> None:
    text = text_of(FACTS)
    assert "Not a medical device." in text
    assert "study: 120 subjects with 40 events, median follow-up 730 days." in text
    assert "Harrell's C 0.700." in text
    assert "Calibration slope: base 1.0." in text
    assert "synthetic" not in text


def test_the_card_depends_on_the_model_and_the_data() -> None:
    assert "cannot decode" in text_of(replace(FACTS, decodes=False))
    assert "without a head" in text_of(replace(FACTS, head=""))
    assert "results do not apply to patients" in text_of(replace(FACTS, synthetic=True))
