"""Bad inputs by kind: command lines, and files that are wrong, with the exit code that the documentation names."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import torch
from safetensors.torch import load_file, save_file

from tests.cli.bad_files import closed, images, make_files, torn
from tests.cli.case import Case, cases, words

TABLE = "--data tabular --root rows.csv"
TRAIN = f"train coxvae {TABLE} --dry-run"
SWEEP = f"{TABLE} --models coxvae --dry-run"
NO_RUN = "--runs-dir nowhere"
LONG = "x" * 300
HUGE = "9" * 40


INTEGERS = {
    TRAIN: "latent-dim width blocks split-folds split-fold split-repeat split-seed updates batch-size accumulate "
    "validate-every patience seed nproc",
    f"evaluate {NO_RUN}": "bootstrap seed",
    f"figure latents {NO_RUN}": "groups bootstrap",
    f"report {NO_RUN}": "bootstrap",
    f"traverse {NO_RUN}": "dim steps",
    f"explain s01 {NO_RUN}": "steps",
    f"explore {NO_RUN}": "port",
    f"sweep {SWEEP}": "workers threads folds repeats seeds",
    f"benchmark {SWEEP}": "bootstrap folds",
    f"tau {SWEEP}": "bootstrap workers",
    "data phantom phantom --n 2": "n-subjects seed",
}
FLOATS = {
    TRAIN: "dropout beta reconstruction-weight tau split-test split-validation rate head-rate weight-decay clip "
    "average kl-warm-up shift rotate intensity checkpoint",
    f"traverse {NO_RUN} --risk": "low high",
    f"explain s01 {NO_RUN}": "low high",
    f"sweep {SWEEP}": "taus",
    f"tau {SWEEP}": "share",
    "plugins list": "timeout wait",
    "data phantom phantom": "effect",
}
MAY_BE_NEGATIVE = {"low", "high"}


def numbers() -> Iterator[tuple[str, list[Case]]]:
    """Values of numeric options."""
    whole = [(line, f"--{name}") for line, names in INTEGERS.items() for name in names.split()]
    real = [(line, f"--{name}") for line, names in FLOATS.items() for name in names.split()]
    yield (
        "a number that is not finite",
        [case for line, name in [*real, *whole] for case in cases(line, name, ("nan", "1e999"))],
    )
    yield (
        "a word where a number belongs",
        [case for line, name in [*real, *whole] for case in cases(line, name, ("abc",))],
    )
    yield (
        "a number below its range",
        [
            case
            for line, name in [*real, *whole]
            if name[2:] not in MAY_BE_NEGATIVE
            for case in cases(line, name, ("-1",))
        ],
    )
    yield "a fraction where a count belongs", [case for line, name in whole for case in cases(line, name, ("1.5",))]
    yield (
        "a number beyond every range",
        [
            case
            for line, name in whole
            if "seed" in name or name[2:] in ("port", "groups", "n-subjects", "latent-dim", "width", "updates", "nproc")
            for case in cases(line, name, (HUGE,))
        ],
    )
    yield (
        "a seed beyond 32 bits",
        cases(TRAIN, "--seed", ("4294967296",)) + cases(f"evaluate {NO_RUN}", "--seed", ("4294967296",)),
    )


def options() -> Iterator[tuple[str, list[Case]]]:
    """Options and their values."""
    known = ("train coxvae", "evaluate", "traverse", "embed", "report", "predict", "sweep", "runs list", "data list")
    yield "an unknown command", [Case((name,), 2) for name in ("trian", "", "TRAIN", "--train", LONG, "runs list", "é")]
    yield (
        "an unknown option",
        [Case(words(line, flag), 2) for line in known for flag in ("--nosuch", "-z", "--runs-dri=x")],
    )
    yield "an option without its value", [Case(words(line, "--runs-dir"), 2) for line in known[:8]]
    yield (
        "an empty text",
        (
            cases(TRAIN, "--device", ("",))
            + cases("train coxvae --dry-run", "--data", ("",), 3)
            + cases(TRAIN, "--head", ("",), 3)
            + cases(TRAIN, "--optimizer", ("",))
            + cases("evaluate --dry-run", "--downstream", ("",), 3)
            + cases(TRAIN, "--set", ("", "=", "=1", "train.updates="))
            + [Case(("figure", "", *words(NO_RUN)), 2), Case(("plugins", "new", "heads", ""), 2)]
        ),
    )
    yield (
        "a choice that does not exist",
        [
            case
            for name in ("norm", "reduction", "sigma", "optimizer", "schedule", "sampler", "precision", "preset")
            for case in cases(TRAIN, f"--{name}", ("none-such", "é"))
        ],
    )
    yield (
        "an unknown component",
        [Case(words("train", name, "--data", "tabular"), 3) for name in ("coxvea", "vae ", "../vae", LONG)]
        + cases("train coxvae --dry-run", "--data", ("livre", "tabular:tabular", "rows.csv"), 3)
        + cases(TRAIN, "--head", ("liner", "head", "1"), 3)
        + cases("evaluate --dry-run", "--downstream", ("rfs", "cox", LONG), 3)
        + [Case(words(f"data prepare {name}"), 3) for name in ("livre", "coxvae", "x:y:z")]
        + [Case(words(f"plugins {verb} nosuch"), 3) for verb in ("show", "check")]
        + cases("data segment --root .", "--segmenter", ("nosuch",), 3)
        + cases(f"train coxvae {TABLE} --runs-dir new", "--trackers", ("nosuch",), 3),
    )
    yield (
        "an unknown kind, figure or name",
        cases("plugins list", "--kind", ("modles", "", "model"))
        + [Case(words(f"figure {name}"), 2) for name in ("latnets", "x")]
        + [Case(("plugins", "new", "heads", name), 2) for name in ("My Head", "../x", "1", "linear", "é")],
    )
    yield (
        "a device that does not exist",
        [
            case
            for line in (f"train coxvae {TABLE} --updates 1 --runs-dir new", "evaluate", "embed", "importance")
            for case in cases(
                line, "--device", ("meta", "cuda:99", "cuda:-1", "gpu", "cpu:x", "xla", "é", "mkldnn", "")
            )
        ],
    )
    yield (
        "options that exclude each other",
        [
            Case(words(line), 2)
            for line in (
                "figure latents --run a --sweep-dir b",
                "report --run a --sweep-dir b",
                "train --resume a coxvae",
                "train --json",
                "train coxvae --split-folds 1",
                f"{TRAIN} --split-folds 3 --split-fold 3",
                f"{TRAIN} --split-fold 1",
                f"{TRAIN} --sigma learned",
                f"{TRAIN} --set model.head=linear --set head.name=deepsurv",
                f"{TRAIN} --set model.name=vae",
                f"{TRAIN} --batch-size 1",
                f"{TRAIN} --flip 0,0",
                f"{TRAIN} --flip 5",
                "traverse --low 2 --high 1",
                f"sweep {TABLE} --models vae --taus 0.1 --dry-run",
                f"sweep {SWEEP} --seeds 1,1",
                f"sweep {SWEEP} --taus 0.1,0.1",
                f"sweep {SWEEP} --shard 2/1",
                f"sweep {SWEEP} --shard 1/0",
                f"sweep {SWEEP} --shard a/b",
                f"sweep {SWEEP} --shard=-1/2",
            )
        ],
    )
    yield (
        "an option of one value that is given twice",
        [
            Case((*words(TRAIN), *given), 2)
            for given in (
                ("--updates=5", "--updates=x"),
                ("--seed=1", "--seed=-1"),
                ("--rate=0.1", "--rate=nan"),
                ("--device=cpu", "--device=gpu"),
                ("--optimizer=adam", "--optimizer=none-such"),
                ("--set", "train.updates=1", "--set", "train.updates=x"),
                ("--config", "nowhere.toml", "--config", "nowhere.toml"),
                ("--updates=x", "--updates=5"),
                ("--rate=1", "--rate=1"),
            )
        ]
        + [
            Case(words("train coxvae --data tabular --data livre --dry-run"), 2),
            Case(words("data prepare tabular --root rows.csv --root nowhere.csv"), 2),
            Case(words("embed --run nosuch --run nosuch"), 2),
            Case(words("train coxvae vae --dry-run"), 2),
            Case(words("embed embed"), 2),
        ],
    )
    yield (
        "a setting that does not exist",
        [
            Case(words(TRAIN, "--set", text), 2)
            for text in (
                "nosuch=1",
                "train.nosuch=1",
                "model.nosuch=1",
                "data.nosuch=1",
                "a.b.c=1",
                "train=1",
                "train.=1",
                ".=1",
                "train.updates",
                "é=1",
                "split.nosuch=2",
                "head.nosuch=1",
                "train.updates.x=1",
            )
        ],
    )
    yield (
        "a variable that belongs to no option, or has a bad value",
        [
            Case(words(TRAIN), 2, {name: value})
            for name, value in (
                ("SURVEMBED_NOSUCH", "1"),
                ("SURVEMBED_TRAIN_NOSUCH", "1"),
                ("SURVEMBED_TRAIN_UPDATES", "x"),
                ("SURVEMBED_TRAIN_RATE", "nan"),
                ("SURVEMBED_SEED", "-1"),
                ("SURVEMBED_SEED", HUGE),
                ("SURVEMBED_MODEL_TAU", "inf"),
                ("SURVEMBED_TRAIN_BATCH_SIZE", "1"),
            )
        ]
        + [
            Case(words(TRAIN), 3, {"SURVEMBED_PLUGIN_PATH": "nowhere"}),
            Case(words(TRAIN), 3, {"SURVEMBED_PLUGIN_PATH": "rows.csv"}),
        ],
    )


CONFIGS: dict[str, bytes] = {
    "brackets.toml": b"a = " + b"[" * 10_000 + b"]" * 10_000,
    "tables.toml": b"a" + b".a" * 10_000 + b" = 1",
    "inline.toml": b"a = " + b"{a = " * 10_000 + b"1" + b"}" * 10_000,
    "double.toml": b"seed = 1\nseed = 2\n",
    "twice.toml": b"[train]\nupdates = 1\n[train]\nrate = 1\n",
    "latin.toml": "# \xe9\nseed = 1".encode("latin-1"),
    "zero.toml": b"seed = 1\0",
    "utf16.toml": "seed = 1".encode("utf-16"),
    "binary.toml": bytes(range(256)),
    "html.toml": b"<html></html>",
    "json.toml": b'{"seed": 1}',
    "open.toml": b"[train\nupdates = 1",
    "huge.toml": b"seed = " + b"9" * 5000,
    "huge_count.toml": b"[train]\nupdates = " + b"9" * 400,
    "text.toml": b"seed = 'abc'",
    "list.toml": b"seed = [1, 2]",
    "table.toml": b"[seed]\nx = 1",
    "scalar.toml": b"train = 1",
    "date.toml": b"seed = 2020-01-01",
    "nan.toml": b"[train]\nrate = nan",
    "inf.toml": b"[model]\ntau = inf",
    "negative.toml": b"seed = -1",
    "float.toml": b"seed = 1.5",
    "bool.toml": b"[train]\nupdates = true",
    "bool_rate.toml": b"[train]\nrate = true",
    "array_of_tables.toml": b"[[train]]\nupdates = 1",
    "section.toml": b"[nosuch]\na = 1",
    "key.toml": b"nosuch = 1",
    "deep.toml": b"[train.updates]\nx = 1",
    "empty_key.toml": b'"" = 1',
    "model.toml": b"[model]\nname = 'vae'",
    "model_list.toml": b"[model]\nname = ['coxvae']",
    "flip.toml": b"[train]\nflip = ['x']",
    "control.toml": b'[train]\noptimizer = "\\u001b[31mred"',
}


def configurations() -> Iterator[tuple[str, list[Case]]]:
    """Configuration files."""
    yield (
        "a configuration file that is not TOML, or whose values have other types",
        [Case(words(TRAIN, f"--config=configs/{name}"), 2) for name in CONFIGS],
    )
    yield (
        "a configuration file that cannot be read",
        [
            Case(words(TRAIN, f"--config={path}"), 2)
            for path in (
                "nowhere.toml",
                ".",
                "",
                "a/b",
                LONG,
                "loop",
                "dangling",
                "rows.csv/x",
                "pipe",
                "/dev/zero",
                "\udcff",
            )
        ],
    )
    yield (
        "a BOM in a configuration file of another command",
        [
            Case(words(f"{line} --config configs/binary.toml"), 2)
            for line in ("evaluate --dry-run", f"sweep {SWEEP}", "data prepare tabular", "report")
        ],
    )


PATHS = (".", "nowhere.csv", "dangling", "loop", "rows.csv/x", LONG, "/dev/null", "pipe", "empty.csv", "\udcff.csv")
TABLES: dict[str, bytes] = {
    "empty.csv": b"",
    "header.csv": b"id,age,time,event\n",
    "one.csv": b"id,age,time,event\na,1,1,1\n",
    "binary.csv": bytes(range(256)) * 20,
    "ragged.csv": b"id,age,time,event\na,1,1,1,5,6\nb\n",
    "no_event.csv": b"id,age,time\na,1,1\nb,2,2\n",
    "no_time.csv": b"id,age,event\na,1,1\nb,2,0\n",
    "negative.csv": b"id,age,time,event\na,1,-1,1\nb,2,2,0\n",
    "words.csv": b"id,age,time,event\na,1,soon,1\nb,2,later,0\n",
    "infinite.csv": b"id,age,time,event\na,1,inf,1\nb,2,2,0\n",
    "codes.csv": b"id,age,time,event\na,1,1,7\nb,2,2,9\n",
    "double.csv": b"id,age,time,event\na,1,1,1\na,2,2,0\n",
    "twice.csv": b"id,age,age,time,event\na,1,1,1,1\nb,2,2,2,0\n",
    "fake.xlsx": b"PK\3\4 not a workbook",
    "fake.parquet": b"PAR1 not a table PAR1",
    "fake.h5": b"\x89HDF\r\n\x1a\n not a file",
    "blank.csv": b"\n\n\n",
    "nul.csv": b"id,age,time,event\na,1,1\0,1\n",
    "utf16.csv": "id,age,time,event\na,1,1,1\n".encode("utf-16"),
}


def files() -> Iterator[tuple[str, list[Case]]]:
    """Tables and paths."""
    yield "a path that is no table", [Case(words(f"data prepare tabular --root={path}"), 4) for path in PATHS]
    yield (
        "a table that is damaged, empty or without outcomes",
        [Case(words(f"data prepare tabular --root=tables/{name}"), 4) for name in TABLES],
    )
    yield (
        "an HDF5 file with another layout",
        [Case(words(f"data prepare tabular --root=h5/{name}"), 4) for name in HDF5],
    )
    yield "a path that is no study of images", [Case(words(f"data prepare liver --root={path}"), 4) for path in PATHS]
    yield (
        "a study without readable images",
        [
            Case(words(f"data {verb} liver --json --root=studies/{name}"), 4)
            for verb in ("prepare", "check")
            for name in STUDIES
        ],
    )
    yield (
        "a dataset without its root",
        [Case(words(f"data {verb} tabular"), 4) for verb in ("prepare", "show")]
        + [Case(words("train coxvae --data tabular --runs-dir new"), 4)],
    )
    yield (
        "a folder that cannot be written",
        [
            Case(words(line), 4)
            for line in (
                f"train coxvae {TABLE} --updates 1 --width 4 --runs-dir rows.csv",
                f"train coxvae {TABLE} --updates 1 --width 4 --runs-dir /dev/null/x",
                f"train coxvae {TABLE} --updates 1 --width 4 --runs-dir {LONG}",
                "data phantom rows.csv",
                "data phantom /dev/null/x",
                "plugins new heads my-head --out rows.csv",
                "plugins new heads my-head --out /proc",
                "evaluate --bootstrap 0 --downstream coxph --predictions /dev/null/x.csv",
                "evaluate --bootstrap 0 --downstream coxph --predictions /proc/x.csv",
            )
        ],
    )
    yield "predictions in an unknown format", cases("evaluate --bootstrap 0", "--predictions", ("p.txt", "p", ".", ""))


def _h5(path: Path, **arrays: object) -> None:
    with h5py.File(path, "w") as file:
        for name, values in arrays.items():
            file[name.replace("__", "/")] = values


HDF5: dict[str, Callable[[Path], None]] = {
    "empty.h5": lambda path: _h5(path),
    "other.h5": lambda path: _h5(path, a=np.zeros(3)),
    "no_time.h5": lambda path: _h5(path, train__x=np.zeros((4, 2)), train__e=np.ones(4)),
    "lengths.h5": lambda path: _h5(path, train__x=np.zeros((4, 2)), train__t=np.ones(3), train__e=np.ones(4)),
    "scalar.h5": lambda path: _h5(path, train__x=1.0, train__t=1.0, train__e=1.0),
    "flat.h5": lambda path: _h5(path, train__x=np.zeros(4), train__t=np.ones(4), train__e=np.ones(4)),
    "cube.h5": lambda path: _h5(path, train__x=np.zeros((4, 2, 2)), train__t=np.ones(4), train__e=np.ones(4)),
    "texts.h5": lambda path: _h5(path, train__x=[b"a"], train__t=[b"b"], train__e=[b"c"]),
    "none.h5": lambda path: _h5(path, train__x=np.zeros((0, 2)), train__t=np.ones(0), train__e=np.ones(0)),
    "nan.h5": lambda path: _h5(path, train__x=np.ones((4, 2)), train__t=np.full(4, np.nan), train__e=np.ones(4)),
    "datasets.h5": lambda path: _h5(path, train=np.zeros(3), test=np.zeros(3)),
}
STUDIES: dict[str, dict[str, bytes]] = {
    "nothing": {},
    "text": {"readme.txt": b"x"},
    "torn": {
        "imagesTr/a_0000.nii.gz": b"\x1f\x8b torn",
        "labelsTr/a.nii.gz": b"",
        "clinical.csv": b"case_id,time_days,event\na,1,1\n",
    },
    "picture": {
        "imagesTr/a_0000.nii.gz": b"\x89PNG",
        "labelsTr/a.nii.gz": b"\x89PNG",
        "clinical.csv": b"case_id,time_days,event\na,1,1\n",
    },
    "no_clinical": {"imagesTr/a_0000.nii.gz": b"x", "labelsTr/a.nii.gz": b"x"},
    "empty_clinical": {"imagesTr/a_0000.nii.gz": b"x", "labelsTr/a.nii.gz": b"x", "clinical.csv": b""},
}

DAMAGES: dict[str, Callable[[Path], None]] = {
    "no_record": lambda run: (run / "run.json").unlink(),
    "empty_record": lambda run: _text(run / "run.json", ""),
    "torn_record": lambda run: _text(run / "run.json", '{"format": "survembed-run", '),
    "list_record": lambda run: _text(run / "run.json", "[1, 2]"),
    "deep_record": lambda run: _text(run / "run.json", "[" * 100_000),
    "number_record": lambda run: _text(run / "run.json", "9" * 10_000),
    "binary_record": lambda run: (run / "run.json").write_bytes(bytes(range(256))),
    "folder_record": lambda run: _folder(run / "run.json"),
    "old_record": lambda run: _text(run / "run.json", '{"format": "survembed-run", "format_version": 99}'),
    "bare_record": lambda run: _text(run / "run.json", '{"format": "survembed-run", "format_version": 1}'),
    "no_config": lambda run: (run / "config.json").unlink(),
    "empty_config": lambda run: _text(run / "config.json", ""),
    "null_config": lambda run: _text(run / "config.json", "null"),
    "list_config": lambda run: _text(run / "config.json", "[]"),
    "deep_config": lambda run: _text(run / "config.json", '{"a":' * 100_000),
    "other_config": lambda run: _text(run / "config.json", '{"data": 1, "model": {}, "head": [], "train": {}}'),
    "folder_config": lambda run: _folder(run / "config.json"),
    "no_weights": lambda run: (run / "model.safetensors").unlink(),
    "empty_weights": lambda run: _text(run / "model.safetensors", ""),
    "torn_weights": lambda run: (run / "model.safetensors").write_bytes((run / "model.safetensors").read_bytes()[:100]),
    "foreign_weights": lambda run: save_file({"a": torch.zeros(3)}, run / "model.safetensors"),
    "shape_weights": lambda run: _weights(run, lambda tensor: torch.zeros((*tensor.shape, 2))),
    "type_weights": lambda run: _weights(run, lambda tensor: torch.zeros(tensor.shape, dtype=torch.int64)),
    "nan_weights": lambda run: _weights(
        run, lambda tensor: torch.full(tensor.shape, torch.nan) if tensor.is_floating_point() else tensor
    ),
    "no_split": lambda run: (run / "split.json").unlink(),
    "empty_split": lambda run: _text(run / "split.json", ""),
    "list_split": lambda run: _text(run / "split.json", "[]"),
    "other_split": lambda run: _text(run / "split.json", '{"train": ["nobody"], "validation": [], "test": []}'),
    "types_split": lambda run: _text(run / "split.json", '{"train": 1, "validation": null, "test": {}}'),
    "bare_split": lambda run: _text(run / "split.json", "{}"),
}


def _text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _weights(run: Path, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    path = run / "model.safetensors"
    save_file({name: change(tensor).contiguous() for name, tensor in load_file(path).items()}, path)


def runs() -> Iterator[tuple[str, list[Case]]]:
    """Runs, and what is asked of them."""
    asking = ("embed", "evaluate --downstream coxph --bootstrap 0", "importance", "figure latents")
    yield (
        "a run folder with missing, empty, garbled or foreign files",
        [
            Case(words(f"{asking[number % len(asking)]} --run damaged/{name} --runs-dir damaged"), 5)
            for number, name in enumerate(DAMAGES)
        ]
        + [Case(words(f"embed --run damaged/{name} --runs-dir damaged"), 5) for name in DAMAGES],
    )
    yield (
        "no run",
        [
            Case(words(f"{line} --runs-dir {folder}"), 5)
            for line in (
                "embed",
                "evaluate",
                "traverse",
                "explore --no-browser",
                "importance",
                "report",
                "figure latents",
                "runs show",
                "predict",
            )
            for folder in ("nowhere", "rows.csv", "configs", "dangling", "loop", LONG)
        ],
    )
    yield (
        "a run with another name",
        [
            Case(words(f"{line} --run={name}"), 5)
            for line in ("embed", "report", "figure history")
            for name in ("nosuch", "..", "rows.csv", LONG, "é", "", "/dev/null", "\udcff")
        ]
        + [Case(words(f"train --resume {name}"), 5) for name in ("nosuch", "rows.csv", LONG)],
    )
    yield (
        "files that a run cannot use",
        [
            Case(words(f"predict {flags}"), code)
            for flags, code in (
                ("", 2),
                ("--ct rows.csv", 2),
                ("--image tables/fake.h5", 2),
                ("--folder .", 2),
                ("--table rows.csv --image rows.csv", 2),
                ("--table nowhere.csv", 4),
                ("--table .", 4),
                ("--table tables/empty.csv", 4),
                ("--table tables/header.csv", 4),
                ("--table tables/binary.csv", 4),
                ("--table tables/words.csv", 4),
                ("--table tables/fake.xlsx", 4),
                ("--table dangling", 4),
                ("--table loop", 4),
                ("--table pipe", 4),
                (f"--table {LONG}", 4),
                ("--table /dev/null", 4),
            )
        ],
    )
    yield (
        "a subject or dimension that a run does not have",
        [
            Case(words("traverse --dim 99"), 2),
            Case(words("traverse --from nobody --risk"), 4),
        ],
    )
    yield (
        "a sweep folder that is none",
        [
            Case(words(f"{line} --sweep-dir={folder}"), 5)
            for line in ("report", "figure tau")
            for folder in ("nowhere", "rows.csv", "configs", LONG, "dangling")
        ],
    )


def catalogue() -> Iterator[tuple[str, list[Case]]]:
    """All kinds of bad inputs."""
    for part in (numbers, options, configurations, files, runs, images, torn, closed):
        yield from part()


ODD = (
    "",
    " ",
    "-",
    "0",
    "-0",
    "nan",
    "1e400",
    "0x1",
    "1_0",
    "١",
    "é",
    "\x1b[31m",
    "true",
    "[]",
    "{}",
    "a=b",
    "..",
    "/",
    LONG,
    HUGE,
)
"""Values for any option."""


def random_cases(world: Path, n: int, seed: int) -> Iterator[Case]:
    """Lines with odd values, and lines that read a file or run of which some bytes were changed."""
    rng = random.Random(seed)
    lines = [line for table in (INTEGERS, FLOATS) for line in table]
    known = [case for _, cases_of in catalogue() for case in cases_of]
    for number in range(n):
        way = number % 4
        if way == 0:  # an odd value of an option of the line
            line = rng.choice(lines)
            names = (INTEGERS.get(line, "") + " " + FLOATS.get(line, "")).split()
            yield Case(words(line, f"--{rng.choice(names)}={rng.choice(ODD)}"), 2)
        elif way == 1:  # two bad inputs at once
            one, other = rng.choice(known), rng.choice(known)
            if not {"liver", "phantom", "pictures"} & {*one.line, *other.line}:
                yield Case((*one.line, *other.line[1:]), 2, {**one.environment, **other.environment})
        elif way == 2:  # a changed configuration or table
            name = rng.choice(["configs/section.toml", "tables/codes.csv", "tables/double.csv"])
            path = world / f"changed-{number}{Path(name).suffix}"
            path.write_bytes(_changed(rng, (world / name).read_bytes()))
            yield Case(
                words(
                    f"{TRAIN} --config {path.name}"
                    if path.suffix == ".toml"
                    else f"data prepare tabular --root {path.name}"
                ),
                2,
            )
        else:  # a run with a changed file
            run = world / f"changed-{number}"
            shutil.copytree(next((world / "runs").glob("*/run.json")).parent, run / "run")
            file = (
                run
                / "run"
                / rng.choice(["run.json", "config.json", "split.json", "model.safetensors", "metrics.jsonl"])
            )
            file.write_bytes(_changed(rng, file.read_bytes()))
            verb = rng.choice([*["embed --device cpu", "runs show"] * 4, "figure history"])  # a figure takes seconds
            yield Case(words(f"{verb} --run {run.name}/run --runs-dir {run.name}"), 5)
            shutil.rmtree(run)


def _changed(rng: random.Random, content: bytes) -> bytes:
    """The content cut, or with some bytes replaced or inserted."""
    data = bytearray(content)
    for _ in range(rng.choice([1, 1, 3, 20])):
        at = rng.randrange(len(data) + 1)
        part = bytes(rng.randrange(256) for _ in range(rng.choice([1, 2, 8])))
        data[at : at + rng.choice([0, len(part)])] = part
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.2 else data)


def make_world(folder: Path, run: Path) -> None:
    """The files of the cases, in `folder`; `run` is a finished run on `rows.csv`."""
    for name, folder_of in (("configs", CONFIGS), ("tables", TABLES)):
        for file, content in folder_of.items():
            _write(folder / name / file, content)
    (folder / "h5").mkdir()
    for file, make in HDF5.items():
        make(folder / "h5" / file)
    for study, contents in STUDIES.items():
        (folder / "studies" / study).mkdir(parents=True)
        for file, content in contents.items():
            _write(folder / "studies" / study / file, content)
    for name, damage in DAMAGES.items():
        shutil.copytree(run, folder / "damaged" / name)
        damage(folder / "damaged" / name)
    make_files(folder, run)
    _write(folder / "empty.csv", b"")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere-at-all")
    os.mkfifo(folder / "pipe")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
