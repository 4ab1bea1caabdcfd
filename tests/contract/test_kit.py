"""The kit finds what is wrong: every check is seen to fail on a component that breaks its promise."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from survembed.cohort.cohort import writing_cohort
from survembed.cohort.subjects import Channel, CohortHeader, Subjects
from survembed.downstream import CoxPH
from survembed.heads import CauseSpecific, Linear
from survembed.models import CoxVAE
from survembed.models.base import Loss
from survembed.registry.component import Component
from survembed.testing import conformance
from survembed.testing.case import ComponentUnderTest, Failed, Skipped
from survembed.testing.checks import checks_of, run_check
from tests.contract import broken
from tests.contract.broken import dataset, downstream, head, model, tracker


def drawn(value: Any) -> Any:
    """`value`, after a draw from NumPy's global state."""
    np.random.random()
    return value


def scaled(loss: Loss, factor: torch.Tensor) -> Loss:
    return Loss({name: term * factor for name, term in loss.terms.items()}, loss.record)


def spoilt_image(_: Any, right: Any, image: Any) -> Any:
    image += 1
    return right(image)


def seeding(_: Any, right: Any, *given: Any) -> Any:
    torch.manual_seed(0)
    return right(*given)


def turned(self: Any, right: Any, z: Any) -> Any:
    return right(z) if self.training else -right(z)


def without_a_buffer(network: Any) -> Any:
    scale = network.mean_image
    del network._buffers["mean_image"]
    object.__setattr__(network, "mean_image", scale.clone())
    return network


def writes(**changes: Any) -> Any:
    """A `prepare` that writes three subjects, changed."""

    def prepare(_: Any, right: Any, path: Path, fingerprint: str, reporter: Any) -> None:
        header = {"dataset": "x", "title": "x", "channels": (Channel("x", "bernoulli"),), "shape": (2,)}
        table = {
            "id": np.array(["a", "b", "c"]),
            "duration": np.arange(3.0),
            "event": np.array([True, False, True]),
            "truth": None,
        }
        images = changes.get("images", np.full((3, 1, 2), 0.5))
        header |= {"synthetic": False, "dtype": "float32"}
        with writing_cohort(path, CohortHeader(**header), changes.get("key", fingerprint)) as writer:
            writer.add(images)
            writer.finish(Subjects(**{**table, **changes.get("table", {})}), where="x")
        for name in changes.get("left", ()):
            (path.parent / name).touch()

    return dataset("prepare", prepare)


def count(holder: list[int]) -> int:
    holder[0] += 1
    return holder[0]


CALLS = [0]

