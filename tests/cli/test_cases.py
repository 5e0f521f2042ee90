"""`medkg split --cases` and `medkg evaluate diagnosis` as they are used."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from medkg.cases import open_cases
from medkg.cli import app
from medkg.core.errors import DataError, MissingError, ModelError
from medkg.core.quarantine import Quarantine
from tests.gnn.phenotype_graph import graph, patients, phenotypes_of


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A graph, and eight publications of four cases each."""
    folder = tmp_path_factory.mktemp("cases")
    kg = graph()
    kg.save(folder / "kg")
    rows = [
        (f"{p}_{i}", phenotypes_of(kg, f"OMIM:{i}")[:4], [], f"OMIM:{i}", f"PMID:{p}")
        for p in range(1, 9)
        for i in range(p, p + 4)
    ]
    patients(rows).save(folder / "cases")
    return folder


def run(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def unwrapped(text: str) -> str:
    """Without what depends on the width of the terminal."""
    return re.sub(r"[\s│]+", " ", text)


def test_split_train_evaluate(folder: Path) -> None:
    split, model = folder / "split", folder / "model"
    printed = unwrapped(
        run("split", folder / "kg", "--cases", folder / "cases", "--out", split).stdout
    )
    assert "cases by-date, tested from PMID:8 on" in printed
    report = json.loads(
        run(
            *("split", folder / "kg", "--cases", folder / "cases", "--out", split),
            *("--since", "PMID:7", "--json"),
        ).stdout
    )
    assert report["counts"]["test"]["cases"] == 8
    test = split / "test"
    train = ("train", "diagnosis", test / "knowledge", "--model", "naive_bayes", "--out", model)
    run(*train, "--cases", test / "earlier")
    result = run("evaluate", "diagnosis", model, "--cases", test / "cases")
    printed = unwrapped(result.stdout)
    assert "all: 8 cases, 2 publications" in printed
    assert "leaks: 0 cases" in printed
    assert "no figure can be above 1.000 over cases" in printed
    assert "What the model has over the baselines, paired" in printed
    figures = json.loads(
        run("evaluate", "diagnosis", model, "--cases", test / "cases", "--json").stdout
    )
    assert figures["figures"]["all"]["model"]["top_1"] > 0.8
    assert (figures["leaks"]["leaked"], figures["set_aside"]) == (0, [])
    with pytest.raises(ModelError, match="are known to naive_bayes already"):
        run("evaluate", "diagnosis", model, "--cases", split / "valid" / "cases")
    allowed = run(
        *("evaluate", "diagnosis", model, "--cases", folder / "cases", "--allow-leaks"),
    ).stdout
    assert "without leaks: 8 cases, 2 publications" in unwrapped(allowed)
    assert "24 × patient trained with" in unwrapped(allowed)


def test_models_are_compared(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from medkg.cli import show

    for name in ("resnik", "naive_bayes"):
        model = folder / f"compared-{name}"
        run("train", "diagnosis", folder / "kg", "--model", name, "--out", model)
    compare = (
        *("evaluate", "diagnosis", folder / "compared-naive_bayes", folder / "compared-resnik"),
        *("--cases", folder / "cases"),
    )
    monkeypatch.setattr(show.out, "width", 80)
    lines = run(*compare).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    printed = unwrapped(" ".join(lines))
    assert "all: 32 cases, 8 publications" in printed
    assert "A less the others, all" in printed
    # A table and no blocks: every model and stratum has a line.
    assert any(
        re.fullmatch(r"│ conditional\s*│ publications │( +[01]\.\d{3} │){3}", x) for x in lines
    )
    strata = [x for x in lines if re.match(r"│ not stated\s*│ +32 │", x)]
    assert len(strata) == 2 * len({"A", "B", "conditional", "resnik", "lin", "phrank"})
    assert re.search(r"B: \S+compared-\s?resnik \(resnik\)", printed)
    report = json.loads(run(*compare, "--json").stdout)
    assert list(report["folders"]) == list(report["models"]) == ["A", "B"]
    assert report["parts"]["all"]["differences"]["B"]["macro_top_1"] == pytest.approx(
        report["parts"]["all"]["figures"]["A"]["macro_top_1"]
        - report["parts"]["all"]["figures"]["B"]["macro_top_1"],
        abs=1e-4,
    )


def test_a_table_is_evaluated(folder: Path) -> None:
    model, table = folder / "resnik", folder / "cases.tsv"
    run("train", "diagnosis", folder / "kg", "--model", "resnik", "--out", model)
    table.write_text(
        "case\tphenotypes\tdiseases\na\tHP:0000001\tOMIM:100001\nb\tfever\tOMIM:100001\n",
        encoding="utf-8",
    )
    result = run("evaluate", "diagnosis", model, "--cases", table)
    assert "of 1 cases of 1 publications 0 have a disease" in unwrapped(result.stdout)
    assert "1 × something that is no identifier" in unwrapped(result.stderr)
    aside = json.loads(run("evaluate", "diagnosis", model, "--cases", table, "--json").stdout)[
        "set_aside"
    ]
    assert [(row["line"], row["row"]) for row in aside] == [(3, "patient:b")]


def test_where_cases_lie(folder: Path, tmp_path: Path) -> None:
    aside = Quarantine()
    assert open_cases(folder / "cases", aside).nodes.filter(kind="Patient").height == 32
    packet = {
        "id": "p1",
        "subject": {"id": "p1"},
        "phenotypicFeatures": [{"type": {"id": "HP:0000001", "label": "All"}}],
        "diseases": [{"term": {"id": "OMIM:100001", "label": "x"}}],
        "metaData": {"phenopacketSchemaVersion": "2.0"},
    }
    (tmp_path / "p.json").write_text(json.dumps(packet), encoding="utf-8")
    assert open_cases(tmp_path, aside).edges.height == 2
    with pytest.raises(MissingError, match="no such file"):
        open_cases(tmp_path / "none", aside)
    (tmp_path / "commas.csv").write_text("case,phenotypes,diseases\n", encoding="utf-8")
    with pytest.raises(DataError, match="divided by tabs"):
        open_cases(tmp_path / "commas.csv", aside)


def test_options_of_the_other_split_are_refused(folder: Path) -> None:
    given = ("split", folder / "kg", "--out", folder / "none")
    refused = run(*given, "--cases", folder / "cases", "--relation", "TARGETS", code=2)
    assert "relation is for edges" in unwrapped(refused.output)
    refused = run(*given, "--drop-cited", code=2)
    assert "--drop-cited is for --cases" in unwrapped(refused.output)
    refused = run(*given, "--cases", folder / "cases", "--since", "2021-05", code=2)
    assert "--since is a PMID" in unwrapped(refused.output)
    assert not (folder / "none").exists()
