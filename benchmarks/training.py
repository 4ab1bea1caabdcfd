"""An update of CoxVAE at 64³ against the obvious PyTorch one and against MONAI's VarAutoEncoder, in one run.

    pip install monai pycox          # for the peer; without them its row is left out
    python benchmarks/training.py [--threads 2] [--rounds 8] [--full 16000] [--out benchmarks/results/training.md]

Every contender makes whole updates (forward, backward, its optimisers) of 16 volumes of 64³ with 2 channels and 8
latent dimensions, in turn, round by round, so that a machine that slows down slows all alike; the median round counts.
FLOPs are those of PyTorch's counter, the peak is that of a large bf16 product timed in the same run, and bytes are the
sizes of everything that operations read and write, as if nothing stayed in a cache. `--full` then trains so many
updates with the whole loop, validation and checkpoints included.
"""

from __future__ import annotations

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from survembed.cohort.subjects import Channel
from survembed.heads import Linear
from survembed.models import CoxVAE
from survembed.models.base import Model
from survembed.progress import QUIET
from survembed.survival.batch import Batch
from survembed.training.augment import Augmentation
from survembed.training.graph import ReplayedStep
from survembed.training.images import Images
from survembed.training.loop import fit
from survembed.training.optimizers import Average, Optimizers
from survembed.training.options import PRESETS, TrainOptions
from survembed.training.processes import Processes
from survembed.training.step import Step
from survembed.training.training_data import TrainingData

EDGE, CHANNELS, BATCH, LATENT = 64, 2, 16, 8
DECLARED = (Channel("ct", "gaussian"), Channel("tumour", "bernoulli"))
TAU, BETA = 0.2, 1e-2
COLUMNS = (
    *("", "ms an update", "fastest … slowest", "times ours", "parameters"),
    *("GFLOP", "share of peak", "GB", "share of bandwidth"),
)


class Residual(nn.Module):
    """Two convolutions beside a shortcut, as everybody writes it."""

    def __init__(self, source: int, target: int, stride: int = 1) -> None:
        super().__init__()
        self.one, self.two = nn.Conv3d(source, target, 3, stride, 1), nn.Conv3d(target, target, 3, 1, 1)
        self.norm1, self.norm2 = nn.BatchNorm3d(target), nn.BatchNorm3d(target)
        self.shortcut = nn.Conv3d(source, target, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.shortcut(x) + self.norm2(self.two(F.relu(self.norm1(self.one(x))))))


class Obvious(nn.Module):
    """The paper's network written the obvious way: four residual blocks each way, the first at full resolution."""

    def __init__(self) -> None:
        super().__init__()
        widths = (16, 32, 64, 64)
        self.encoder = nn.Sequential(Residual(CHANNELS, widths[0]), *(Residual(a, b, 2) for a, b in pairwise(widths)))
        self.cells = (widths[-1], EDGE // 8, EDGE // 8, EDGE // 8)
        n = int(np.prod(self.cells))
        self.mu, self.logvar, self.project = nn.Linear(n, LATENT), nn.Linear(n, LATENT), nn.Linear(LATENT, n)
        layers: list[nn.Module] = [Residual(widths[-1], widths[-1])]
        for before, after in pairwise(widths[::-1]):
            layers += [nn.Upsample(scale_factor=2, mode="nearest"), Residual(before, after)]
        self.decoder = nn.Sequential(*layers, nn.Conv3d(widths[0], CHANNELS, 3, 1, 1))
        self.head = nn.Linear(LATENT, 1, bias=False)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        features = self.encoder(image).flatten(1)
        mu, logvar = self.mu(features), self.logvar(features)
        z = mu + torch.randn_like(mu) * (0.5 * logvar).exp()
        return self.decoder(self.project(z).reshape(-1, *self.cells)), mu, logvar, self.head(z).squeeze(-1)


def vae_loss(output: Tensor, image: Tensor, mu: Tensor, logvar: Tensor) -> Tensor:
    """Equation (1), averaged over voxels, a Gaussian and a Bernoulli channel."""
    ct = ((output[:, 0] - image[:, 0]) ** 2 / (2 * 0.1**2)).mean()
    tumour = F.binary_cross_entropy_with_logits(output[:, 1], image[:, 1])
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1).mean()
    return (ct + tumour) / 2 + BETA * kl


def plain_cox(log_hazard: Tensor, duration: Tensor, event: Tensor) -> Tensor:
    """Cox's loss as tutorials have it, inexact under ties."""
    order = duration.argsort(descending=True)
    r, seen = log_hazard[order], event[order].float()
    return -((r - r.logcumsumexp(0)) * seen).sum() / seen.sum().clamp(min=1)


@dataclass
class Contender:
    """One who makes updates."""

    name: str
    update: Callable[[], Any]
    parameters: int
    counted: Callable[[], Any] | None = None  # in place of a graph, which hides its operations
    gflop: float = 0.0
    gbyte: float = 0.0
    seconds: list[float] = None  # type: ignore[assignment]


