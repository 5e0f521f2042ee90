"""How smooth the interactive view is, in headless Chromium.

    python benchmarks/view.py GRAPH --around NAME [--nodes N …]

GRAPH is a graph folder. For each number of nodes the page around the entity is made, opened, panned
and zoomed for some seconds each by the browser's own mouse, and a node expanded by a click on the
page's button. Chromium runs without a GPU and shares the processors with this script.

- made: seconds until the page is written;
- first paint: from the start of loading until anything is painted (First Contentful Paint);
- ready: from there until all nodes are placed and drawn;
- frames a second while every frame brings a movement of the mouse or the wheel, and in brackets
  the milliseconds that the slowest twentieth of frames take or exceed;
- expand: milliseconds from the click until the frame with the new nodes; the median of five.
"""

from __future__ import annotations

import argparse
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import medkg
from medkg.graph.kg import KnowledgeGraph

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from tests.browser import CHROMIUM, Page, browsed

_SECONDS = 5.0  # of each movement
_EXPANSIONS = 5
_TRIED = 40  # nodes that are looked at for neighbours to draw
_MIDDLE = (600.0, 450.0)  # of the drawing, in a window of 1,400 by 900
_READY = "document.body.dataset.ready"
_FRAME = "new Promise(done => requestAnimationFrame(done))"
_COUNT = """(() => { window.frames_at = []; window.counts = true;
  const tick = at => { frames_at.push(at); if (counts) requestAnimationFrame(tick); };
  requestAnimationFrame(tick); })()"""
# The first button that draws more of what is selected; the frame after the next holds them.
_EXPAND = """(async () => { const start = performance.now();
  document.querySelector('aside .buttons button').click();
  for (let frame = 0; frame < 2; frame++) await new Promise(done => requestAnimationFrame(done));
  return performance.now() - start; })()"""


def frames(page: Page, movement: Callable[[int], None]) -> str:
    """Frames a second while the page is moved in each of them, and the slowest twentieth's."""
    page.script(_COUNT)
    end, number = time.monotonic() + _SECONDS, 0
    while time.monotonic() < end:
        movement(number)
        page.script(_FRAME)
        number += 1
    page.script("window.counts = false")
    at = page.script("window.frames_at")
    gaps = sorted(later - sooner for sooner, later in pairwise(at))
    return f"{1000 * len(gaps) / sum(gaps):.0f} ({gaps[int(0.95 * len(gaps))]:.0f} ms)"


def panned(page: Page) -> str:
    """The drawing is held and led round in circles."""
    x, y = _MIDDLE
    page.mouse("mouseMoved", x, y)
    page.mouse("mousePressed", x, y, buttons=1, button="left", clickCount=1)

    def movement(number: int) -> None:
        angle = number / 12
        place = (x + 90 * math.sin(angle), y + 90 * math.cos(angle) - 90)
        page.mouse("mouseMoved", *place, buttons=1, button="left")

    rate = frames(page, movement)
    page.mouse("mouseReleased", x, y, button="left", clickCount=1)
    return rate


def zoomed(page: Page) -> str:
    """Into the drawing and out of it by the wheel."""

    def movement(number: int) -> None:
        by = -60 if number % 40 < 20 else 60
        page.mouse("mouseWheel", *_MIDDLE, deltaX=0, deltaY=by)

    return frames(page, movement)


def expanded(page: Page) -> str:
    """Milliseconds until the neighbours of selected nodes are drawn, where some are held back."""
    taken: list[float] = []
    for _ in range(_TRIED):
        page.press("n")
        if not page.script("!!document.querySelector('aside .buttons button:enabled')"):
            continue
        if "Draw" not in page.text("aside .buttons button"):
            continue
        taken.append(page.script(_EXPAND))
        if len(taken) == _EXPANSIONS:
            break
    return f"{statistics.median(taken):.0f}" if taken else "none is held back"


def row(kg: KnowledgeGraph, around: str, nodes: int, folder: Path) -> str:
    """The table's row of one number of nodes."""
    file = folder / f"{nodes}.html"
    start = time.perf_counter()
    view = medkg.view(kg, around, file, hops=2, limit=nodes)
    made = time.perf_counter() - start
    with browsed(file.as_uri(), folder / f"browser-{nodes}") as page:
        page.wait(_READY)
        ready = page.script("performance.getEntriesByName('ready')[0].startTime") / 1000
        first = page.script("performance.getEntriesByName('first-contentful-paint')[0].startTime")
        edges = page.script("Bokeh.documents[0].get_model_by_name('edges').get_length()")
        cells = (
            f"{len(view.choice.shown):,}",
            f"{edges:,}",
            f"{made:.1f} s, {file.stat().st_size / 1e6:.1f} MB",
            f"{first / 1000:.2f} s",
            f"{ready:.2f} s",
            panned(page),
            zoomed(page),
            expanded(page),
        )
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("graph", type=Path)
    parser.add_argument("--around", default="imatinib")
    parser.add_argument("--nodes", type=int, nargs="+", default=[100, 500, 1000, 1950, 2000])
    given = parser.parse_args()
    if CHROMIUM is None:
        sys.exit("this needs chromium")
    version = subprocess.run([CHROMIUM, "--version"], capture_output=True, text=True, check=True)
    print(
        f"{version.stdout.strip()}, {os.cpu_count()} cores, Python {platform.python_version()};"
        f" load average {os.getloadavg()[0]:.1f} at the start\n"
    )
    print("| nodes | edges | made | first paint | ready | pan | zoom | expand, ms |")
    print("|---:|---:|---|---:|---:|---:|---:|---:|")
    kg = KnowledgeGraph.open(given.graph)
    with tempfile.TemporaryDirectory() as folder:
        for nodes in given.nodes:
            print(row(kg, given.around, nodes, Path(folder)), flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
