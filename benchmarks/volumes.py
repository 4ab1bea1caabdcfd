"""From one abdominal CT to a 64³ cube of 240 mm, against MONAI and TorchIO: time, memory, and what tumours become.

Needs its own environment, as nothing else wants MONAI and TorchIO (torch is pinned, or pip fetches gigabytes of CUDA):

    python -m venv bench && bench/bin/pip install torch==2.13.0
    bench/bin/pip install . monai torchio
    bench/bin/python benchmarks/volumes.py [--save benchmarks/results/volumes.md]

Every recipe runs in a process of its own, on one thread; a time is the median of five runs, memory the process's peak.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

SHAPE, SPACING = (512, 512, 120), (0.75, 0.75, 2.0)
FOV, SIZE = 240.0, 64
LIVER = ((210.0, 190.0, 120.0), (95.0, 72.0, 80.0))  # centre and semi-axes in mm
LESIONS = (  # centre in mm, radius in mm
    ((170.0, 190.0, 120.0), 18.0),
    ((230.0, 190.0, 90.0), 14.0),
    ((235.0, 200.0, 145.0), 10.0),
    ((270.0, 185.0, 120.0), 8.0),
    ((205.0, 150.0, 150.0), 6.0),
    ((200.0, 225.0, 85.0), 4.0),
)
RUNS = 5

Result = tuple[np.ndarray, np.ndarray]
"""Tumour as fractions (x, y, z), and the affine of their grid."""


def write_case(folder: Path) -> None:
    """A CT with liver and six tumours, and its label map, as nibabel writes them."""
    import nibabel as nib

    axes = [((np.arange(n) + 0.5) * step).astype(np.float32) for n, step in zip(SHAPE, SPACING, strict=True)]

    def ball(centre: tuple[float, ...], semi: tuple[float, ...]) -> np.ndarray:
        x, y, z = (((axis - c) / s) ** 2 for axis, c, s in zip(axes, centre, semi, strict=True))
        return x[:, None, None] + y[None, :, None] + z < 1

    labels = ball(*LIVER).astype(np.uint8)
    for centre, radius in LESIONS:
        labels[ball(centre, (radius,) * 3)] = 2
    body = ball((192.0, 192.0, 120.0), (175.0, 140.0, 1000.0))
    rng = np.random.default_rng(0)
    hu = np.where(body, np.array([30.0, 108.0, 65.0], np.float32)[labels], -1000).astype(np.float32)
    hu += rng.standard_normal(SHAPE, dtype=np.float32) * 14
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = np.array(SPACING) / 2
    nib.save(nib.Nifti1Image(hu.astype(np.int16), affine), folder / "ct.nii.gz")
    nib.save(nib.Nifti1Image(labels, affine), folder / "labels.nii.gz")


def true_volumes_ml(folder: Path) -> np.ndarray:
    """Of each lesion, from the full-resolution mask."""
    import nibabel as nib

    labels = nib.load(folder / "labels.nii.gz")
    index = np.argwhere(np.asarray(labels.dataobj) == 2)
    return by_lesion(index @ np.diag(SPACING) + np.array(SPACING) / 2, np.ones(len(index))) * np.prod(SPACING) / 1000


def by_lesion(at_mm: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weight of points summed over the lesion to whose surface each is nearest."""
    distance = [np.linalg.norm(at_mm - centre, axis=1) - radius for centre, radius in LESIONS]
    return np.bincount(np.argmin(distance, axis=0), weight, minlength=len(LESIONS))


def survembed(folder: Path) -> Callable[[], Result]:
    """Exact box overlap."""
    from survembed.datasets.scan.case import Case
    from survembed.datasets.volume.cube import make_cube
    from survembed.datasets.volume.preprocessing import Preprocessing

    recipe = Preprocessing((SIZE,) * 3, (FOV,) * 3, (-150.0, 250.0), (), (2,), 10**9)
    case = Case("a", folder / "ct.nii.gz", folder / "labels.nii.gz")

    def run() -> Result:
        cube = make_cube(case, recipe)
        return cube.image[1] / 255, cube.affine

    return run


