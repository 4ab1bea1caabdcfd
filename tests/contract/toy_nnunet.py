"""A toy nnU-Net: trained on eight phantoms in a quarter of an hour, by nnU-Net's own programs in an environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from survembed.datasets.scan.nifti import open_nifti
from survembed.datasets.scan.orientation import write_oriented
from survembed.datasets.volume.phantom import write_phantom

SHAPE = (64, 64, 24)
ORIENTATION = "LPS"
"""Not the default, so that a mask that was not turned would show."""

TRAINER = '''
import torch
from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer


class ToyTrainer(nnUNetTrainer):
    """Twenty short epochs: after four the liver is found and no tumour, after twelve large tumours only."""

    def __init__(self, plans: dict, configuration: str, fold: int, dataset_json: dict, device=torch.device("cpu")):
        super().__init__(plans, configuration, fold, dataset_json, device)
        self.num_epochs, self.num_iterations_per_epoch, self.num_val_iterations_per_epoch = 20, 25, 2

    def perform_actual_validation(self, save_probabilities: bool = False):
        """None: all cases train."""
'''


def environment(folder: Path) -> Path:
    """The programs of an environment with nnU-Net: `NNUNET_PROGRAMS`, a folder `bin`, or one made in `folder`.

    Torch and torchvision are requested by name, so that both come from one index: of two, torchvision fails to load.
    """
    given = os.environ.get("NNUNET_PROGRAMS")
    if given:
        return Path(given)
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    subprocess.run([folder / "bin" / "pip", "install", "--quiet", "torch", "torchvision", "nnunetv2"], check=True)
    return folder / "bin"


def train(programs: Path, folder: Path) -> tuple[Path, dict[str, str]]:
    """Train; the model's folder, and the variables with which nnU-Net finds its trainer.

    Parameters
    ----------
    programs
        Folder of nnU-Net's programs.
    folder
        For everything that is written.
    """
    raw, trainers = folder / "raw" / "Dataset001_Phantom", folder / "trainers"
    write_phantom(folder / "phantoms", 8, seed=7, shape=SHAPE)
    for room in ("imagesTr", "labelsTr"):
        (raw / room).mkdir(parents=True)
        for path in sorted((folder / "phantoms" / room).iterdir()):
            write_oriented(open_nifti(path, 10**8), raw / room / path.name, ORIENTATION)
    description = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1, "tumour": 2}}
    (raw / "dataset.json").write_text(json.dumps({**description, "numTraining": 8, "file_ending": ".nii.gz"}))
    trainers.mkdir()
    (trainers / "toy.py").write_text(TRAINER)
    places = {"raw": "raw", "preprocessed": "preprocessed", "results": "results", "extTrainer": "trainers"}
    variables = {f"nnUNet_{name}": str(folder / place) for name, place in places.items()}
    plan = ["nnUNetv2_plan_and_preprocess", "-d", "1", "-c", "3d_fullres", "-np", "2", "-npfp", "2"]
    fit = ["nnUNetv2_train", "1", "3d_fullres", "all", "-tr", "ToyTrainer", "-device", "cpu"]
    for words, extra in ((plan, {}), (fit, {"nnUNet_n_proc_DA": "0", "nnUNet_compile": "false"})):
        subprocess.run([programs / words[0], *words[1:]], env={**os.environ, **variables, **extra}, check=True)
    model = folder / "results" / raw.name / "ToyTrainer__nnUNetPlans__3d_fullres"
    return model, variables
