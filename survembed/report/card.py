"""Model card: intended use, training data, performance and limitations.

References
----------
Mitchell and others, Model cards for model reporting, FAT* 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from survembed.report.facts import Facts


def model_card(facts: Facts) -> list[tuple[str, list[str]]]:
    """Headings with their sentences."""
    data = f"{facts.title}: {facts.n} subjects with {facts.n_events} events, median follow-up {facts.follow_up}."
    synthetic = ["The data are synthetic: results do not apply to patients."]
    return [
        (
            "Intended use",
            [
                "Research: to study which directions of a latent space of images are associated with survival, and to "
                "compare embeddings.",
                "Not a medical device. Not for diagnosis, prognosis or treatment of patients.",
            ],
        ),
        (
            "Models of the sweep" if facts.models else "Model",
            list(facts.models)
            or [
                f"{facts.model} with {facts.latent_dim} latent dimensions and {facts.parameters:,} parameters"
                + (f", head {facts.head}" if facts.head else ", without a head")
                + f" (survembed {facts.version}).",
                facts.training,
            ],
        ),
        (
            "Training data",
            [data, facts.inputs, facts.predictors, facts.division, *(synthetic if facts.synthetic else [])],
        ),
        ("Performance on test subjects", [*facts.scores, *([facts.calibration] if facts.calibration else [])]),
        (
            "Limitations",
            [
                *(facts.external or ("One cohort, no external validation.",)),
                "Intervals are over subjects, not over trainings or centres.",
                *(facts.groups or ("Performance in subgroups (sex, age, ethnicity, centre) was not examined.",)),
                "A change of one latent dimension may leave the data. Decoded images are averages, not scans."
                if facts.decodes
                else "The model cannot decode latents into images.",
                "Proportional hazards are assumed. Survival is unknown beyond the follow-up of the training part.",
                "Images from other scanners, protocols, masks or populations may be embedded wrongly, without warning.",
            ],
        ),
    ]
