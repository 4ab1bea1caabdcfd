"""Formulae of the losses: Cox's partial likelihood, exact under ties, KL and entropy."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Ties = Literal["breslow", "efron"]

# Below this spread of log-hazards, exp(r - max r) and its reciprocal are normal float64 numbers (e^600 = 1e260), so a
# plain cumulative sum of positive terms keeps its full relative precision, forward and backward.
_SAFE_SPREAD = 600.0


def cox_loss(
    log_hazard: Tensor,
    duration: Tensor,
    event: Tensor,
    entry: Tensor | None = None,
    *,
    ties: Ties = "breslow",
    mask: Tensor | None = None,
) -> Tensor:
    """Mean negative log partial likelihood over the events of a batch, equation (2) of the paper.

    Parameters
    ----------
    log_hazard : Tensor, shape (n,), floating
        r, higher dies sooner. Any finite values; up to 1e4 in size they are handled without loss.
    duration : Tensor, shape (n,)
        Time of event or censoring, float64 where it matters: ties are decided on these values as they come.
    event : Tensor, shape (n,), bool or 0/1
        True where the event was seen. A subject censored at the time of an event is still at risk then.
    entry : Tensor, shape (n,), optional
        Late entry, less than `duration`: a subject is at risk at t if entry < t ≤ duration. Time and memory are then
        those of an (n, n) table.
    ties : {"breslow", "efron"}
        Treatment of tied event times. Breslow follows equation (2) to the letter.
    mask : Tensor, shape (n,), bool, optional
        False leaves a subject out altogether: no event, in no risk set, zero gradient (padding of an uneven batch).

    Returns
    -------
    Tensor, shape ()
        The mean over events, float64 inside, in the dtype of ``log_hazard`` but at least float32. Without an event, or
        with an empty batch, a zero that keeps its graph and gives zero gradients. NaN log-hazards give NaN.

    References
    ----------
    Breslow, Biometrics 30 (1974) 89; Efron, JASA 72 (1977) 557.
    """
    if log_hazard.numel() == 0:
        return log_hazard.sum()
    # Autocast never touches float64, so nothing below is lowered behind our back.
    r = log_hazard.double()
    if mask is not None:
        r = r.masked_fill(~mask, 0.0)
        duration = duration.double().masked_fill(~mask, -torch.inf)
        event = event.bool() & mask
        entry = None if entry is None else entry.masked_fill(~mask, torch.inf)
    # Descending time: a risk set is everything up to and including the subject's own tie group.
    time, order = duration.sort(descending=True)
    r = r.index_select(0, order)
    r = r - r.detach().max()
    seen = event[order].double()
    last = _last_of_tie_group(time)
    if entry is None:
        log_risk = _log_cumulative_sum(r).index_select(0, last)
    else:
        log_risk = r.masked_fill(~_at_risk(time, entry[order]), -torch.inf).logsumexp(1)
    log_sum = torch.dot(seen, log_risk if ties == "breslow" else log_risk + _efron_correction(r, seen, last, log_risk))
    loss = (log_sum - torch.dot(seen, r)) / seen.sum().clamp(min=1.0)
    return loss.to(torch.promote_types(log_hazard.dtype, torch.float32))


def _last_of_tie_group(time: Tensor) -> Tensor:
    """Position of the last element equal to each element of sorted ``time``; the host never waits."""
    n = len(time)
    position = torch.arange(n, device=time.device)
    position[:-1].masked_fill_(time[1:] == time[:-1], n)
    return position.flip(0).cummin(0).values.flip(0)


def _log_cumulative_sum(r: Tensor) -> Tensor:
    """log of the cumulative sum of exp(r), where max r is 0; exact however far apart the values lie."""
    # A GPU would have to wait for the answer to this question; there the logarithmic scan is cheap enough for all.
    if r.device.type == "cpu" and bool(r.detach().min() > -_SAFE_SPREAD):
        return r.exp().cumsum(0).log()
    return r.logcumsumexp(0)


def _efron_correction(r: Tensor, seen: Tensor, last: Tensor, log_risk: Tensor) -> Tensor:
    """log(1 - l/d * E/S) for the l-th of d tied events, l from 0; E, S sum exp(r) over tied events and risk set."""
    zeros = torch.zeros_like(seen)
    # As a share of the risk set every exponent is at most 0: nothing overflows, and what underflows does not matter.
    share = zeros.index_add(0, last, seen * (r - log_risk).exp())[last]
    n_tied = zeros.index_add(0, last, seen)[last]
    count = seen.cumsum(0)
    rank_from_end = count[last] - count
    return torch.log1p(-seen * rank_from_end / n_tied.clamp(min=1.0) * share)


def _at_risk(time: Tensor, entry: Tensor) -> Tensor:
    """(n, n) True where the subject of a column is at risk at the time of the subject of a row."""
    return (entry < time[:, None]) & (time[:, None] <= time)


def cox_contributions(log_hazard: Tensor, duration: Tensor, event: Tensor, entry: Tensor | None = None) -> Tensor:
    """Contribution of each subject to the negative log partial likelihood (Breslow's ties).

    c_i = exp(r_i)·Λ(t_i) − δ_i·(r_i − log S(t_i)), where S(t) sums exp(r) over the subjects at risk and Λ is Breslow's
    cumulative baseline hazard. They add up to n_events · (`cox_loss` + 1), and up to a constant c_i is the influence of
    subject i on that sum: the spread of differences c_i − c'_i between two models gives the standard error of the
    difference of their partial likelihoods on the same subjects.

    Parameters
    ----------
    log_hazard : Tensor, shape (n,), floating
        r, higher dies sooner.
    duration : Tensor, shape (n,)
        Time of event or censoring.
    event : Tensor, shape (n,), bool or 0/1
        True where the event was seen.
    entry : Tensor, shape (n,), optional
        Late entry; then c_i has Λ(t_i) − Λ(entry_i) in place of Λ(t_i).

    Returns
    -------
    Tensor, shape (n,), float64
        Zeros where there is no event.

    References
    ----------
    Fine, Biometrika 89 (2002) 635: comparing Cox models that are not nested.
    """
    if log_hazard.numel() == 0:
        return log_hazard.double()
    if entry is not None:
        r, seen, at_risk = log_hazard.double(), event.double(), _at_risk(duration, entry)
        log_risk = r.masked_fill(~at_risk, -torch.inf).logsumexp(1)
        shares = (r - log_risk[:, None]).masked_fill(~at_risk, -torch.inf).exp()
        return seen @ shares - seen * (r - log_risk)
    time, order = duration.sort(descending=True)
    r = log_hazard.double()[order]
    r = r - r.max()
    seen = event[order].double()
    log_risk = r.logcumsumexp(0)[_last_of_tie_group(time)]
    # The baseline adds up from the earliest time, which is last here. In logarithms nothing overflows.
    log_baseline = (seen.log() - log_risk).flip(0).logcumsumexp(0).flip(0)
    first = len(time) - 1 - _last_of_tie_group(time.flip(0)).flip(0)
    sorted_contributions = (r + log_baseline[first]).exp() - seen * (r - log_risk)
    return torch.empty_like(sorted_contributions).index_copy_(0, order, sorted_contributions)