class Bytes(TorchDispatchMode):
    """Counts the bytes of all that operations read and write."""

    total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = (leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor))
            self.total += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
        return out


def two_adams(model: nn.Module, head: nn.Module) -> list[torch.optim.Optimizer]:
    own = {id(parameter) for parameter in head.parameters()}
    rest = [parameter for parameter in model.parameters() if id(parameter) not in own]
    return [torch.optim.Adam(rest, 1e-4), torch.optim.Adam(head.parameters(), 1e-5)]


def updating(optimizers: list[torch.optim.Optimizer], loss: Callable[[], Tensor]) -> Callable[[], None]:
    def update() -> None:
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss().backward()
        for optimizer in optimizers:
            optimizer.step()

    return update


def obvious(batch: Batch) -> Contender:
    torch.manual_seed(0)
    model = Obvious().to(batch.image.device)

    def loss() -> Tensor:
        output, mu, logvar, r = model(batch.image)
        return TAU * vae_loss(output, batch.image, mu, logvar) + (1 - TAU) * plain_cox(r, batch.duration, batch.event)

    return Contender("obvious PyTorch, float32", updating(two_adams(model, model.head), loss), size(model))


def monai(batch: Batch) -> Contender:
    from monai.networks.nets import VarAutoEncoder
    from pycox.models.loss import CoxPHLoss

    torch.manual_seed(0)
    device = batch.image.device
    model = VarAutoEncoder(
        3, (CHANNELS, EDGE, EDGE, EDGE), CHANNELS, LATENT, (16, 32, 64, 128), (2, 2, 2, 2), num_res_units=2
    ).to(device)
    head, cox = nn.Linear(LATENT, 1, bias=False).to(device), CoxPHLoss()

    def loss() -> Tensor:
        output, mu, logvar, z = model(batch.image)
        r = head(z).squeeze(-1)
        return TAU * vae_loss(output, batch.image, mu, logvar) + (1 - TAU) * cox(r, batch.duration, batch.event)

    optimizers = [torch.optim.Adam(model.parameters(), 1e-4), torch.optim.Adam(head.parameters(), 1e-5)]
    return Contender("MONAI VarAutoEncoder + pycox, float32", updating(optimizers, loss), size(model))


