"""Configuration of a training: components and options, as in `config.json`. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from survembed import registry
from survembed.errors import RunError
from survembed.registry.component import Component
from survembed.runs.run import Run
from survembed.runs.settings import Common, Setting, Settings
from survembed.training.options import SplitOptions, TrainOptions


@dataclass(frozen=True)
class Chosen:
    """A configured component and its name in the registry."""

    name: str
    component: Component

    @classmethod
    def from_settings(cls, settings: Settings, section: str, kind: str, name: str, where: str | None = None) -> Self:
        """The component `name` of a kind such as `models`, configured by a section of the settings.

        Raises
        ------
        PluginError
            When no such component is installed.
        UsageError
            When an option is unknown or out of range.
        """
        component = registry.load(kind, name, where=where)
        return cls(name, settings.component(section, f"{registry.KINDS[kind]} {name}", component))

    def to_dict(self) -> dict[str, Any]:
        """Name and options as plain values."""
        return {"name": self.name, **self.component.model_dump(mode="json")}

    @classmethod
    def from_dict(cls, kind: str, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        options = dict(values)
        name = str(options.pop("name"))
        return cls(name, registry.load(kind, name).configure(name, options))


@dataclass(frozen=True)
class TrainConfig:
    """All settings of a training.

    Attributes
    ----------
    data, model, head
        The components; `head` is None for a model without one.
    train, split
        Options of training and split.
    seed
        Seed of weights, batches and posterior samples.
    device
        `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
    """

    data: Chosen
    model: Chosen
    head: Chosen | None = None
    train: TrainOptions = field(default_factory=TrainOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    seed: int = 0
    device: str = "auto"

    @classmethod
    def from_settings(cls, settings: Settings, model: str, data: Setting, where: str | None = None) -> Self:
        """A training of `model` on the dataset that `data` names, with all components configured.

        Raises
        ------
        UsageError
            When an option is unknown or out of range.
        PluginError
            When a component cannot be found or loaded.
        """
        dataset = Chosen.from_settings(settings, "data", "datasets", str(data.value), data.where)
        chosen, head = choose_model(settings, model, where)
        common = settings.component("", "survembed", Common)
        train = settings.component("train", "training", TrainOptions)
        division = settings.component("split", "split", SplitOptions)
        return cls(dataset, chosen, head, train, division, common.seed, common.device)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for `config.json`; as TOML they are a valid `--config`."""
        return {
            "seed": self.seed,
            "device": self.device,
            "data": self.data.to_dict(),
            "model": self.model.to_dict(),
            "head": self.head.to_dict() if self.head else None,
            "train": self.train.model_dump(mode="json"),
            "split": self.split.model_dump(mode="json"),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises
        ------
        PluginError
            When a component is no longer installed.
        """
        return cls(
            Chosen.from_dict("datasets", values["data"]),
            Chosen.from_dict("models", values["model"]),
            Chosen.from_dict("heads", values["head"]) if values["head"] else None,
            TrainOptions(**values["train"]),
            SplitOptions(**values["split"]),
            values["seed"],
            values["device"],
        )


def choose_model(settings: Settings, name: str, where: str | None = None) -> tuple[Chosen, Chosen | None]:
    """The model `name` and its head, configured by the sections `model` and `head` of the settings.

    The head is None for a model without the option `head`.
    """
    model = Chosen.from_settings(settings, "model", "models", name, where)
    head = settings.resolved.get("model.head")
    if head is None or head.value is None:
        return model, None
    return model, Chosen.from_settings(settings, "head", "heads", str(head.value), head.where)


def read_config(run: Run) -> TrainConfig:
    """The configuration of a run.

    Raises
    ------
    RunError
        When `config.json` is missing or damaged.
    PluginError
        When a component is no longer installed.
    """
    try:
        return TrainConfig.from_dict(run.read("config.json"))
    except (KeyError, TypeError, ValueError) as error:  # a section, name or option is missing or invalid
        raise RunError(
            f"the configuration of run {run.id} is damaged: {str(error).splitlines()[0]}",
            where=str(run.path / "config.json"),
            try_="train again",
        ) from error
