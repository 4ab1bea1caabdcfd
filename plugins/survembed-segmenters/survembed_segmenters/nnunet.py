"""Segmenter that runs the prediction program of nnU-Net. Its checkpoints are pickles, which can run code."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from survembed.errors import DataError
from survembed.progress import Reporter
from survembed_segmenters.program import parse_variables, resolve_command, run_program

if TYPE_CHECKING:
    from survembed_segmenters import NNUNet

INSTALL = (
    "python -m venv nnunet && nnunet/bin/pip install nnunetv2, then "
    "--command nnunet/bin/nnUNetv2_predict_from_modelfolder"
)


class NNUNetSegmenter:
    """See `survembed.registry.segmenter.Segmenter`."""

    def __init__(self, options: NNUNet) -> None:
        self.options = options
        self.orientation = options.orientation

    @property
    def folds(self) -> list[str]:
        """Names of the folds."""
        return [fold.strip() for fold in self.options.folds.split(",") if fold.strip()]

    def code(self) -> tuple[Path, ...]:
        """Checkpoints that the program loads.

        Raises
        ------
        DataError
            If the folder contains no model with these folds.
        PluginError
            If the program is not installed.
        """
        model = self.options.model
        if not model.is_dir():
            raise DataError(
                f"no folder '{model.name}'",
                where=str(model),
                expected="a model folder of nnU-Net",
                try_="--model FOLDER",
            )
        required = [model / "dataset.json", model / "plans.json"]
        checkpoints = [model / f"fold_{fold}" / self.options.checkpoint for fold in self.folds]
        missing = [path for path in (*required, *checkpoints) if not path.is_file()]
        if missing or not checkpoints:
            folds = ", ".join(sorted(path.name for path in model.glob("fold_*"))) or "no folds"
            raise DataError(
                f"'{model.name}' is not an nnU-Net model with these folds: it has {folds}",
                where=str(missing[0] if missing else model),
                expected="dataset.json, plans.json and fold_FOLD/" + self.options.checkpoint,
                try_="--set segment.folds=…",
            )
        resolve_command(self.options.command, INSTALL)
        return tuple(checkpoints)

    def segment(self, images: Sequence[Path], out: Path, reporter: Reporter) -> None:
        """Run the program once for all images, so that the network is loaded once."""
        options = self.options
        arguments = [
            *resolve_command(options.command, INSTALL),
            *("-i", str(images[0].parent), "-o", str(out), "-m", str(options.model.resolve())),
            *("-f", *self.folds, "-chk", options.checkpoint, "-device", options.device, "-npp", "1", "-nps", "1"),
            *([] if options.mirror else ["--disable_tta"]),
        ]
        with reporter.task("Segmenting", len(images), "volumes") as task:
            n_done = 0

            def report_progress() -> None:
                nonlocal n_done
                n_masks = len(list(out.glob("*.nii.gz")))
                task.advance(n_masks - n_done)
                n_done = n_masks

            run_program(arguments, parse_variables(options.environment), report_progress)
