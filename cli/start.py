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


@app.command(epilog="Example: medkg doctor")
def doctor(as_json: Json = False) -> None:
    """Python, GPU, servers, models, data: what is there and what is missing."""
    from medkg.cli import show
    from medkg.doctor import examine

    findings = examine()
    if as_json:
        show.as_json(findings)
    else:
        show.pairs(findings, "medkg doctor")