BROKEN: list[tuple[str, type[Component], str, str]] = [
    ("heads", broken.Silent, "described", "no help for size"),
    ("heads", broken.Inheriting, "api-version", "no api_version"),
    ("heads", broken.Lossy, "survives-json", "differ after a round trip"),
    (
        "models",
        model("posterior", lambda _, right, image: [each.double() for each in right(image)]),
        "shapes",
        "float64",
    ),
    ("models", model("log_hazard", lambda _, right, z: right(z)[:, None]), "shapes", "log_hazard gives"),
    (
        "models",
        model("posterior", lambda _, right, image: (right(image)[0] - right(image)[0].mean(0), None)),
        "one-subject-alone",
        "other latents than in a batch",
    ),
    ("models", model("loss", lambda _, right, batch: scaled(right(batch), torch.ones(2))), "loss-is-finite", "shape"),
    (
        "models",
        model("loss", lambda _, right, batch: scaled(right(batch), 1 / batch.event.sum())),
        "no-event",
        "without an event",
    ),
    (
        "models",
        model("loss", lambda _, right, batch: scaled(right(batch), 1 / batch.duration.sum())),
        "extremes",
        "durations of 0",
    ),
    ("models", model("decode", lambda _, right, z: right(z) * z.square().sum().exp()), "extremes", "decode to numbers"),
    (
        "models",
        model("loss", lambda _, right, batch: scaled(right(batch), torch.rand(()))),
        "same-seed-same-result",
        "differs",
    ),
    ("models", model("loss", lambda _, right, batch: drawn(right(batch))), "leaves-no-trace", "NumPy's global"),
    ("models", model("posterior", seeding), "leaves-no-trace", "torch's global random state"),
    ("models", model("posterior", spoilt_image), "leaves-no-trace", "changes the arrays"),
    ("models", broken.spoilt(broken.Small, without_a_buffer), "weights-in-safetensors", "decoded image differs"),
    ("models", model("log_hazard", lambda _, right, z: -right(z)), "sign-of-the-hazard", "the sign is wrong"),
    ("heads", head("forward", lambda _, right, z: right(z)[:, None]), "shapes", "not (7,)"),
    ("heads", head("forward", lambda _, right, z: right(z) - right(z).mean()), "shapes", "depends on the others"),
    ("heads", head("loss", lambda _, right, *given: right(*given).detach()), "loss-is-a-scalar", "no graph"),
    (
        "heads",
        head("loss", lambda _, right, z, batch: right(z, batch) / batch.event.sum()),
        "no-event",
        "without an event",
    ),
    (
        "heads",
        head("loss", lambda _, right, z, batch: right(z, batch) + batch.duration.log().mean()),
        "extremes",
        "durations of 0",
    ),
    ("heads", head("forward", lambda _, right, z: right(z) + z.square().sum(1).exp()), "extremes", "latents up to 100"),
    ("heads", head("forward", lambda _, right, z: right(z) + (z - z).sum(1).sqrt()), "gradient", "not finite"),
    (
        "heads",
        head("forward", lambda _, right, z: right(z) * torch.rand(())),
        "same-seed-same-result",
        "from call to call",
    ),
    (
        "heads",
        head("forward", lambda _, right, z: right(z) * (random.random() or 1)),
        "leaves-no-trace",
        "Python's random",
    ),
    ("heads", head("forward", turned), "sign-of-the-hazard", "the sign is wrong"),
    (
        "heads",
        head("survival", lambda _, right, z, times: right(z, times).float()),
        "survival-functions",
        "not float64",
    ),
    ("heads", head("survival", lambda _, right, z, times: 1 - right(z, times)), "survival-functions", "S(0) is not 1"),
    ("heads", head("survival", lambda _, right, z, times: right(-z, times)), "survival-functions", "does not lower"),
    ("heads", head("median_survival", lambda _, right, z: right(z) / 2), "survival-functions", "above 0.5"),
    (
        "heads",
        broken.spoilt(CauseSpecific, broken.method("incidence", lambda _, right, z, times: 0.9 * right(z, times))),
        "competing-causes",
        "do not sum to 1",
    ),
    ("downstream", downstream("predict", lambda _, right, z: right(z)[:, None]), "shapes", "shape"),
    ("downstream", downstream("predict", lambda _, right, z: np.sqrt(5 - right(z))), "extremes", "not finite"),
    (
        "downstream",
        downstream("predict_survival_at", lambda _, right, z, t: 1 - right(z, t)),
        "survival-curves",
        "S(t) rises",
    ),
    (
        "downstream",
        downstream("predict_survival_at", lambda _, right, z, t: 1 + right(z, t)),
        "survival-curves",
        "S(t) runs from",
    ),
    (
        "downstream",
        downstream("predict", lambda _, right, z: right(z) + count(CALLS)),
        "same-seed-same-result",
        "other risks",
    ),
    (
        "downstream",
        downstream("fit", lambda _, right, z, y: drawn(right(z, y))),
        "leaves-no-trace",
        "fitting changes NumPy's",
    ),
    ("downstream", downstream("predict", lambda _, right, z: -right(z)), "sign-of-the-hazard", "the sign is wrong"),
    ("datasets", writes(images=np.full((3, 1, 2), 1.5)), "cohort-is-sound", "not from 0 to 1"),
    ("datasets", writes(images=np.full((3, 1, 2), np.nan)), "cohort-is-sound", "not finite"),
    ("datasets", writes(table={"id": np.array(["a", "a", "b"])}), "cohort-is-sound", "appears 2 times"),
    ("datasets", writes(table={"truth": np.arange(3.0)}), "cohort-is-sound", "synthetic=True"),
    ("datasets", writes(left=["notes.txt"]), "cohort-is-sound", "leaves notes.txt behind"),
    ("datasets", writes(key="other"), "cohort-is-sound", "not written with"),
    ("datasets", dataset("fingerprint", lambda _, right, r: {"n": count(CALLS)}), "repeatable", "from call to call"),
    ("datasets", dataset("fingerprint", lambda _, right, r: {"n": {1}}), "repeatable", "not JSON"),
    (
        "datasets",
        dataset("fingerprint", lambda _, right, r: drawn(right(r))),
        "leaves-no-trace",
        "the fingerprint changes",
    ),
    (
        "datasets",
        dataset("fingerprint", lambda *_: {"x": 1}),
        "fingerprint-follows-the-data",
        "the fingerprint did not",
    ),
    ("trackers", tracker("log", lambda _, right, update, numbers: int(sum(numbers.values()))), "takes-numbers", "NaN"),
    ("trackers", tracker("log", lambda _, right, *given: drawn(right(*given))), "leaves-no-trace", "NumPy's global"),
    ("trackers", tracker("log", lambda _, right, update, numbers: numbers.clear()), "leaves-no-trace", "the numbers"),
]


