"""The Typer applications that commands are registered on: `medkg`, and its groups."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(
    name="medkg",
    help="Clinical text and curated sources to one evidence-backed graph, mined and explained.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(no_args_is_help=True, help="Train a model; the same command resumes it.")
evaluate = typer.Typer(no_args_is_help=True, help="The standard figures, baselines beside them.")
review = typer.Typer(no_args_is_help=True, help="Let a person correct what was read.")
for _name, _group in (("train", train), ("evaluate", evaluate), ("review", review)):
    app.add_typer(_group, name=_name)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"medkg {version('medkg')}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
) -> None: ...
