from __future__ import annotations

import json
from pathlib import Path

import pytest

from medkg.core.errors import DataError, SchemaError
from medkg.graph.schema import Schema


def test_the_default_schema_is_sound() -> None:
    schema = Schema.default()
    assert schema.relation("TARGETS").joins == (("Drug", "Target"),)
    assert schema.relation("TARGETS").properties == ("action", "role")
    assert not set(schema.kinds) & set(schema.relations)
    for kind in schema.kinds.values():
        assert kind.prefixes
        assert kind.biolink.startswith("biolink:")
    for relation in schema.relations.values():
        if relation.symmetric:
            assert all(head == tail for head, tail in relation.joins)


def test_unknown_names_list_what_there_is() -> None:
    with pytest.raises(SchemaError, match=r"unknown kind 'Gene'.*Target"):
        Schema.default().kind("Gene")
    with pytest.raises(SchemaError, match=r"unknown relation 'CURES'.*TREATS"):
        Schema.default().relation("CURES")


def test_a_file_of_ones_own_adds_to_it(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        '[kind.Device]\nbiolink = "biolink:Device"\nprefixes = ["UDI"]\n'
        '[relation.IMPLANTED]\nbiolink = "biolink:related_to"\njoins = [["Patient", "Device"]]\n'
    )
    schema = Schema.default().extended(file)
    assert schema.relation("IMPLANTED").joins == (("Patient", "Device"),)
    assert "Device" not in Schema.default().kinds


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[kind", "is no TOML"),
        ('[kind.Drug]\nbiolink = "b"\nprefixes = []\n', "'Drug' is there already"),
        ('[relation.EATS]\nbiolink = "b"\njoins = [["Drug", "Cake"]]\n', "unknown kind 'Cake'"),
        ('[kind."a b"]\nbiolink = "b"\nprefixes = []\n', "no plain name"),
        ("[kind.New]\nprefixes = []\n", "wrong or missing field"),
        ('[kind.New]\nbiolink = "b"\nprefixes = []\ncolor = "red"\n', "wrong or missing field"),
    ],
)
def test_what_is_wrong_with_it_is_named(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(DataError, match=message) as raised:
        Schema.default().extended(file)
    assert str(file) in str(raised.value)


def test_additions_are_what_medkgs_own_schema_lacks(tmp_path: Path) -> None:
    assert Schema.default().additions() == {"kind": {}, "relation": {}}
    file = tmp_path / "mine.toml"
    file.write_text(
        '[kind.Diet]\nbiolink = "biolink:Food"\nprefixes = ["FOODON"]\n'
        '[relation.EATEN_FOR]\nbiolink = "biolink:treats"\njoins = [["Diet", "Disease"]]\n',
        encoding="utf-8",
    )
    extended = Schema.default().extended(file)
    stated = json.loads(json.dumps(extended.additions()))
    assert list(stated["kind"]) == ["Diet"]
    assert Schema.default().with_additions(stated, "graph.json") == extended
    assert Schema.default().joined(extended) == extended == extended.joined(extended)
    other = tmp_path / "other.toml"
    other.write_text('[kind.Diet]\nbiolink = "biolink:Food"\nprefixes = ["X"]\n', encoding="utf-8")
    with pytest.raises(SchemaError, match="Diet means something else"):
        extended.joined(Schema.default().extended(other))
    with pytest.raises(DataError, match=r"graph\.json: .*there already"):
        extended.with_additions(stated, "graph.json")
