"""The dataset `planted` is installed for all tests of this folder."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def planted_plugin(plugin: None) -> None:
    pass