def ours(batch: Batch, precision: str, *, width: int = 0) -> Contender:
    torch.manual_seed(0)
    device = batch.image.device
    options = CoxVAE(tau=TAU, latent_dim=LATENT, width=width)
    model: Model = options.build(DECLARED, (EDGE,) * 3, Linear()).to(device)
    recipe = TrainOptions().resolved(3, 10**6)
    step: Any = Step(
        model,
        Optimizers(model, recipe),
        Average(model, recipe.average),
        recipe,
        Augmentation.of(recipe, (0,)),
        precision,
        0,
        Processes(device=device),
    )
    eager, graphed = step, device.type == "cuda"
    if graphed:
        step = ReplayedStep(step, batch)
    count = iter(range(10**9))
    name = f"survembed, {precision}" + (", CUDA graph" if graphed else "")
    return Contender(
        name, lambda: step(next(count), [batch], BATCH), size(model), lambda: eager(next(count), [batch], BATCH)
    )


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def synchronise(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize()


def peak(device: torch.device) -> tuple[float, float]:
    """bf16 FLOP/s of a large product, and bytes/s of a large copy."""
    n = 8192 if device.type == "cuda" else 2048
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    big = torch.empty(2**30 if device.type == "cuda" else 2**26, device=device, dtype=torch.uint8)
    target = torch.empty_like(big)
    product = best(lambda: torch.mm(a, b), device)
    copy = best(lambda: target.copy_(big), device)
    return 2 * n**3 / product, 2 * big.numel() / copy


def best(work: Callable[[], Any], device: torch.device) -> float:
    times = []
    for _ in range(8):
        synchronise(device)
        start = time.perf_counter()
        work()
        synchronise(device)
        times.append(time.perf_counter() - start)
    return min(times[2:])


def study(n: int, device: torch.device) -> TrainingData:
    """Planted volumes: a bright ball whose size decides the duration. Synthetic."""
    rng = np.random.default_rng(0)
    axis = np.arange(EDGE) - (EDGE - 1) / 2
    square = axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2
    radius = rng.uniform(4, 12, n)
    images = np.zeros((n, CHANNELS, EDGE, EDGE, EDGE), dtype=np.float32)
    for index, r in enumerate(radius):
        images[index, 1] = square < r**2
        images[index, 0] = 0.5 * (square < 28**2) - 0.2 * images[index, 1]
    duration = rng.exponential(np.exp(-(radius - radius.mean()) / radius.std()) * 400) + 1
    everyone = torch.arange(n)
    cut = n * 85 // 100
    seen = torch.from_numpy(rng.random(n) < 0.8)
    return TrainingData(Images(images, device), torch.from_numpy(duration), seen, everyone[:cut], everyone[cut:])


def main(
    threads: Annotated[int, typer.Option(help="Of the processor.")] = 2,
    rounds: Annotated[int, typer.Option(help="Timed rounds; the median counts.")] = 8,
    inner: Annotated[int, typer.Option(help="Updates in a round; 0 for 20 on a GPU and 1 else.")] = 0,
    full: Annotated[int, typer.Option(help="Then train so many updates by the paper's preset.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda; the GPU where there is one.")] = "",
    out: Annotated[Path | None, typer.Option(help="Where the table is kept.")] = None,
) -> None:
    """Time all contenders in turn and print ratios."""
    torch.set_num_threads(threads)
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    machine = torch.cuda.get_device_name() if where.type == "cuda" else f"{cpu_name()}, {threads} threads"
    inner = inner or (20 if where.type == "cuda" else 1)
    data = study(64, where)
    batch = data.batch(torch.arange(BATCH))
    contenders = [ours(batch, "bf16"), ours(batch, "float32"), obvious(batch)]
    try:
        contenders.append(monai(batch))
    except ImportError as error:
        print(f"MONAI is left out: {error}")
    for contender in contenders:
        measure(contender, inner, where)
    for _ in range(rounds):
        for contender in contenders:
            contender.seconds.append(timed(contender, inner, where))
    flops, bandwidth = peak(where)
    lines = report(contenders, flops, bandwidth, machine, rounds, inner)
    if full:
        lines += ["", *whole_training(full, where)]
    text = "\n".join(lines)
    print(text)
    if out:
        out.write_text(text + "\n", encoding="utf-8")


def measure(contender: Contender, inner: int, device: torch.device) -> None:
    """Warm up, and count the work of an update."""
    contender.seconds = []
    timed(contender, max(2, inner // 4), device)
    with FlopCounterMode(display=False) as flops, Bytes() as read_and_written:
        (contender.counted or contender.update)()
    contender.gflop = flops.get_total_flops() / 1e9
    contender.gbyte = read_and_written.total / 1e9


def timed(contender: Contender, inner: int, device: torch.device) -> float:
    synchronise(device)
    start = time.perf_counter()
    for _ in range(inner):
        contender.update()
    synchronise(device)
    return (time.perf_counter() - start) / inner


def report(
    contenders: list[Contender], flops: float, bandwidth: float, machine: str, rounds: int, inner: int
) -> list[str]:
    """The table, as Markdown."""
    first = statistics.median(contenders[0].seconds)
    lines = [
        f"# An update of {BATCH} volumes of {EDGE}³, {CHANNELS} channels",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}, torch {torch.__version__}; median of {rounds} rounds of {inner}, "
        f"all in turn. bf16 peak measured: {flops / 1e12:.2f} TFLOP/s; copy {bandwidth / 1e9:.0f} GB/s.",
        "",
        f"| {' | '.join(COLUMNS)} |",
        "|---" * len(COLUMNS) + "|",
    ]
    for one in contenders:
        median = statistics.median(one.seconds)
        work = [f"{one.gflop:.0f}", f"{one.gflop * 1e9 / median / flops:.1%}"] if one.gflop else ["", ""]
        moved = [f"{one.gbyte:.2f}", f"{one.gbyte * 1e9 / median / bandwidth:.0%}"] if one.gflop else ["", ""]
        spread = f"{1e3 * min(one.seconds):.1f} … {1e3 * max(one.seconds):.1f}"
        cells = [one.name, f"{1e3 * median:.2f}", spread, f"{median / first:.1f}", f"{one.parameters:,}", *work, *moved]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def whole_training(updates: int, device: torch.device) -> list[str]:
    """All of the paper's updates with the loop itself."""
    data = study(492, device)
    model = CoxVAE(tau=TAU, latent_dim=LATENT).build(DECLARED, (EDGE,) * 3, Linear()).to(device)
    data.fit_statistics(model, BATCH)
    recipe = TrainOptions(**{**PRESETS["paper"], "updates": updates}).resolved(3, len(data.train))
    start = time.perf_counter()
    outcome = fit(model, data, recipe, seed=0, reporter=QUIET)
    seconds = time.perf_counter() - start
    return [
        f"The paper's preset, {outcome.updates:,} updates of {BATCH} at {EDGE}³ on 492 synthetic volumes, validation "
        f"included: {seconds:.1f} s in {outcome.precision} ({1e3 * seconds / outcome.updates:.2f} ms an update)."
    ]


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
        flags = next(line for line in lines if line.startswith("flags"))
        return name + (" with AMX" if "amx_bf16" in flags else " without AMX")
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    typer.run(main)
