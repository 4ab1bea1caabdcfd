"""Random survival forest: ours at n = 60,000 beside scikit-survival's at n = 10,000, in one run.

    python benchmarks/forest.py [--trees 100]

Each line is a process of its own, so that its memory is its own. Prints a table in Markdown: seconds to fit and to
predict survival functions on 200 times, peak memory, and for equal data the largest difference between the two.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np

N_FEATURES, N_TIMES, N_ASKED = 8, 200, 2000
GB = 1024**2  # of ru_maxrss, which counts kilobytes


def cohort(n: int, n_distinct: int) -> tuple[np.ndarray, np.ndarray]:
    """Features (n, 8) and outcome (n,), Weibull with three quarters of events; `n_distinct` times, 0 for all."""
    from survembed.survival.outcome import to_structured

    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, N_FEATURES)).astype(np.float32)
    life = rng.weibull(1.3, n) * np.exp(-(x[:, 0] - 0.5 * x[:, 1] * x[:, 2]) / 1.3)
    limit = rng.exponential(3, n)
    duration = np.minimum(life, limit)
    if n_distinct:
        edges = np.quantile(duration, np.linspace(0, 1, n_distinct))
        duration = edges[np.minimum(np.searchsorted(edges, duration), n_distinct - 1)]
    return x, to_structured(duration, life < limit)


def measure(whose: str, n: int, n_trees: int, n_distinct: int, drawn: int) -> dict[str, object]:
    """Fit, then S(t) of all n subjects (scikit-survival: of 2000) on 200 times; a digest of 2000 of them."""
    from sksurv.ensemble import RandomSurvivalForest

    from survembed.downstream.rsf import SurvivalForest

    x, y = cohort(n, n_distinct)
    ours = whose == "survembed"
    options = {"min_samples_split": 10, "min_samples_leaf": 5, "random_state": 0, "n_jobs": -1}
    kind = SurvivalForest if ours else RandomSurvivalForest
    if ours and drawn:
        options["max_samples"] = drawn  # 0 keeps our default
    forest = kind(n_trees, **options)
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    forest.fit(x, y)
    fitted = time.perf_counter()
    times = np.quantile(y["time"][y["event"]], np.linspace(0.02, 0.95, N_TIMES))
    asked = x if ours else x[:N_ASKED]
    if ours:
        survival = forest.predict_survival_at(asked, times)
    else:
        curves = forest.predict_survival_function(asked, return_array=True)
        survival = np.column_stack([np.ones(len(asked)), curves])[
            :, np.searchsorted(forest.unique_times_, times, side="right")
        ]
    end = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "fit_s": fitted - start,
        "predict_s": end - fitted,
        "subjects": len(asked),
        "peak_gb": peak / GB,
        "above_start_gb": (peak - base) / GB,
        "survival": survival[:N_ASKED:20].tolist(),
    }


def main() -> None:
    """Measure every line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trees", type=int, default=100)
    parser.add_argument("--one", nargs=5, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        whose, *numbers = given.one
        print(json.dumps(measure(whose, *map(int, numbers))))
        return
    few = max(1, given.trees // 25)
    small, large = 10_000, 60_000
    lines = [  # whose, n, trees, distinct times (0: all), subjects drawn for a tree (0: our default)
        ("survembed", large, given.trees, 0, 0),
        ("scikit-survival", small, few, 0, small),
        ("survembed", small, few, 0, small),
        ("scikit-survival", small, given.trees, N_TIMES, small),
        ("survembed", small, given.trees, N_TIMES, small),
    ]
    print(f"{len(os.sched_getaffinity(0))} CPU cores, {N_FEATURES} features, {time.strftime('%Y-%m-%d')}\n")
    print(
        "| forest | n | trees | drawn for a tree | distinct times "
        "| fit, s | S(t) of | s | peak memory, GB | above start, GB |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    found = []
    for line in lines:
        command = [sys.executable, __file__, "--one", *map(str, line)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        row = json.loads(done.stdout)
        found.append(np.array(row.pop("survival")))
        whose, n, trees, distinct, drawn = line
        print(
            f"| {whose} | {n:,} | {trees} | {drawn or 5000:,} | {distinct or 'all'} | "
            f"{row['fit_s']:.1f} | {row['subjects']:,} | "
            f"{row['predict_s']:.1f} | {row['peak_gb']:.2f} | {row['above_start_gb']:.2f} |",
            flush=True,
        )
    print(
        f"\nlargest difference of S(t) at n = 10,000, {N_TIMES} distinct times: {np.abs(found[3] - found[4]).max():g}"
    )
    print(
        f"the same with all times distinct, {few} trees grown on 200 quantiles: {np.abs(found[1] - found[2]).max():.3f}"
    )


if __name__ == "__main__":
    main()
