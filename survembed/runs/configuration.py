"""Configuration of a training: components and options, as `config.json` holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from survembed import registry
from survembed.errors import RunError
from survembed.registry.component import Component
from survembed.runs.run import Run
from survembed.training.options import SplitOptions, TrainOptions


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training: names and components of its parts, and the seed.

    Attributes
    ----------
    dataset, model, head
        Names in the registry; `head` is None for a model without one.
    data, network, cox
        The components of those names.
    train, split
        Options of training and split.
    seed
        Of weights, batches and samples.
    device
        `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
    """

    dataset: str
    data: Component
    model: str
    network: Component
    head: str | None = None
    cox: Component | None = None
    train: TrainOptions = field(default_factory=TrainOptions)
    split: SplitOptions = field(default_factory=SplitOptions)
    seed: int = 0
    device: str = "auto"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as `config.json` holds them; also a valid `--config` once written as TOML."""
        return {
            "seed": self.seed,
            "device": self.device,
            "data": {"name": self.dataset, **self.data.model_dump(mode="json")},
            "model": {"name": self.model, **self.network.model_dump(mode="json")},
            "head": {"name": self.head, **self.cox.model_dump(mode="json")} if self.cox else None,
            "train": self.train.model_dump(mode="json"),
            "split": self.split.model_dump(mode="json"),
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The configuration that `to_dict` described.

        Raises
        ------
        PluginError
            When a component is no longer installed.
        """

        def component(kind: str, section: dict[str, Any]) -> tuple[str, Component]:
            options = dict(section)
            name = str(options.pop("name"))
            return name, registry.load(kind, name).configure(name, options)

        dataset, data = component("datasets", values["data"])
        model, network = component("models", values["model"])
        head, cox = component("heads", values["head"]) if values["head"] else (None, None)
        return cls(
            dataset,
            data,
            model,
            network,
            head,
            cox,
            TrainOptions(**values["train"]),
            SplitOptions(**values["split"]),
            values["seed"],
            values["device"],
        )


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
    except (KeyError, TypeError, ValueError) as error:  # a section, a name or an option that is not there or is wrong
        raise RunError(
            f"the configuration of run {run.id} is damaged: {str(error).splitlines()[0]}",
            where=str(run.path / "config.json"),
            try_="train again",
        ) from error
