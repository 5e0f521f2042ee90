"""Codes of models' labels, and the user's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from medkg import signals
from medkg.core.errors import DataError
from medkg.graph.kg import KnowledgeGraph
from medkg.signals.codes import Code, read_codes

SHIPPED = '[V]\ncode = "HP:0006682"\nname = "Premature ventricular contraction"\n'


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    file = tmp_path / "shipped.toml"
    file.write_text(SHIPPED, encoding="utf-8")
    return file


def test_the_users_own_go_first(shipped: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[V]\ncode = "SNOMEDCT:17338001"\nname = "VES"\n', encoding="utf-8")
    assert read_codes(shipped)["V"].code == "HP:0006682"
    assert read_codes(shipped, own) == {"V": Code("SNOMEDCT:17338001", "VES")}


@pytest.mark.parametrize(
    "entry",
    [
        'code = "HP:1"',
        'code = "1"\nname = "x"',
        'code = "HP:1"\nname = "x"\nnmae = "y"',
        "code = 1",
    ],
)
def test_an_entry_has_a_code_and_a_name_alone(shipped: Path, tmp_path: Path, entry: str) -> None:
    own = tmp_path / "own.toml"
    own.write_text(f"[V]\n{entry}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"\[V\] needs code"):
        read_codes(shipped, own)


def test_what_ships_is_of_hpo_by_its_names(hpo: KnowledgeGraph) -> None:
    names = dict(hpo.nodes.select("id", "name").iter_rows())
    tables = list(Path(signals.__path__[0]).rglob("codes.toml"))
    assert len(tables) == 3  # ecg, eeg, images
    for table in tables:
        for code, name in read_codes(table).values():
            assert names[code] == name
