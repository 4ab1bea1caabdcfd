"""Errors: one shape, one exit code each, and the nearest name."""

from __future__ import annotations

import pytest

from survembed.errors import DataError, PluginError, RunError, SurvembedError, UsageError, nearest


def test_shape() -> None:
    error = UsageError("no dataset named 'livre'", where="--data livre", expected="liver", try_="--data liver")
    assert str(error).splitlines() == [
        "no dataset named 'livre'",
        "  where:    --data livre",
        "  expected: liver",
        "  try:      --data liver",
    ]
    assert str(DataError("only this")) == "only this"


@pytest.mark.parametrize(
    ("error", "code"), [(UsageError, 2), (PluginError, 3), (DataError, 4), (RunError, 5), (SurvembedError, 1)]
)
def test_exit_codes(error: type[SurvembedError], code: int) -> None:
    assert error.exit_code == code
    assert issubclass(error, SurvembedError)


def test_nearest() -> None:
    assert nearest("livre", ["tabular", "liver"]) == "liver"
    assert nearest("zzz", ["tabular", "liver"]) is None
    assert nearest("liver", []) is None
    assert nearest("coxvae", ["vae", "coxvae τ=0.1", "coxvae τ=0.9"]) == "coxvae τ=0.1"
    assert nearest("va", ["vague", "vae"]) == "vae"
