"""A slider move of the explorer, from the slider to the picture: the median of 100 in headless Chromium.

    python benchmarks/explore.py [--run RUN] [--runs-dir runs] [--moves 100] [--chromium /usr/bin/chromium]

Serves the page as `survembed explore` does. Prints a table in Markdown: the whole move (from the slider's event until
the voxels are on the canvases), and of it the decoding (the server's own clock), the drawing, and the rest, which is
the request and the answer on their way. Beside it the time until the browser has also painted the frame, numbers and
curve included, which waits for the screen's next refresh (16.7 ms at 60 Hz); and the same for a step along the hazard.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time

import numpy as np

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)

MOVES = """async ([name, moves]) => {
  const input = document.getElementById(name);
  const frame = () => new Promise(requestAnimationFrame);
  const rows = [];
  for (let move = 0; move < moves; move++) {
    performance.clearMeasures();
    performance.clearResourceTimings();
    const drawn = new Promise((done) =>
      document.addEventListener("drawn", () => done(performance.now()), { once: true }));
    input.value = 3.5 * Math.sin(move);
    const start = performance.now();
    input.dispatchEvent(new Event("input", { bubbles: true }));
    const whole = (await drawn) - start;
    await frame();
    await new Promise((done) => setTimeout(done)); // timers come after what the frame paints
    const shown = performance.now() - start;
    const request = performance.getEntriesByType("resource").findLast((each) => each.name.endsWith("api/decode"));
    const [draw, decode] = [performance.getEntriesByName("draw").at(-1), request.serverTiming[0]];
    rows.push({ whole, shown, decode: decode.duration, draw: draw.duration, bytes: request.encodedBodySize });
    await new Promise((done) => setTimeout(done, 20));
  }
  return rows;
}"""


def measure(url: str, chromium: str, moves: int) -> dict[str, list[dict[str, float]]]:
    """Every move of a latent dimension and of the hazard axis, in ms; the first ten only warm up."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=FLAGS.split())
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.goto(url)
        page.wait_for_selector("#dims .slider")
        page.wait_for_load_state("networkidle")
        names = ["z0"] + (["along"] if page.locator("#along").is_visible() else [])
        found = {name: page.evaluate(MOVES, [name, moves + 10])[10:] for name in names}
        browser.close()
    return found


def table(found: dict[str, list[dict[str, float]]]) -> str:
    """Medians, and the 95th percentile of the whole move, in Markdown."""
    lines = [
        "| slider | moves | whole move, ms | 95 % under | decode | transfer and rest | draw | frame painted | kB |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, rows in found.items():
        column = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        rest = column["whole"] - column["decode"] - column["draw"]
        parts = [column["whole"], None, column["decode"], rest, column["draw"], column["shown"]]
        medians = [
            f"{np.quantile(column['whole'], 0.95):.1f}" if each is None else f"{np.median(each):.1f}" for each in parts
        ]
        size = np.median(column["bytes"]) / 1000
        lines.append(f"| {name} | {len(rows)} | **{medians[0]}** | {' | '.join(medians[1:])} | {size:.0f} |")
    return "\n".join(lines)


def main() -> None:
    """Serve, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", help="The latest finished run where not given.")
    parser.add_argument("--runs-dir", default="runs")
    parser.add_argument("--moves", type=int, default=100)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    command = [sys.executable, "-m", "survembed", "explore", "--no-browser", "--json", "--runs-dir", given.runs_dir]
    server = subprocess.Popen(
        [*command, *(["--run", given.run] if given.run else [])], stdout=subprocess.PIPE, text=True
    )
    try:
        said = ""
        while not said.endswith("}\n"):
            line = server.stdout.readline()
            if not line:
                sys.exit(server.wait())
            said += line
        facts = json.loads(said)
        found = measure(facts["page"], given.chromium, given.moves)
    finally:
        server.terminate()
        server.wait()
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(f"{cores} CPU cores, {facts['data']}, run {facts['run']}, {time.strftime('%Y-%m-%d')}, load {load:.1f}\n")
    print(table(found))


if __name__ == "__main__":
    main()
