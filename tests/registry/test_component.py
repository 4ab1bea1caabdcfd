"""Components: options declared once, converted, and refused with one clear error."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from survembed.errors import UsageError
from survembed.registry.component import Component, option


class Oven(Component):
    """Bakes bread.

    More than one line.
    """

    heat: int = option(220, ge=50, le=300, help="Degrees.", panel="Baking")
    fan: bool = option(False, help="Whether the fan runs.")


def test_defaults_and_conversion() -> None:
    assert Oven.configure("oven", {}) == Oven(heat=220, fan=False)
    assert Oven.configure("oven", {"heat": "180", "fan": "true"}) == Oven(heat=180, fan=True)
    assert Oven.summary() == "Bakes bread."


def test_what_a_field_declares() -> None:
    heat = Oven.model_fields["heat"]
    assert heat.description == "Degrees."
    assert heat.json_schema_extra == {"panel": "Baking"}


def test_frozen() -> None:
    with pytest.raises(ValidationError):
        Oven().heat = 100  # type: ignore[misc]


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="oven has no option 'haet'") as caught:
        Oven.configure("oven", {"haet": 1})
    assert caught.value.expected == "one of fan, heat"
    assert caught.value.try_ == "heat"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (49, "greater than or equal to 50"),
        (301, "less than or equal to 300"),
        ("hot", "a valid integer"),
        (None, "a valid integer"),
        (1.5, "a valid integer"),
    ],
)
def test_out_of_range_or_of_another_type(value: object, expected: str) -> None:
    with pytest.raises(UsageError, match="heat = ") as caught:
        Oven.configure("oven", {"heat": value})
    assert repr(value) in caught.value.message
    assert expected in str(caught.value.expected)
    assert caught.value.where == "oven"
