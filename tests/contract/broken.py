"""Components that each break one promise; light, so that only the promise meant is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import MethodType
from typing import Any, ClassVar

from survembed.datasets import SurvDigits
from survembed.downstream import CoxPH
from survembed.heads import Linear
from survembed.models import CoxVAE
from survembed.registry.component import Component, option


class Good(Component):
    """A head."""

    api_version: ClassVar[int] = 2
    size: int = option(1, help="A number.")
    where: Path | None = option(None, help="A path.")

    def build(self, latent_dim: int) -> Any:
        return Linear().build(latent_dim)


class Silent(Good):
    """An option says nothing."""

    size: int = 1


class Inheriting(Component):
    """It says for no version that it was written."""

    def build(self) -> None: ...


class Lossy(Good):
    """Its option is another one after JSON."""

    def model_dump(self, **_: Any) -> dict[str, Any]:  # type: ignore[override]
        return {"size": self.size + 1}


class Small(CoxVAE):
    """A small CoxVAE, spoilt by `spoil`."""

    latent_dim: int = option(2, help="L.")
    width: int = option(4, help="Width.")
    blocks: int = option(2, help="Blocks.")


class Deaf(Component):
    """A tracker that keeps nothing."""

    api_version: ClassVar[int] = 2

    def build(self, run_path: Path) -> Any:
        class Tracker:
            def log(self, update: int, numbers: Any) -> None: ...

            def close(self) -> None: ...

        return Tracker()


def spoilt(base: type[Component], spoil: Callable[[Any], Any]) -> type[Component]:
    """`base`, but what it builds goes through `spoil`."""

    class Spoilt(base):  # type: ignore[misc, valid-type]
        """Spoilt."""

        api_version: ClassVar[int] = 2

        def build(self, *arguments: Any, **more: Any) -> Any:
            return spoil(super().build(*arguments, **more))

    return Spoilt


def method(name: str, change: Callable[..., Any]) -> Callable[[Any], Any]:
    """A spoiler that has `name(*arguments)` give `change(self, right, *arguments)`, where `right` is the method."""

    def spoil(thing: Any) -> Any:
        right = getattr(thing, name)
        object.__setattr__(thing, name, MethodType(lambda self, *given: change(self, right, *given), thing))
        return thing

    return spoil


def model(name: str, change: Callable[..., Any]) -> type[Component]:
    return spoilt(Small, method(name, change))


def head(name: str, change: Callable[..., Any]) -> type[Component]:
    return spoilt(Linear, method(name, change))


def downstream(name: str, change: Callable[..., Any]) -> type[Component]:
    return spoilt(CoxPH, method(name, change))


def dataset(name: str, change: Callable[..., Any]) -> type[Component]:
    return spoilt(SurvDigits, method(name, change))


def tracker(name: str, change: Callable[..., Any]) -> type[Component]:
    return spoilt(Deaf, method(name, change))
