"""A model card: what a model is for and what not, what it was trained on, how well it does, where it fails.

References
----------
Mitchell and others, Model cards for model reporting, FAT* 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survembed.report.facts import Facts


def model_card(facts: Facts) -> list[tuple[str, list[str]]]:
    """Headings, each with its sentences."""
    data = f"{facts.title}: {facts.n} subjects with {facts.n_events} events, median follow-up {facts.follow_up}."
    synthetic = ["These are synthetic data: what was learnt from them says nothing of any patient."]
    return [
        (
            "Intended use",
            [
                "Research: to explore which directions of a latent space of images go with survival, and to compare "
                "embeddings.",
                "Not a medical device. Not for diagnosis, prognosis or treatment of a person.",
            ],
        ),
        (
            "Model",
            [
                f"{facts.model} with {facts.latent_dim} latent dimensions and {facts.parameters:,} parameters"
                + (f", head {facts.head}" if facts.head else ", without a head of its own")
                + f" (survembed {facts.version}).",
                facts.training,
            ],
        ),
        ("Training data", [data, facts.inputs, facts.division, *(synthetic if facts.synthetic else [])]),
        ("Performance on held-out subjects", [*facts.scores, *([facts.calibration] if facts.calibration else [])]),
        (
            "Limitations",
            [
                "One cohort, no external validation; intervals are over subjects, not over trainings or centres.",
                "Equal performance in groups of people was not examined.",
                "A latent dimension moved alone may leave the data; decoded images are averages, not scans."
                if facts.decodes
                else "Latents cannot be turned back into images.",
                "Hazards are assumed to be proportional; beyond the follow-up of the training part nothing is known.",
                "Images from other scanners, protocols, masks or populations may be embedded wrongly without a sign.",
            ],
        ),
    ]
