"""Channels of a study of volumes: names, normalisation and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from survembed.cohort.subjects import Channel
from survembed.datasets.scan.structure_names import may_be_lesion, words_of
from survembed.datasets.volume.preprocessing import Preprocessing
from survembed.errors import UsageError

if TYPE_CHECKING:
    from survembed.datasets import Volumes

Normalise = Literal["ct", "suv", "zscore", "percentile"]
NORMALISATIONS: tuple[Normalise, ...] = ("ct", "suv", "zscore", "percentile")
BY_WORD: Mapping[str, Normalise] = {
    **dict.fromkeys(("ct",), "ct"),
    **dict.fromkeys(("pt", "pet", "suv", "fdg"), "suv"),
    **dict.fromkeys(("mr", "mri", "t1", "t2", "t1w", "t2w", "t1c", "t1ce", "t1gd", "flair", "dwi", "adc"), "zscore"),
}
"""Normalisation by a word in the name of a channel."""
LESIONS = "lesions"
"""The structures of DICOM that are lesions by their names."""
DEVIATIONS = 3.0
"""A channel in standard deviations is clipped to ± this."""


@dataclass(frozen=True)
class ImageRecipe:
    """How one image channel is made.

    Attributes
    ----------
    file
        Name of the channel in the names of the files, such as `0001`; of DICOM, the modality or the description.
    name
        The same, or the name that dataset.json gives it.
    normalise
        `ct` and `suv` clip to `window` before averaging; `zscore` and `percentile` use the values of the subject.
    window
        Values that become 0 and 1: HU, SUV or standard deviations; of `percentile` 0 and 1.
    """

    file: str
    name: str
    normalise: Normalise
    window: tuple[float, float]

    @property
    def channel(self) -> Channel:
        """The channel of the cohort."""
        unit = {"ct": "HU", "suv": "SUV", "zscore": "SD", "percentile": ""}[self.normalise]
        return Channel(self.name, "gaussian", window=self.window, unit=unit)


@dataclass(frozen=True)
class LabelRecipe:
    """One label channel: `values` of the label map, or all values above 0 of the file `file` if there are none.

    In DICOM, `file` is the name of the structures, with patterns between `|`, or `LESIONS`.
    """

    name: str
    values: tuple[int, ...] = ()
    file: str = ""

    @property
    def channel(self) -> Channel:
        """The channel of the cohort; a lesion is drawn over the images."""
        return Channel(self.name, "bernoulli", overlay=may_be_lesion(self.name))


@dataclass(frozen=True)
class VolumeRecipe(Preprocessing):
    """How the volumes of a subject become a cube.

    Attributes
    ----------
    images, labels
        The channels, in order.
    centre
        `labels`: the cube is centred on the labels; `image`: on the first channel.
    missing
        What happens to a subject without one of the image channels.
    """

    images: tuple[ImageRecipe, ...] = ()
    labels: tuple[LabelRecipe, ...] = ()
    centre: Literal["labels", "image"] = "labels"
    missing: Literal["error", "drop", "zero"] = "error"

    def channels(self, has_ct: bool) -> tuple[Channel, ...]:
        """Channels of a cube, in order."""
        return (*(image.channel for image in self.images), *(label.channel for label in self.labels))


def image_recipes(
    files: Sequence[str], names: Sequence[str], options: Volumes, known: Mapping[str, Normalise]
) -> tuple[ImageRecipe, ...]:
    """How the image channels of these files and names are normalised: as given, as known, or by the words of each name.

    Parameters
    ----------
    known
        Normalisation by file, of DICOM series.

    Raises
    ------
    UsageError
        If the options name another number of channels or an unknown normalisation, or a name says nothing.
    """
    given = options.normalise
    if given and len(given) not in (1, len(names)):
        raise UsageError(
            f"{len(given)} normalisations for {len(names)} channels: {', '.join(names)}",
            where="data.normalise",
            expected="one for all channels, or one for each",
        )
    recipes = []
    for position, name in enumerate(names):
        method = (given * len(names))[position] if given else known.get(files[position]) or _by_name(name)
        if method not in NORMALISATIONS:
            raise UsageError(
                f"the normalisation of channel '{name}' is {f'unknown: {method}' if method else 'not clear'}",
                where="data.normalise",
                expected=f"one of {', '.join(NORMALISATIONS)} for each channel of {', '.join(names)}",
                try_="--set data.normalise=ct,suv, in the order of the channels, or --set data.channels=NAMES",
            )
        assert method in NORMALISATIONS
        windows: dict[str, tuple[float, float]] = {
            "ct": options.window,
            "suv": (0.0, options.suv_cap),
            "zscore": (-DEVIATIONS, DEVIATIONS),
            "percentile": (0.0, 1.0),
        }
        recipes.append(ImageRecipe(files[position], name, method, windows[method]))
    return tuple(recipes)


def _by_name(name: str) -> str:
    found = {BY_WORD[word] for word in [name.casefold(), *words_of(name)] if word in BY_WORD}
    return found.pop() if len(found) == 1 else ""


def label_recipes(given: Sequence[str], named: Mapping[str, Sequence[int]]) -> tuple[LabelRecipe, ...]:
    """Label channels: `gtvp=1` or `liver=1+2` of the label map, `liver` or `liver=Leber` of a file; else those `named`.

    Raises
    ------
    UsageError
        If a label is no number above 0.
    """
    recipes = [LabelRecipe(name, tuple(values)) for name, values in named.items()] if not given else []
    for text in given if tuple(given) != ("none",) else ():
        name, equals, values = text.partition("=")
        labels = [part.strip() for part in values.split("+")]
        are_numbers = all(part.isdecimal() for part in labels)
        if not name or (equals and not values.strip()) or (are_numbers and "0" in labels):
            raise UsageError(
                f"'{text}' is no label",
                where="data.labels",
                expected="NAME=LABEL, NAME=LABEL+LABEL, NAME=FILE, or the name of a file of masks",
                try_="--set data.labels=primary=1,nodes=2",
            )
        is_file = not equals or not are_numbers
        recipes.append(
            LabelRecipe(name, () if is_file else tuple(map(int, labels)), (values or name) if is_file else "")
        )
    return tuple(recipes)