def decompression(folder: Path) -> Callable[[], Result]:
    """Nothing but reading both files to their ends with isal."""
    from isal import igzip

    def run() -> Result:
        for name in ("ct.nii.gz", "labels.nii.gz"):
            with igzip.open(folder / name) as stream:
                while stream.read(2**23):
                    pass
        return np.zeros((1, 1, 1)), np.eye(4)

    return run


def _monai(folder: Path, steps: list[Any]) -> Callable[[], Result]:
    from monai import transforms as mt

    loaded = [
        mt.LoadImaged(keys=["ct", "mask"], image_only=True),
        mt.EnsureChannelFirstd(keys=["ct", "mask"]),
        mt.Orientationd(keys=["ct", "mask"], axcodes="RAS", labels=None),
    ]
    window = mt.ScaleIntensityRanged(keys="ct", a_min=-150, a_max=250, b_min=0, b_max=1, clip=True)
    pipeline = mt.Compose([*loaded, window, *steps])

    def run() -> Result:
        out = pipeline({"ct": str(folder / "ct.nii.gz"), "mask": str(folder / "labels.nii.gz")})
        return (out["mask"][0].numpy() == 2).astype(float), np.asarray(out["mask"].affine)

    return run


def monai_tutorial(folder: Path) -> Callable[[], Result]:
    """The recipe of MONAI's tutorials: Spacingd, crop round the foreground, pad to size."""
    from monai import transforms as mt

    keys, cell = ["ct", "mask"], FOV / SIZE
    return _monai(
        folder,
        [
            mt.Spacingd(keys=keys, pixdim=(cell,) * 3, mode=("bilinear", "nearest")),
            mt.CropForegroundd(keys=keys, source_key="mask", allow_smaller=True),
            mt.ResizeWithPadOrCropd(keys=keys, spatial_size=(SIZE,) * 3),
        ],
    )


def monai_antialiased(folder: Path) -> Callable[[], Result]:
    """MONAI, cropped to the field of view first, then resized with anti-aliasing."""
    from monai import transforms as mt

    keys = ["ct", "mask"]
    voxels = tuple(round(FOV / step) for step in SPACING)
    return _monai(
        folder,
        [
            mt.CropForegroundd(keys=keys, source_key="mask", allow_smaller=True),
            mt.ResizeWithPadOrCropd(keys=keys, spatial_size=voxels),
            mt.Resized(keys=keys, spatial_size=(SIZE,) * 3, mode=("trilinear", "nearest"), anti_aliasing=(True, False)),
        ],
    )


def torchio(folder: Path) -> Callable[[], Result]:
    """TorchIO at its fastest: cropped to the field of view first, then resampled with anti-aliasing."""
    import torchio as tio

    pipeline = tio.Compose(
        [
            tio.ToCanonical(),
            tio.CropOrPad(tuple(round(FOV / step) for step in SPACING), mask_name="mask"),
            tio.Clamp(out_min=-150, out_max=250),
            tio.Resample(FOV / SIZE, antialias=True),
            tio.CropOrPad(SIZE),
        ]
    )

    def run() -> Result:
        subject = tio.Subject(ct=tio.ScalarImage(folder / "ct.nii.gz"), mask=tio.LabelMap(folder / "labels.nii.gz"))
        out = pipeline(subject)
        return (out["mask"].numpy()[0] == 2).astype(float), np.asarray(out["mask"].affine)

    return run


RECIPES: dict[str, Callable[[Path], Callable[[], Result]]] = {
    "survembed": survembed,
    "MONAI, tutorial recipe": monai_tutorial,
    "MONAI, crop + anti-aliased resize": monai_antialiased,
    "TorchIO, anti-aliased": torchio,
    "decompression alone (isal)": decompression,
}


def measure(name: str, folder: Path) -> dict[str, Any]:
    """Run one recipe in this process."""
    if "MONAI" in name or "TorchIO" in name:
        import torch

        torch.set_num_threads(1)
    run = RECIPES[name](folder)
    before = peak_mb()
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        tumour, affine = run()
        seconds.append(time.perf_counter() - start)
    peak = peak_mb()
    cell_ml = abs(float(np.linalg.det(affine[:3, :3]))) / 1000
    index = np.argwhere(tumour > 0)
    at_mm = index @ affine[:3, :3].T + affine[:3, 3]
    return {
        "seconds": statistics.median(seconds),
        "peak_mb": peak,
        "growth_mb": peak - before,
        "lesions_ml": (by_lesion(at_mm, tumour[tuple(index.T)]) * cell_ml).tolist(),
    }


