"""Our own components pass the kit that third parties are given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from survembed.datasets import Images, Liver, SurvDigits, SurvMNIST, Tabular, Volumes
from survembed.downstream import RSF, SSVM, Coxnet, CoxPH, SurvivalTree
from survembed.heads import MLP, CauseSpecific, Discrete, Linear
from survembed.models import VAE, CoxVAE, DeepSurv
from survembed.testing import conformance
from survembed.trackers import TensorBoard
from tests.conftest import ROOT
from tests.datasets.channels.studies import write_hecktor
from tests.datasets.picture.pictures import write_pictures

SMALL = {"width": 4, "blocks": 2, "latent_dim": 2}
PHANTOM = {"n_subjects": 6, "size": (8, 8, 8)}
MNIST = Path(os.environ.get("SURVEMBED_TEST_DATA", ROOT.parent / "shared" / "data")) / "mnist"
SOME = {"root": MNIST, "n_train": 30, "n_test": 10}


def table(folder: Path, last: str = "1") -> dict[str, Any]:
    path = folder / "study.csv"
    path.write_text(f"id,age,sex,duration,event\na,60,f,10,1\nb,70,m,5,1\nc,65,m,20,0\nd,50,f,30,{last}\n")
    return {"root": path}


def pictures(folder: Path, **options: Any) -> dict[str, Any]:
    root = folder / "pictures"
    return {"root": root if root.is_dir() else write_pictures(root), **options}


def pet_ct(folder: Path, **options: Any) -> dict[str, Any]:
    root = folder / "study"
    root = root if root.is_dir() else write_hecktor(root, 3)
    return {"root": root, "labels": ("tumour=1", "nodes=2"), "size": 12, "fov_mm": 96, **options}


test_vae = conformance("models", VAE, options=SMALL)
test_coxvae = conformance("models", CoxVAE, options=SMALL)
test_deepsurv = conformance("models", DeepSurv, options=SMALL)
test_linear = conformance("heads", Linear)
test_mlp = conformance("heads", MLP)
test_cause_specific = conformance("heads", CauseSpecific)
test_discrete = conformance("heads", Discrete)
test_discrete_mlp = conformance("heads", Discrete, options={"hidden": (8,), "intervals": 5})
test_coxph = conformance("downstream", CoxPH)
test_rsf = conformance("downstream", RSF, options={"n_estimators": 20, "n_jobs": 1})
test_coxnet = conformance("downstream", Coxnet)
test_ssvm = conformance("downstream", SSVM)
test_survival_tree = conformance("downstream", SurvivalTree)
test_tensorboard = conformance("trackers", TensorBoard)  # skipped where it is not installed
test_liver = conformance("datasets", Liver, options=PHANTOM, changed={**PHANTOM, "phantom_seed": 1}, same=PHANTOM)
test_images = conformance("datasets", Images, options=pictures, changed=lambda folder: pictures(folder, size=8))
test_volumes = conformance("datasets", Volumes, options=pet_ct, changed=lambda folder: pet_ct(folder, suv_cap=9))
test_digits = conformance("datasets", SurvDigits, changed={"seed": 1}, same={"seed": 0})
test_tabular = conformance("datasets", Tabular, options=table, changed=lambda folder: table(folder, last="0"))
test_mnist = pytest.mark.skipif(not MNIST.is_dir(), reason=f"no MNIST at {MNIST}: set SURVEMBED_TEST_DATA")(
    conformance(
        "datasets", SurvMNIST, options=SOME, changed={**SOME, "n_test": 11}, same={**SOME, "mirror": "http://x"}
    )
)
