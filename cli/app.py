"""The Typer applications that commands are registered on: `medkg`, and its groups."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import typer
from typer.models import CommandInfo

from medkg.cli import language

app = typer.Typer(
    name="medkg",
    help="Clinical text and curated sources to one evidence-backed graph, mined and explained.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train = typer.Typer(no_args_is_help=True, help="Train a model; the same command resumes it.")
evaluate = typer.Typer(no_args_is_help=True, help="The standard figures, baselines beside them.")
review = typer.Typer(no_args_is_help=True, help="Let a person correct what was read.")
app.add_typer(review, name="review", rich_help_panel="Read sources and texts")
for _name, _group in (("train", train), ("evaluate", evaluate)):
    app.add_typer(_group, name=_name, rich_help_panel="Models")


def list_by_topic(topics: Mapping[str, str]) -> None:
    """List commands under the topics of the modules that they are in, in the order of `topics`."""
    modules = list(topics)
    # Some modules import others, so that commands aren't registered in this order.
    app.registered_commands.sort(key=lambda command: modules.index(_module_of(command)))
    for command in app.registered_commands:
        command.rich_help_panel = topics[_module_of(command)]


def _module_of(command: CommandInfo) -> str:
    return str(getattr(command.callback, "__module__", ""))


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"medkg {version('medkg')}")
        raise typer.Exit


@app.callback()
def _before_any_command(
    lang: Annotated[
        language.Language,
        typer.Option(
            envvar="MEDKG_LANG",
            help="Language of what is printed, with names of entities: en, or zh, Chinese.",
        ),
    ] = "en",
    version: Annotated[  # noqa: ARG001 (its callback prints it)
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and end."
        ),
    ] = False,
) -> None:
    language.use(lang)