def peak_mb() -> float:
    """Peak resident memory of this process (not of its parent, which `getrusage` would count in)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def phantoms(n: int = 200) -> tuple[float, float]:
    """Seconds to draw, and to prepare on all cores, `n` phantom CTs of 128 × 128 × 40."""
    from survembed.datasets import Liver
    from survembed.datasets.volume.phantom import write_phantom
    from survembed.progress import QUIET

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["SURVEMBED_CACHE"] = name
        start = time.perf_counter()
        write_phantom(folder / "phantom", n)
        drawn = time.perf_counter()
        source = Liver(root=folder / "phantom").build()
        source.fingerprint(QUIET)
        source.prepare(folder / "cohort.h5", "benchmark", QUIET)
        return drawn - start, time.perf_counter() - drawn


def main() -> None:
    """Measure everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--save", type=Path, help="Markdown file to write beside printing")
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measure(given.one, given.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_case(folder)
        truth = true_volumes_ml(folder)
        size_mb = (folder / "ct.nii.gz").stat().st_size / 1e6
        one_thread = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
        one_thread["ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"] = "1"
        results = {}
        for recipe in RECIPES:
            command = [sys.executable, __file__, "--one", recipe, "--folder", name]
            output = subprocess.run(command, env=one_thread, check=True, capture_output=True, text=True).stdout
            results[recipe] = json.loads(output.splitlines()[-1])
    text = report(results, truth, size_mb, phantoms())
    print(text)
    if given.save:
        given.save.parent.mkdir(parents=True, exist_ok=True)
        given.save.write_text(text, encoding="utf-8")


def report(results: dict[str, Any], truth: np.ndarray, size_mb: float, phantom: tuple[float, float]) -> str:
    """The table, and the ratios that matter, as Markdown."""
    lines = [
        f"# From a CT to a cube ({date.today().isoformat()})",
        "",
        f"{' × '.join(map(str, SHAPE))} int16 CT ({size_mb:.0f} MB gzipped) with liver and six tumours "
        f"({truth.min():.2f} to {truth.max():.1f} ml) → {SIZE}³ of {FOV:g} mm; one thread, median of {RUNS}. "
        f"{os.cpu_count()} cores, {processor()}, Python {platform.python_version()}.",
        "",
        "| recipe | s | peak MB | of it above imports | tumour volume error | worst lesion |",
        "|---|---|---|---|---|---|",
    ]
    for recipe, result in results.items():
        lesions = np.array(result["lesions_ml"])
        errors = "— | —"
        if lesions.sum():
            errors = f"{lesions.sum() / truth.sum() - 1:+.3%} | {np.abs(lesions / truth - 1).max():.2%}"
        lines.append(
            f"| {recipe} | {result['seconds']:.3f} | {result['peak_mb']:.0f} | {result['growth_mb']:.0f} | {errors} |"
        )
    ours = results["survembed"]

    def against(recipe: str) -> str:
        other = results[recipe]
        return (
            f"{other['seconds'] / ours['seconds']:.1f} × as fast, {ours['peak_mb'] / other['peak_mb']:.2f} of its peak "
            f"memory ({ours['growth_mb'] / other['growth_mb']:.2f} above imports)"
        )

    lines += [
        "",
        f"- against MONAI, tutorial recipe: {against('MONAI, tutorial recipe')} (wanted: 6 ×, under 0.5)",
        f"- against MONAI, anti-aliased: {against('MONAI, crop + anti-aliased resize')}",
        f"- against TorchIO: {against('TorchIO, anti-aliased')} (wanted: 3.5 ×, under 0.5)",
        f"- total time {ours['seconds'] / results['decompression alone (isal)']['seconds']:.2f} × that of "
        "decompression alone (wanted: at most 2.5)",
        f"- 200 phantom CTs of 128 × 128 × 40: drawn and written in {phantom[0]:.1f} s, prepared in {phantom[1]:.1f} s "
        f"on {os.cpu_count()} cores (wanted: under 20 s)",
        "",
    ]
    return "\n".join(lines)


def processor() -> str:
    """What the system calls the processor."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        return next(line.split(":")[1].strip() for line in text.splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


if __name__ == "__main__":
    main()
