"""Replacements for the real programs: they read their images and write masks, or fail."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

NNUNET = """
import argparse, json, os, sys
from pathlib import Path
import nibabel as nib
import numpy as np
parser = argparse.ArgumentParser()
for name in ("-i", "-o", "-m", "-f", "-chk", "-device", "-npp", "-nps"):
    parser.add_argument(name)
parser.add_argument("--disable_tta", action="store_true")
given = parser.parse_args()
seen = {**vars(given), "axes": {}, "variable": os.environ.get("PROBE")}
for image in sorted(Path(given.i).glob("*_0000.nii.gz")):
    case = image.name.removesuffix("_0000.nii.gz")
    volume = nib.load(image)
    seen["axes"][case] = "".join(nib.aff2axcodes(volume.affine))
    hu = volume.get_fdata()
    labels = (hu > -500).astype(np.uint8)
    labels[hu < 0] *= 2
    if len(seen["axes"]) == FAIL_AT:
        Path(given.o, case + ".nii.gz").write_bytes(b"half a fi")
        print("out of memory")
        sys.exit(3)
    affine = volume.affine.copy()
    affine[0, 3] += 5 * SHIFT
    nib.save(nib.Nifti1Image(labels, affine), Path(given.o, case + ".nii.gz"))
Path(given.m, "seen.json").write_text(json.dumps(seen))
"""

TOTALSEGMENTATOR = """
import argparse
import nibabel as nib
import numpy as np
parser = argparse.ArgumentParser()
for name in ("-i", "-o", "--task", "--roi_subset", "--device"):
    parser.add_argument(name)
for name in ("--ml", "--fast"):
    parser.add_argument(name, action="store_true")
given = parser.parse_args()
assert given.ml
volume = nib.load(given.i)
hu = volume.get_fdata()
if given.task == "total":
    assert given.roi_subset == "liver"
    labels = 5 * (hu > -500)
else:
    assert given.task == "liver_lesions"
    labels = (hu < 0) & (hu > -500)
nib.save(nib.Nifti1Image(labels.astype(np.uint8), volume.affine), given.o)
"""
LOSES_LESIONS = """
if given.task != "total":
    import os
    os.unlink(given.o)
"""


def write_program(path: Path, code: str, fail_at: int = 0, shift: bool = False) -> Path:
    """An executable file."""
    settings = f"FAIL_AT = {fail_at}\nSHIFT = {shift}\n"
    path.write_text(f"#!{sys.executable}\n{settings}{code}", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
