"""What the contents of an event column mean: decided once, printed, or refused with the candidates."""

from __future__ import annotations

import numpy as np
import pytest

from survembed.datasets.tabular.event_codes import event_codes
from survembed.errors import DataError


def decoded(
    cells: list[str], column: str = "status", value: str | None = None, censored: tuple[str, ...] = ()
) -> list[bool]:
    return event_codes(cells, column, "here", value, censored).decode(np.array(cells)).tolist()


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("event", ["1", "0"]),
        ("event", ["1.0", "0.0"]),
        ("OS", ["True", "false"]),
        ("death", ["yes", "No"]),
        ("verstorben", ["ja", "nein"]),
        ("décès", ["oui", "non"]),
        ("exitus", ["Sí", "no"]),
        ("decesso", ["sì", "no"]),
        ("óbito", ["sim", "não"]),
        ("vital_status", ["Dead", "Alive"]),
        ("OS_STATUS", ["1:DECEASED", "0:LIVING"]),
        ("status", ["deceased (1)", "living (0)"]),
        ("status", ["event", "censored"]),
        ("status", ["tot", "lebt"]),
        ("statut", ["Décédé", "vivant"]),
        ("estado", ["fallecido", "vivo"]),
        ("status", ["dead", "Lost to follow-up"]),
    ],
)
def test_known_codes(column: str, cells: list[str]) -> None:
    assert decoded(cells, column) == [True, False]


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("status", ["1", "2"]),
        ("status", ["0", "1", "2"]),
        ("status", ["0", "2"]),
        ("status", ["0", "1", "9"]),
        ("status", ["dead", "NED"]),
        ("status", ["Living", "Died of Disease", "Died of Other Causes"]),
        ("status", ["dead", "1", "alive"]),
        ("alive", ["1", "0"]),
        ("overall_survival", ["1", "0"]),
        ("survived", ["yes", "no"]),
        ("censored", ["1", "0"]),
    ],
)
def test_unclear_codes_are_refused_with_the_candidates(column: str, cells: list[str]) -> None:
    with pytest.raises(DataError, match="cannot be read") as refused:
        decoded(cells, column)
    assert all(f"'{cell.lower()}'" in refused.value.message for cell in cells)
    assert all(cell in str(refused.value.try_) for cell in cells)
    assert "data.event_value" in str(refused.value.try_)


def test_a_declared_value_and_what_the_others_mean() -> None:
    codes = event_codes(["0", "1", "2"], "status", "here", "2")
    assert codes.decode(np.array(["0", "1", "2.0", ""])).tolist() == [False, False, True, False]
    assert str(codes) == "counts '2' as the event, '0', '1' as censored"
    assert decoded(["1", "2"], value="2") == [False, True]
    assert decoded(["1", "0"], "alive", value="0") == [False, True]
    assert decoded(["1:DECEASED", "0:LIVING"], value="deceased") == [True, False]
    assert decoded(["dead", "dod", "alive"], value="dead,dod") == [True, True, False]
    assert decoded(["dead", "NED", "AWD"], value="dead", censored=("ned", "awd")) == [True, False, False]


@pytest.mark.parametrize(
    ("cells", "value", "unclear"),
    [
        (["dead", "NED", "alive"], "dead", "NED"),
        (["Living", "Died of Disease", "Died of Other Causes"], "Died of Disease", "Died of Other Causes"),
        (["1", "0", "9"], "1", "9"),
        (["1", "0", "-1"], "1", "-1"),
        (["2", "1", "999"], "2", "999"),
    ],
)
def test_contents_that_nobody_declared_are_refused(cells: list[str], value: str, unclear: str) -> None:
    with pytest.raises(DataError, match="neither") as refused:
        decoded(cells, value=value)
    assert unclear in refused.value.message
    assert f"data.censored_values={unclear}" in str(refused.value.try_)
    assert any(decoded(cells, value=value, censored=(unclear,)))  # the remedy works


def test_an_absent_value() -> None:
    with pytest.raises(DataError, match="does not contain 'ded'") as refused:
        decoded(["Dead", "alive"], value="ded")
    assert refused.value.try_ == "--set data.event_value=Dead"