def run(kind: str, component: type[Component], check: str, **more: Any) -> None:
    run_check(checks_of(kind)[check], ComponentUnderTest(kind, component, {}, **more))


@pytest.mark.filterwarnings("ignore")  # of NumPy, about what is broken
@pytest.mark.parametrize(
    ("kind", "component", "check", "reason"),
    BROKEN,
    ids=[f"{kind}-{check}-{n}" for n, (kind, _, check, _) in enumerate(BROKEN)],
)
def test_what_is_broken_is_found(kind: str, component: type[Component], check: str, reason: str) -> None:
    state = np.random.get_state()
    changed = {"changed": {"seed": 1}} if kind == "datasets" else {}
    with pytest.raises(Exception) as caught:  # noqa: PT011 - most are Failed; some come from our own code
        run(kind, component, check, **changed)
    assert not isinstance(caught.value, Skipped)
    assert reason in str(caught.value)
    np.random.set_state(state)


def test_every_check_was_seen_to_fail() -> None:
    """`light` and `interface` have tests of their own below."""
    seen = {(kind, check) for kind, _, check, _ in BROKEN} | {("heads", "weights-in-safetensors")}  # as for models
    general = {"described", "api-version", "survives-json", "light", "fingerprint-follows-nothing-else"}
    for kind in ("models", "heads", "downstream", "datasets", "trackers"):
        assert {check for check in checks_of(kind) if check not in general} <= {
            check for of, check in seen if of == kind
        }


def test_the_same_data_elsewhere_have_the_same_fingerprint() -> None:
    follows = dataset("fingerprint", lambda self, right, r: {"id": id(self)})
    with pytest.raises(Failed, match="the data are the same and the fingerprint is not"):
        run("datasets", follows, "fingerprint-follows-nothing-else", same={"seed": 0})
    with pytest.raises(Failed, match="same= gives another cohort"):
        run("datasets", broken.SurvDigits, "fingerprint-follows-nothing-else", same={"seed": 1})
    with pytest.raises(Failed, match="changed= gives the same cohort"):
        run("datasets", broken.SurvDigits, "fingerprint-follows-the-data", changed={"seed": 0})
    with pytest.raises(Skipped):
        run("datasets", broken.SurvDigits, "fingerprint-follows-the-data")


def test_heavy_slow_and_hidden_classes_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "from tests.contract.broken import Good as Base\nclass Good(Base):\n    '''Good.'''\n"
    for name, line in {"heavy": "import numpy", "slow": "import time; time.sleep(0.6)", "fails": "1/0"}.items():
        (tmp_path / f"kit_{name}.py").write_text(f"import sys\nif 'pytest' not in sys.modules:\n    {line}\n{code}")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("survembed.testing.configuration.IMPORT_SECONDS", 0.5)
    expected = {"heavy": "imports numpy: import them inside", "slow": "takes ", "fails": "ZeroDivisionError"}
    for name, reason in expected.items():
        with pytest.raises((Failed, subprocess.SubprocessError)) as caught:
            run("heads", __import__(f"kit_{name}").Good, "light")
        assert reason in str(caught.value)


