"""Settings: refused where they are wrong, the same after a file, and every option explained."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from medkg.core.errors import DataError
from medkg.gnn.options import Range, options, with_options
from medkg.gnn.settings import TABLES, NetworkSettings, read_settings, read_with, to_toml


def test_the_defaults_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "all.toml"
    file.write_text(to_toml({name: table() for name, table in TABLES.items()}))
    read = read_settings(file)
    assert {name: TABLES[name](**values) for name, values in read.items()} == {
        name: table() for name, table in TABLES.items()
    }
    text = file.read_text()
    for table in TABLES.values():
        for name, (_, about) in options(table).items():
            assert f"\n{name} = " in text
            assert len(about.about) > 10
            assert all(choice in text for choice in about.choices)


def test_settings_survive_json() -> None:
    settings = NetworkSettings(
        context=(("Drug", "TREATS", "Disease"),), features=("fingerprints",), neighbours=(3, 2)
    )
    values = settings.to_dict()
    assert values["context"] == [["Drug", "TREATS", "Disease"]]
    assert NetworkSettings.from_dict(values) == settings


def test_every_option_is_used_as_it_says() -> None:
    for name, (field, about) in options(NetworkSettings).items():
        if isinstance(about.tune, Range):
            for value in (about.tune.low, about.tune.high):
                with_options(NetworkSettings(), {name: value})
        for value in about.tune if isinstance(about.tune, tuple) else ():
            with_options(NetworkSettings(), {name: value})
        if about.choices and field.type == "str":
            for value in about.choices:
                with_options(NetworkSettings(), {name: value})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network]\nlearning_rat = 0.1", r"\[network\] unknown option 'learning_rat'; did you mean"
         " learning_rate"),
        ("[netwrk]\ndim = 8", "unknown table 'netwrk'; did you mean network"),
        ("dim = 8", "unknown option outside of a table 'dim'; there are links, network"),
        ("[network]\ndim = '8'", r"\[network\] dim is a whole number, not '8'"),
        ("[network]\ndim = 8.5", "dim is a whole number, not 8.5"),
        ("[network]\ndim = true", "dim is a whole number, not True"),
        ("[network]\ndim = 1", "dim is 2 at the least, not 1"),
        ("[network]\nlookup = 1", "lookup is true or false, not 1"),
        ("[network]\ndropout = 1", "dropout is less than 1, not 1"),
        ("[network]\nneighbours = 5", "neighbours is a list, not 5"),
        ("[network]\nneighbours = [5, 'x']", "each of neighbours is a whole number, not 'x'"),
        ("[network]\nencoder = 'rgnc'", "unknown encoder 'rgnc'; there are .* did you mean rgcn"),
        ("[network]\nfeatures = ['prints']", "unknown each of features 'prints'"),
        ("[network]\ncontext = []", "unknown option 'context'"),
        ("[network", "is no TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message) as raised:
        read_settings(file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"decoder": "complex", "dim": 7}, "even dim, not 7"),
        ({"decoder": "rotate", "dim": 7}, "even dim"),
        ({"encoder": "hgt", "dim": 10}, "multiple of heads: 10 is none of 4"),
        ({"encoder": "lookup", "batch": 100}, "a lookup has none: set batch = 0"),
        ({"batch": 100, "layers": 1}, "a number for each layer: 2 for 1"),
    ],
)
def test_what_does_not_go_together(values: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_options(NetworkSettings(), values)


def test_a_file_for_another_command_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[paths]\nepochs = 1\n[links]\nmodel = 'paths'\n")
    assert read_with(file, {"paths": {"epochs": None}, "network": {}})["paths"] == {"epochs": 1}
    message = r"settings.toml.*\[paths\], \[links\] alone; this command reads \[relation_paths\]"
    with pytest.raises(DataError, match=message):
        read_with(file, {"relation_paths": {"epochs": 1}})


def test_text_is_written_as_toml_has_it() -> None:
    settings = TABLES["links"](relation='odd "\\ ü', context_relations=("A", "B"))
    read = tomllib.loads(to_toml({"links": settings}))["links"]
    assert read["relation"] == 'odd "\\ ü'
    assert read["context_relations"] == ["A", "B"]
