"""The checklist: answers of the run, and what the authors must add."""

from dataclasses import replace

from survembed.report.tripod import ITEMS, checklist
from tests.report.facts_of_a_run import FACTS


def test_all_items_in_order() -> None:
    items = checklist(FACTS)
    assert [item.number for item in items] == list(range(1, 28)) == [number for number, *_ in ITEMS]
    assert all((item.missing == "open") == (not item.answer) for item in items)


def test_a_run_answers_what_it_can() -> None:
    answers = {item.number: item for item in checklist(FACTS)}
    assert answers[10].answer == "120 subjects with 40 events."
    assert answers[10].missing == "justification before the study"
    assert "500 bootstrap resamples" in answers[12].answer
    assert "12,345 parameters" in answers[22].answer
    assert "the head (linear) gives a log-hazard" in answers[15].answer
    assert (answers[17].answer, answers[17].missing) == ("", "open")
    without_head = {item.number: item.answer for item in checklist(replace(FACTS, head=""))}
    assert "log-hazard" not in without_head[15]


def test_synthetic_data_need_no_approval() -> None:
    answers = {item.number: item for item in checklist(replace(FACTS, synthetic=True))}
    assert (answers[17].answer, answers[17].missing) == ("Not needed for synthetic data.", "")