def test_a_model_may_refuse_some_images_but_not_all() -> None:
    from survembed.errors import UsageError

    def only(*allowed: int) -> type[Component]:
        class Only(broken.Small):
            """Takes some."""

            def build(self, channels: Any, shape: tuple[int, ...], head: Any = None) -> Any:
                if len(shape) not in allowed:
                    raise UsageError(f"no images with {len(shape)} axes")
                return super().build(channels, shape, head)

        return Only

    run("models", only(2), "shapes")
    with pytest.raises(Failed, match="it takes no sort of images; table: no images with 1 axes; image"):
        run("models", only(), "shapes")


def test_what_conformance_wants() -> None:
    with pytest.raises(ValueError, match="no kind of component named 'model': expected one of datasets, models"):
        conformance("model", CoxVAE)
    with pytest.raises(ValueError, match="no check 'light-weight' for heads: expected one of described"):
        conformance("heads", Linear, expected_failures={"light-weight": "it is not"})
    with pytest.raises(ValueError, match="needs a reason"):
        conformance("heads", Linear, expected_failures={"light": " "})
    with pytest.raises(ValueError, match="changed= is missing"):
        conformance("datasets", broken.SurvDigits)


def test_expected_failures_are_strict(tmp_path: Path) -> None:
    """In a session of pytest's own: one that fails as expected, one that passes, and one test for each check."""
    (tmp_path / "test_it.py").write_text(
        "from survembed.heads import CauseSpecific, Linear\n"
        "from survembed.testing import conformance\n"
        "from tests.contract.broken import head\n"
        "Wrong = head('forward', lambda self, right, z: right(z) if self.training else -right(z))\n"
        "known = {'sign-of-the-hazard': 'it is turned', 'light': 'it is local'}\n"
        "test_known = conformance('heads', Wrong, expected_failures=known)\n"
        "test_mended = conformance('heads', Linear, expected_failures={'shapes': 'was wrong once'})\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-rA", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert [line.split("::")[1].split(" ")[0] for line in lines if line.startswith("FAILED")] == ["test_mended[shapes]"]
    assert sum(line.startswith("XFAIL") for line in lines) == 2
    assert any("test_known[same-seed-same-result]" in line for line in lines if line.startswith("PASSED"))


def test_a_check_that_ends_the_process_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEMBED_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = "import os; from survembed.downstream import CoxPH; from survembed.testing.case import ComponentUnderTest\n"
    code += "from survembed.testing.checks import run_check\n"
    code += "run_check(lambda case: os._exit(0), ComponentUnderTest('downstream', CoxPH, {}))"
    subprocess.run([sys.executable, "-c", code], check=True)
    run_check(lambda case: None, ComponentUnderTest("downstream", CoxPH, {}))
    assert [each.name for each in tmp_path.iterdir()] == ["cache"]
    assert list((tmp_path / "cache" / "scratch").iterdir()) == []


def test_the_kit_itself_needs_no_pytest() -> None:
    code = "import sys, survembed.testing; from survembed.testing.checks import checks_of\n"
    code += "[checks_of(kind) for kind in ('models', 'heads', 'downstream', 'datasets', 'segmenters')]\n"
    subprocess.run([sys.executable, "-c", code + "assert 'pytest' not in sys.modules"], check=True)


def test_options_reach_the_component(tmp_path: Path) -> None:
    assert ComponentUnderTest("downstream", CoxPH, {"ridge": 3}).make() == CoxPH(ridge=3)
    written = ComponentUnderTest(
        "downstream", CoxPH, lambda folder: {"ridge": len(list(folder.parent.iterdir()))}, folder=tmp_path
    )
    assert [written.make().ridge, written.make().ridge] == [1, 2]  # each call has a folder of its own
