"""Archive of a run for others: weights, options and summary of its subjects, with a model card; and its import."""

from __future__ import annotations

import json
import shutil
import uuid
from pathlib import Path
from typing import Any

from survembed import registry
from survembed.errors import DataError, RunError, SurvembedError
from survembed.evaluation.out_of_distribution import FILE as ERRORS
from survembed.evaluation.out_of_distribution import reference_errors
from survembed.evaluation.summary import summarise
from survembed.figures.request import FigureRequest
from survembed.progress import QUIET, Reporter
from survembed.report.card import model_card
from survembed.report.gathered import FILE as GATHERED
from survembed.report.gathered import Gathered, gather
from survembed.report.privacy import path_fields
from survembed.runs.configuration import read_config
from survembed.runs.embedding import embed, form_of, has_latents, load_model
from survembed.runs.other_cohort import KNOWN_IMAGES
from survembed.runs.reference import FILE as REFERENCE
from survembed.runs.reference import Reference
from survembed.runs.run import METRICS, PREDICTIONS, Run
from survembed.storage.archive import read_archive, write_archive
from survembed.storage.files import make_folder, require_writable, sha256, writable
from survembed.storage.hdf5 import require_plain_hdf5
from survembed.storage.scratch import scratch_folder
from survembed.storage.sealed import write_sealed

FORMAT = "survembed-run-archive"
FORMAT_VERSION = 1
CARD = "MODEL_CARD.md"
PLAIN = ("run.json", "config.json", "model.safetensors", METRICS, CARD, GATHERED, KNOWN_IMAGES, "metrics.json")
SUMMARIES = (REFERENCE, ERRORS, "latent_space.json")
OF_SUBJECTS = ("split.json", "latents.h5", PREDICTIONS)
"""Files that name subjects: only in an archive with latents."""
RECORDED = ("config.json", GATHERED, KNOWN_IMAGES, "split.json", METRICS)
"""Files whose hash is in `run.json`."""
PRIVATE = ("launch", "imported")
"""Fields of `run.json` that are of the machine of the training only."""


def export_run(run: Run, path: Path, *, with_latents: bool = False, reporter: Reporter = QUIET) -> dict[str, int]:
    """Write a self-contained archive of a finished run; sizes of its files by name.

    Without `with_latents` it contains no images, ids, paths or latents of subjects.

    Raises
    ------
    RunError
        When the run is damaged, or its head has a baseline of its own kind and `with_latents` is not given.
    DataError
        When `path` cannot be written.
    """
    require_writable(path)
    if with_latents:
        embed(run, reporter=reporter)
    with scratch_folder() as folder:
        copied = _files(run, folder, with_latents, reporter)
        files = {name: (folder / name).read_bytes() for name in copied}
    write_archive(path, files, {"format": FORMAT, "format_version": FORMAT_VERSION, "run": run.id})
    return {name: len(content) for name, content in files.items()}


def _files(run: Run, folder: Path, with_latents: bool, reporter: Reporter) -> list[str]:
    """Write all files of the archive to a folder; their names."""
    from survembed.runs.trained_model import TrainedModel

    form, trained = form_of(run, reporter), TrainedModel.open(run, reporter=reporter)
    if trained.model.decodes:
        reference_errors(trained, reporter)
    if not with_latents:
        summarise(trained, reporter).save(folder / REFERENCE)
    found = gather(FigureRequest([run], folder), reporter)
    _write(folder / GATHERED, found.to_dict())
    (folder / CARD).write_text(card_text(found), encoding="utf-8")
    _write(folder / "config.json", _without_paths(run.read("config.json")))
    header = form.header.to_dict() | {"notes": [], "exclusions": [vars(each) for each in form.header.exclusions]}
    record = {name: value for name, value in run.record.items() if name not in PRIVATE}
    record["cohort"] = {**record["cohort"], "header": header, "levels": form.levels, "table": found.table}
    record |= {"without_subjects": not with_latents, "process": 0}
    is_table = len(form.header.shape) == 1  # a hash of few numbers can be inverted by trying all
    names = [name for name in (*PLAIN, *SUMMARIES, *(OF_SUBJECTS if with_latents else ())) if name != "run.json"]
    for name in names:
        if not (folder / name).exists() and (run.path / name).is_file() and not (name == KNOWN_IMAGES and is_table):
            shutil.copyfile(run.path / name, folder / name)
    written = [name for name in names if (folder / name).exists()]
    record["files"] = {name: sha256(folder / name) for name in RECORDED if name in written}
    write_sealed(folder / "run.json", record)
    return ["run.json", *written]


def card_text(found: Gathered) -> str:
    """The model card in Markdown."""
    sections = (f"## {heading}\n\n" + "\n\n".join(texts) for heading, texts in model_card(found.facts))
    return f"# {found.facts.model} on {found.facts.title}\n\n" + "\n\n".join(sections) + "\n"


def _without_paths(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration whose paths are not set; those that an option needs are `PATH`, and a run is named by its id."""
    options = dict(config["data"])
    component = registry.load("datasets", options["name"])
    for name in path_fields(component) & set(options):
        options[name] = "PATH" if component.model_fields[name].is_required() else None
    train = {name: Path(value).name if name == "init" else value for name, value in config["train"].items()}
    return {**config, "data": options, "train": train}


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def import_run(path: Path, runs_dir: Path) -> Run:
    """Take in the run of an archive, whole or not at all.

    Raises
    ------
    DataError
        When the archive is hostile, damaged or of another format.
    RunError
        When a run of this name is there already.
    """
    known = (*PLAIN, *SUMMARIES, *OF_SUBJECTS)
    manifest, files = read_archive(path, known, FORMAT, FORMAT_VERSION)
    name = str(manifest.get("run"))
    if Path(name).name != name or name.startswith(".") or "\\" in name or not name.isprintable():
        raise DataError(f"{path.name} is refused: {name!r} is no name of a run", where=str(path))
    final, temporary = runs_dir / name, runs_dir / f".importing-{uuid.uuid4().hex[:8]}"
    if final.exists():
        raise RunError(
            f"run {name} is already in {runs_dir}",
            where=str(final),
            expected="a folder without this run",
            try_="--runs-dir OTHER, or remove the run first",
        )
    try:
        with writable(final):
            make_folder(temporary)
            for each, content in files.items():
                (temporary / each).write_bytes(content)
        _check(temporary, path)
        with writable(final):
            temporary.rename(final)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    run = Run(final)
    run.update(imported=True)
    return run


def _check(folder: Path, path: Path) -> None:
    """Read everything once, so that a run that is taken in works.

    Raises
    ------
    DataError
        When a file is not what its name says.
    """
    try:
        run = Run(folder)
        for each in folder.glob("*.h5"):
            require_plain_hdf5(each)
        if run.status != "finished":
            raise RunError(f"the run is {run.status}")
        for name in (*RECORDED, GATHERED):
            if (run.path / name).is_file() and name != METRICS:
                run.read(name)
        read_config(run)
        load_model(run)
        if has_latents(run):
            embed(run)
        else:
            Reference.load(run.path / REFERENCE)
    except SurvembedError as error:
        raise DataError(
            f"{path.name} is refused: {error.message}",
            where=str(path),
            expected="an archive as 'survembed runs export' writes it",
            try_=error.try_ if error.exit_code == 3 else None,
        ) from error
