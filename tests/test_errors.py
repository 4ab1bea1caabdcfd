"""Errors: one shape, one exit code each, and the nearest name."""

from __future__ import annotations

from itertools import product

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


OPTIONS = "--bootstrap --config --resume --runs-dir --sort --json --data --seeds --batch-size --no-stretch --low --ct"


@pytest.mark.parametrize(
    ("typed", "right"),
    [
        ("--rot", None),
        ("--root", None),
        ("--preset", None),
        ("--jsno", "--json"),
        ("--jason", "--json"),
        ("--dta", "--data"),
        ("--DATA", "--data"),
        ("--seed", "--seeds"),
        ("--batch_size", "--batch-size"),
        ("--bacth-sze", "--batch-size"),
        ("--no-strech", "--no-stretch"),
        ("--bootstraps", "--bootstrap"),
        ("--boot", "--bootstrap"),
        ("--lr", None),
        ("--rt", None),
        ("--epochs", None),
        ("--folder", None),
        ("--", None),
        ("", None),
    ],
)
def test_a_near_miss_is_near(typed: str, right: str | None) -> None:
    assert nearest(typed, OPTIONS.split()) == right


@pytest.mark.parametrize(
    ("typed", "known", "right"),
    [("--json", ["--sort"], None), ("--sort", ["--json"], None), ("CoxVAE", ["vae", "coxvae"], "coxvae")],
)
def test_dashes_and_case_do_not_count(typed: str, known: list[str], right: str | None) -> None:
    assert nearest(typed, known) == right


def test_two_misspelt_letters_in_six() -> None:
    """By brute force: all words that one and two edits make of a word."""

    def edited(words: set[str], *, swaps: bool) -> set[str]:
        made = set(words)
        for word in words:
            for i in range(len(word) + 1):
                made |= {word[:i] + letter + word[i:] for letter in "ab"}
                made |= {word[:i] + letter + word[i + 1 :] for letter in ("", *"ab")}
                made |= {word[:i] + word[i + 1 : i + 2] + word[i : i + 1] + word[i + 2 :]} if swaps else set()
        return made

    near = edited(edited({"abbaab"}, swaps=False), swaps=False) | edited({"abbaab"}, swaps=True)
    far = {"".join(word) for word in product("ab", repeat=6)} - edited(edited({"abbaab"}, swaps=True), swaps=True)
    assert far
    assert {word for word in near if nearest("abbaab", [word]) is None} == set()
    assert {word for word in far if nearest("abbaab", [word])} == set()
