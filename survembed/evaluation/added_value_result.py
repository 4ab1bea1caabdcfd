"""What the image adds to the clinical covariates, as data and as text."""

from __future__ import annotations

from dataclasses import dataclass

from survembed.survival.bootstrap import Metric, with_interval

JOINT = "clinical + image, jointly trained"
SCORES = {"harrell_c": "C-index", "ibs": "IBS", "auc": "AUC"}

TESTED = (
    "Likelihood-ratio test (1 degree of freedom) in the held-out subjects: does the out-of-fold risk of the image "
    "improve a Cox model of the out-of-fold clinical risk? Both are covariates with free coefficients, standardised "
    "within each fold; a fold is a stratum with its own baseline hazard. The image risk is the mean over seeds. The "
    "folds share training subjects, so that the p value is approximate."
)
VOLUMES = (
    "Rank correlation (Spearman) of the out-of-fold image risk, as its rank within a fold, with the volume; and the "
    "partial one, given the ranks of the covariates. 95 % intervals by Fisher's z."
)
PENALTY = (
    "The rows clinical and jointly trained have different penalties on the covariates: the small ridge of the "
    "downstream model, and, where the likelihood has no finite maximum, a normal prior (run.json says where). With "
    "many columns for few events, a difference between them can come from the penalty and not from the image."
)


@dataclass(frozen=True)
class AddedRow:
    """One row of the table.

    Attributes
    ----------
    name
        `clinical`, `image`, `clinical + image, jointly trained`, `clinical + image, latents added`, `tumour volume`.
    row, column
        The cell of Table 1 behind it.
    scores
        C-index, IBS and AUC at the middle horizon.
    against_clinical, against_image
        Scores minus those of the clinical and of the image row, with paired intervals; empty for these rows themselves.
    """

    name: str
    row: str
    column: str
    scores: dict[str, Metric]
    against_clinical: dict[str, Metric]
    against_image: dict[str, Metric]


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test of the image risk beside the clinical one, in one division; see `TESTED`.

    Attributes
    ----------
    repeat
        Number of the division.
    statistic, p
        χ² with one degree of freedom, and its p value.
    hazard_ratio, low, high
        For one standard deviation of the image risk, adjusted for the clinical risk, with its 95 % Wald interval.
    n, n_events
        Subjects and events.
    """

    repeat: int
    statistic: float
    p: float
    hazard_ratio: float
    low: float
    high: float
    n: int
    n_events: int


@dataclass(frozen=True)
class VolumeCorrelation:
    """Rank correlation of the image risk with a volume; see `VOLUMES`.

    Attributes
    ----------
    volume
        `tumour volume` or `organ volume`.
    rho, partial
        Each with its 95 % interval; `partial` given the covariates.
    n
        Subjects.
    """

    volume: str
    rho: Metric
    partial: Metric
    n: int


@dataclass(frozen=True)
class AddedValue:
    """What the image adds to the clinical covariates.

    Attributes
    ----------
    covariates
        Their names.
    horizon
        Of the AUC, in the unit of the durations; NaN without a grid of times.
    rows, tests, correlations
        See `AddedRow`, `LikelihoodRatio`, `VolumeCorrelation`.
    tested
        What the test tests.
    """

    covariates: tuple[str, ...]
    horizon: float
    rows: tuple[AddedRow, ...]
    tests: tuple[LikelihoodRatio, ...]
    correlations: tuple[VolumeCorrelation, ...]
    tested: str = TESTED

    def grid(self) -> tuple[list[str], list[list[str]]]:
        """Columns and rows of the table: scores, and differences from the clinical row."""
        columns = ["", *SCORES.values(), *(f"{title} − clinical" for title in SCORES.values()), "C-index − image"]
        rows = [
            [
                each.name,
                *(with_interval(each.scores[name]) for name in SCORES),
                *(_difference(each.against_clinical.get(name)) for name in SCORES),
                _difference(each.against_image.get("harrell_c")),
            ]
            for each in self.rows
        ]
        return columns, rows

    def title(self, unit: str) -> str:
        """Heading of the table."""
        what = f"Added value of the image to {', '.join(self.covariates)}"
        return f"{what} (out of fold; AUC at {self.horizon:.4g} {unit}; * the interval of the difference excludes 0)"

    def lines(self) -> list[str]:
        """Sentences on test and correlations."""
        lines = [
            f"image beside clinical, division {test.repeat}: χ² {test.statistic:.2f}, p {_p(test.p)}, hazard ratio "
            f"{test.hazard_ratio:.3g} ({test.low:.3g} to {test.high:.3g}) per SD of the image risk; {test.n} subjects, "
            f"{test.n_events} events"
            for test in self.tests
        ]
        lines += [
            f"image risk and {each.volume}: ρ {with_interval(each.rho)}, given the covariates "
            f"{with_interval(each.partial)}; {each.n} subjects"
            for each in self.correlations
        ]
        joint = any(each.name == JOINT for each in self.rows)
        return [*lines, self.tested, *([PENALTY] if joint else []), *([VOLUMES] if self.correlations else [])]


def _difference(metric: Metric | None) -> str:
    return "–" if metric is None else with_interval(metric) + (" *" if metric.excludes_zero else "")


def _p(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"
