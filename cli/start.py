"""Commands to begin with: quickstart and doctor."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medkg.cli.app import app
from medkg.cli.options import Json, Seed


@app.command(epilog="Example: medkg quickstart --out demo")
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for all that is made.")] = Path(
        "medkg-quickstart"
    ),
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The whole way, offline, on real data that comes with the install, in a few minutes."""
    from medkg.cli.quickstart import quickstart as run_quickstart

    run_quickstart(out, seed=seed, as_json=as_json)


@app.command(epilog="Example: medkg doctor --mend")
def doctor(
    mend: Annotated[
        bool,
        typer.Option(
            "--mend",
            help="Remove damaged and outdated caches and what killed commands left, end servers"
            " that nobody uses, and close servers' and cached data to others.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Python, GPU, servers, models, data: what is there, what is missing, what can be mended."""
    from medkg import mending
    from medkg.cli import show
    from medkg.doctor import examine

    points = {"mended": mending.mend()} if mend else {}
    findings = examine()
    points["can be mended"] = mending.can_be_mended()
    if as_json:
        show.as_json(findings | points)
        return
    show.pairs(findings, "medkg doctor")
    for heading, lines in points.items():
        if lines:
            command = ": medkg doctor --mend" if heading == "can be mended" else ":"
            show.plain("\n  ".join([heading + command, *lines]) + "\n")
