"""The 27 main items of TRIPOD+AI in our own words, answered as far as a run knows, else left open for the authors.

References
----------
Collins and others, TRIPOD+AI statement, BMJ 385 (2024) e078378.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survembed.report.facts import Facts

ITEMS = (
    (1, "Title", "Title names the study as one of a prediction model, with population and outcome"),
    (2, "Abstract", "Abstract sums up the study in a structured way"),
    (3, "Introduction", "Background: the clinical setting, why a model, and what is known of inequalities in care"),
    (4, "Introduction", "Objectives: what is developed or evaluated, and for whom"),
    (5, "Methods", "Data: where they come from, when they were collected, and how representative they are"),
    (6, "Methods", "Participants: where they were treated, who was eligible, and which treatments they had"),
    (7, "Methods", "Preparation of the data and checks of their quality, alike in all groups of people"),
    (8, "Methods", "Outcome: what is predicted, at which time, how and by whom it was assessed"),
    (9, "Methods", "Predictors: how they were chosen, defined and measured"),
    (10, "Methods", "Sample size: how it came about, and whether it suffices"),
    (11, "Methods", "Missing data: how they were handled, and what was left out"),
    (12, "Methods", "Analysis: how data were divided, the kind of model, how it was built and how it is judged"),
    (13, "Methods", "Class imbalance: whether it was corrected, and how predictions were set right again"),
    (14, "Methods", "Fairness: what was done about unequal performance between groups of people"),
    (15, "Methods", "Output: what the model returns, and any thresholds"),
    (16, "Methods", "Differences between the data of development and those of evaluation"),
    (17, "Methods", "Ethical approval and consent"),
    (18, "Open science", "Funding, conflicts of interest, protocol, registration, and where data and code are"),
    (19, "Involvement", "How patients and the public took part"),
    (20, "Results", "Flow and characteristics of participants, with outcomes and follow-up"),
    (21, "Results", "Numbers of participants and events in each analysis"),
    (22, "Results", "The full model, so that others can predict with it"),
    (23, "Results", "Performance with intervals, also in groups of people and places"),
    (24, "Results", "Updating: what was changed of an existing model, and how it did then"),
    (25, "Discussion", "Interpretation: what the results mean, in the light of fairness and of other work"),
    (26, "Discussion", "Limitations: of the sample, the data, the model, and what they do to the results"),
    (27, "Discussion", "Use in care: poor or missing input, who handles the model, and the next steps"),
)
"""Number, part of the paper, and item."""


@dataclass(frozen=True)
class Item:
    """An item with what the run says to it, and what is missing: `open` where it says nothing, empty for nothing."""

    number: int
    part: str
    text: str
    answer: str
    missing: str


def checklist(facts: Facts) -> list[Item]:
    """All items, in order."""
    known = _answers(facts)
    return [Item(number, part, text, *known.get(number, ("", "open"))) for number, part, text in ITEMS]


def _answers(facts: Facts) -> dict[int, tuple[str, str]]:
    """What is known of an item, and which part of it is open."""
    hazard = f"its head ({facts.head}) gives a log-hazard, and with Breslow's baseline a survival function"
    found = {
        7: (
            f"{facts.inputs} Exclusions and doubts are listed under Data.",
            "open whether alike in all groups of people",
        ),
        9: (facts.predictors, "open how they were chosen"),
        10: (f"{facts.n} subjects with {facts.n_events} events.", "open why these suffice"),
        11: (
            f"{facts.n_left_out} record(s) were left out in preparation; see Data. Who is used has complete input.",
            "",
        ),
        12: (
            f"{facts.division} {facts.training} Judged by concordance, Brier score and calibration, each with a 95 % "
            f"interval from {facts.n_resamples} bootstrap resamples of subjects.",
            "",
        ),
        13: (
            "No class is predicted, and no imbalance was corrected; scores weigh by the inverse probability of "
            "censoring.",
            "",
        ),
        15: (
            f"{facts.latent_dim} latent numbers for each subject"
            + (f"; {hazard}" if facts.head else "")
            + ". No threshold is set; risk groups in the figures are equal thirds of the held-out subjects.",
            "",
        ),
        16: (
            "Training and held-out subjects are of one cohort, divided as its data set says or at random; see the "
            "table under Data. There is no external evaluation.",
            "",
        ),
        20: (
            f"{facts.n} subjects, {facts.n_events} events, median follow-up {facts.follow_up} (reverse Kaplan–Meier); "
            "flow and characteristics under Data.",
            "",
        ),
        21: (f"{facts.n} subjects and {facts.n_events} events in all; those of each part under Data.", ""),
        22: (
            f"{facts.model} with {facts.parameters:,} parameters; weights, options and versions lie in the folder of "
            "the run as plain files. See Reproduce.",
            "",
        ),
        23: (" ".join(facts.scores), "open for groups of people and places"),
        24: ("Nothing was updated: the model was developed anew.", ""),
    }
    if facts.synthetic:
        found[5] = ("Synthetic data, in part or whole made by a program; they stand for no population.", "")
        found[6] = ("No patient is behind the outcomes.", "")
        found[8] = ("Simulated durations and events, with a known true hazard.", "")
        found[17] = ("Not needed for synthetic data.", "")
    return found
