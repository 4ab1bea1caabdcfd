"""Batch normalisation over the rows of all processes; PyTorch's own works on GPUs only."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class _Sum(torch.autograd.Function):
    """Sum over processes, and of the gradients too: each loss depends on the rows of all processes."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed


def _sum(values: Tensor) -> Tensor:
    summed: Tensor = _Sum.apply(values)  # type: ignore[no-untyped-call]  # torch leaves apply untyped
    return summed


class SharedBatchNorm(_BatchNorm):
    """Batch normalisation with mean and variance over the rows of all processes.

    Evaluation mode and weights equal those of PyTorch.
    """

    def _check_input_dim(self, input: Tensor) -> None:
        """Any number of axes."""

    def forward(self, input: Tensor) -> Tensor:
        """Features (n, C, *grid), normalised by channel."""
        if not self.training:
            return super().forward(input)
        axes = [axis for axis in range(input.ndim) if axis != 1]
        count = torch.full((1,), input.numel() / input.shape[1], dtype=input.dtype, device=input.device)
        total = _sum(torch.cat([input.sum(axes), count]))
        n, mean = total[-1].detach(), total[:-1] / total[-1].detach()
        broad = (1, -1, *(1 for _ in input.shape[2:]))
        centred = input - mean.view(broad)
        variance = _sum(centred.square().sum(axes)) / n
        self._update_running_statistics(mean.detach(), variance.detach() * n / (n - 1))
        output: Tensor = centred * (variance + self.eps).rsqrt().view(broad)
        return output * self.weight.view(broad) + self.bias.view(broad) if self.affine else output

    @torch.no_grad()
    def _update_running_statistics(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.momentum is None:
            return
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(variance.to(self.running_var.dtype), self.momentum)
        if self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)


def share_batch_norms(module: nn.Module) -> None:
    """Replace every batch normalisation in `module`, in place; weights and buffers stay the same tensors."""
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm) and not isinstance(child, SharedBatchNorm):
            norm = SharedBatchNorm(child.num_features, child.eps, child.momentum, child.affine)
            norm._parameters, norm._buffers = child._parameters, child._buffers
            norm.train(child.training)
            setattr(module, name, norm)
        else:
            share_batch_norms(child)
