"""Facts about a run, to render."""

from survembed.report.facts import Facts

FACTS = Facts(
    title="study",
    synthetic=False,
    model="coxvae",
    head="linear",
    dataset="liver",
    n=120,
    n_events=40,
    follow_up="730 days",
    division="Scored on a test part.",
    inputs="Images of 3 × 3 pixels: ct.",
    predictors="Images only.",
    training="Trained for 30 updates.",
    latent_dim=4,
    parameters=12345,
    scores=("base: Harrell's C 0.700.",),
    calibration="Calibration slope: base 1.0.",
    columns=("coxph",),
    n_left_out=3,
    n_resamples=500,
    decodes=True,
    version="0.1.0",
)
