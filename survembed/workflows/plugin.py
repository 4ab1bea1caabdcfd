"""Begin a plugin: a small package that installs and passes its checks as it stands."""

from __future__ import annotations

import keyword
import re
import tempfile
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from survembed import registry
from survembed.errors import UsageError, corrected
from survembed.registry.component import API_VERSION
from survembed.storage.files import writable

TEMPLATES = files("survembed.registry") / "templates" / "plugin"

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
"""Names of components: as package indexes normalise names, so that package and module follow from them."""

USAGE = {
    "datasets": "survembed train coxvae --data {name}",
    "models": "survembed train {name} --data surv-digits",
    "heads": "survembed train coxvae --data surv-digits --head {name}",
    "downstream": "survembed evaluate --downstream {name}",
    "segmenters": "survembed data segment --root FOLDER --segmenter {name}",
    "trackers": "survembed train coxvae --data surv-digits --set train.trackers={name}",
}
"""What a user does with a component of each kind."""


def new_plugin(kind: str, name: str, out: Path, *, where: str | None = None) -> list[Path]:
    """Write the package `survembed-NAME` to a folder of that name in `out`, whole or not at all; its files.

    Parameters
    ----------
    kind
        A key of `registry.KINDS`.
    name
        Of the component: lower-case letters, digits and single dashes.
    out
        Folder in which the package's own is made.
    where
        The command line, for errors.

    Raises
    ------
    UsageError
        When the name is none or is taken, or the folder is there already.
    DataError
        When the folder cannot be written.
    """
    class_name = _checked(kind, name, where)
    package = f"survembed-{name}"
    folder = out / package
    if folder.exists():
        raise UsageError(
            f"{folder} is there already: nothing is overwritten",
            where=where or str(folder),
            expected="a new folder",
            try_="--out with another folder, or another name",
        )
    values = {
        "kind": kind,
        "name": name,
        "package": package,
        "module": package.replace("-", "_"),
        "class_name": class_name,
        "noun": registry.KINDS[kind],
        "usage": USAGE[kind].format(name=name),
        "api_version": API_VERSION,
    }
    texts = _rendered(values)
    with writable(folder):
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{package}-", dir=out) as staging:
            for path, text in texts.items():
                (Path(staging) / package / path).parent.mkdir(parents=True, exist_ok=True)
                (Path(staging) / package / path).write_text(text, encoding="utf-8")
            (Path(staging) / package).rename(folder)
    return [folder / path for path in texts]


def _checked(kind: str, name: str, where: str | None) -> str:
    """The name of the class that the component `name` is to have, once both are found to be free."""
    plain = re.sub(r"[^a-z0-9]+", "-", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()).strip("-")
    plain = re.sub(r"^(survembed-|[0-9-]+)+", "", plain) or "my-plugin"
    class_name = "".join(part.capitalize() for part in name.split("-"))
    if plain != name or not NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' is no name for a component",
            where=where or name,
            expected="lower-case letters, digits and single dashes, a letter first; the package becomes survembed-NAME",
            try_=corrected(where, name, plain),
        )
    reserved = keyword.iskeyword(class_name) or class_name in ("Component", "Path", "Literal")
    taken = name in registry.names(kind) or find_spec(f"survembed_{name.replace('-', '_')}") is not None
    if reserved or taken:
        raise UsageError(
            f"the name '{name}' is taken" if taken else f"'{class_name}' is no name for a class",
            where=where or name,
            expected="another name",
            try_=corrected(where, name, f"my-{name}"),
        )
    return class_name


def _rendered(values: dict[str, object]) -> dict[Path, str]:
    """The files of the package, by path."""
    from jinja2 import StrictUndefined, Template

    kind, module = str(values["kind"]), Path(str(values["module"]))
    found = {}
    for templates, place in ((TEMPLATES, Path()), (TEMPLATES / kind, module)):
        for template in sorted(templates.iterdir(), key=lambda each: each.name):
            if template.name.endswith(".jinja"):
                name = template.name.removesuffix(".jinja")
                text = template.read_text(encoding="utf-8")
                path = (Path("tests") if name.startswith("test_") else place) / name
                made = Template(text, undefined=StrictUndefined, keep_trailing_newline=True)
                found[path] = made.render(values)
    return found
