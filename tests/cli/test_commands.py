"""The command line on good and on bad input: exit codes, messages, nothing half-written."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest
from typer.testing import CliRunner

from medkg.cli import _TOPICS, app, main
from medkg.cli.app import OneValueCommand
from medkg.core.errors import DataError
from medkg.graph import spill
from medkg.graph.frames import FRAMES
from medkg.graph.kg import KnowledgeGraph
from medkg.graph.store import connect
from tests.disks import Disk, file_limit
from tests.graph.graphs import small


class Result(NamedTuple):
    code: int
    out: str
    err: str


Medkg = Callable[..., Result]


@pytest.fixture
def medkg(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Medkg:
    def run(*arguments: object) -> Result:
        monkeypatch.setattr(sys, "argv", ["medkg", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Result(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    small().save(tmp_path / "graph")
    return tmp_path / "graph"


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("medkg", {"torch", "spacy", "transformers", "polars", "networkx", "sklearn"}),
        ("medkg.cli", {"torch", "spacy", "transformers", "polars", "networkx", "sklearn"}),
        (  # what answers from a trained model
            "medkg.diagnosis, medkg.cli.recommend, medkg.mining.links.model",
            {"torch_geometric", "spacy", "transformers", "sklearn"},
        ),
    ],
)
def test_importing_loads_nothing_heavy(modules: str, heavy: set[str]) -> None:
    probe = f"import {modules}, sys; print([m for m in {heavy} if m in sys.modules])"
    process = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert process.stdout.strip() == "[]"


def test_a_disk_that_takes_no_more_is_named_and_nothing_is_half_written(
    medkg: Medkg, tmp_path: Path
) -> None:
    with file_limit(20_000):
        result = medkg("load", "starter", "--out", tmp_path / "graph")
    assert result.code == 1
    assert result.err.startswith(f"medkg: {tmp_path / 'graph'}: a file would be larger than")
    assert not list(tmp_path.iterdir())


def test_a_full_disk_of_temporary_files_is_named(
    medkg: Medkg, tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = disk("size=100k")
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(spill, "MOST_IN_MEMORY", 3)
    monkeypatch.setattr(spill, "_FLUSH", 3)
    result = medkg("load", "starter", "--out", tmp_path / "graph")
    assert result.code == 1
    assert result.err.startswith(f"medkg: {folder}/medkg.")
    assert "the disk is full" in result.err
    assert "TMPDIR" in result.err
    gc.collect()
    assert not list(folder.iterdir())
    assert not (tmp_path / "graph").exists()


def run_in_ascii(*arguments: str | bytes, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command line where Python takes the names of files to be ASCII."""
    code = "from medkg.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=cwd,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"},
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
    )


def test_a_name_that_is_not_ascii_is_usable_in_any_locale(tmp_path: Path, graph: Path) -> None:
    graph.rename(tmp_path / "größe")
    result = run_in_ascii("merge", "größe", "--out", "μ/graph", cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("μ/graph: ")
    assert KnowledgeGraph.open(tmp_path / "μ" / "graph").counts["edges"]


@pytest.mark.parametrize("arguments", [["info", b"\xe9"], ["merge", "graph", "--out", b"\xe9"]])
def test_a_name_that_is_not_utf8_is_said_to_be_the_trouble(
    tmp_path: Path, graph: Path, arguments: list[str | bytes]
) -> None:
    shutil.copytree(graph, os.fsdecode(bytes(tmp_path) + b"/\xe9"))
    result = run_in_ascii(*arguments, cwd=tmp_path)
    assert result.returncode == 1
    # Half a character can't be shown.
    assert re.fullmatch(
        r"medkg: \W+: the name is not UTF-8, and can't be used; rename it\n", result.stderr
    )


def test_a_command_that_is_asked_to_end_stops_its_server(tmp_path: Path) -> None:
    code = "import sys; from medkg.cli import main; sys.argv[1:] = ['serve', 's']; main()"
    (tmp_path / "s").mkdir()
    command = subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    assert command.stdout is not None
    while "Ctrl-C" not in command.stdout.readline():
        assert command.poll() is None
    assert (tmp_path / "s" / "server.json").exists()
    command.terminate()
    assert command.wait(60) == 143
    assert not (tmp_path / "s" / "server.json").exists()


def test_extract_is_a_call_and_a_package(tmp_path: Path) -> None:
    import medkg.extract.mentions.names  # the import that makes `medkg.extract` the package

    (tmp_path / "empty.txt").touch()
    for _ in range(2):
        with pytest.raises(DataError, match=r"empty\.txt: file is empty"):
            medkg.read_texts([tmp_path / "empty.txt"], terminology=small())


def test_an_option_of_a_source_takes_one_value(medkg: Medkg, tmp_path: Path) -> None:
    twice = medkg("load", "starter", "--option", "a=1", "--option", "a=2", "--out", tmp_path / "g")
    assert twice.code == 2
    assert "--option a was given twice" in twice.err


@pytest.mark.parametrize(
    "command",
    [
        ["quickstart"],
        ["doctor"],
        ["sources"],
        ["load"],
        ["extract"],
        ["merge"],
        ["unmerge"],
        ["info"],
        ["check"],
        ["write"],
        ["read"],
        ["forget"],
        ["serve"],
        ["query"],
        ["view"],
        ["export"],
        ["split"],
        ["train", "links"],
        ["train", "diagnosis"],
        ["train", "ner"],
        ["train", "relations"],
        ["predict"],
        ["explain"],
        ["diagnose"],
        ["evaluate", "links"],
        ["evaluate", "diagnosis"],
        ["evaluate", "ner"],
        ["evaluate", "relations"],
        ["evaluate", "linking"],
        ["evaluate", "notes"],
    ],
)
def test_every_command_has_help_with_an_example(medkg: Medkg, command: list[str]) -> None:
    result = medkg(*command, "-h")
    assert result.code == 0
    assert f"Example: medkg {' '.join(command)}" in " ".join(result.out.split())


def test_version(medkg: Medkg) -> None:
    assert medkg("--version") == Result(0, f"medkg {version('medkg')}\n", "")


def test_info_check_and_merge(medkg: Medkg, graph: Path, tmp_path: Path) -> None:
    facts = json.loads(medkg("info", graph, "--json").out)
    assert facts["edges"] == 6
    assert "nothing doubtful" in medkg("check", graph).out
    merged = medkg("merge", graph, graph, "--out", tmp_path / "both", "--json")
    assert json.loads(merged.out)["evidence"] == small().evidence.height
    assert KnowledgeGraph.open(tmp_path / "both").checksum() == small().checksum()


def test_a_damaged_graph_is_reported_and_mended(medkg: Medkg, tmp_path: Path) -> None:
    frames = {name: getattr(small(), name) for name in FRAMES}
    wrong = frames["evidence"].head(1).with_columns(id=pl.lit("e"), relation=pl.lit("ADMIRES"))
    frames["evidence"] = pl.concat([frames["evidence"], wrong])
    KnowledgeGraph(frames, small().sources).save(tmp_path / "bad")
    report, good = tmp_path / "doubts.jsonl", tmp_path / "good"
    check = medkg("check", tmp_path / "bad", "--report", report)
    assert "unknown relation" in check.out
    assert "ADMIRES" in report.read_text("utf-8")
    mended = medkg("check", tmp_path / "bad", "--fix", good, "--json")
    answer = json.loads(mended.out)
    assert [finding["name"] for finding in answer["findings"]] == ["unknown relation"]
    assert answer["fixed"] == {"unknown relation": 1}
    aside = Path(answer["quarantine"]).read_text("utf-8").splitlines()
    assert [json.loads(line)["reason"] for line in aside] == ["unknown relation"]
    assert KnowledgeGraph.open(good).checksum() == small().checksum()
    again = medkg("check", good, "--fix", good)
    assert "nothing doubtful" in again.out
    assert "mended: nothing" in again.out


def test_a_merge_is_undone(medkg: Medkg, tmp_path: Path) -> None:
    nodes = pl.DataFrame(
        {"id": ["OMIM:1", "DOID:9"], "kind": "Disease", "name": "gout", "xrefs": [[], ["OMIM:1"]]}
    )
    evidence = small().evidence.clear().drop("id", "edge")
    KnowledgeGraph.build(nodes, evidence, []).save(tmp_path / "two")
    one, apart = tmp_path / "one", tmp_path / "apart"
    assert medkg("merge", tmp_path / "two", "--out", one).code == 0
    assert KnowledgeGraph.open(one).nodes["id"].to_list() == ["OMIM:1"]
    assert medkg("unmerge", one, "DOID:9", "--out", apart).code == 0
    assert KnowledgeGraph.open(apart).nodes["id"].to_list() == ["DOID:9", "OMIM:1"]
    assert "was not merged" in medkg("unmerge", apart, "DOID:9", "--out", apart).err


def test_a_server_is_read_in_part_and_viewed(medkg: Medkg, graph: Path, tmp_path: Path) -> None:
    uri, part = f"embedded:{tmp_path / 'server'}", tmp_path / "part"
    with connect(uri):  # so that the commands share one server
        assert medkg("write", graph, "--into", uri).code == 0
        options = ("--around", "imatinib", "--relation", "TARGETS", "--min-probability", 0.5)
        assert medkg("read", uri, *options, "--out", part).code == 0
        expected = small().neighbourhood("imatinib", relations=["TARGETS"], min_probability=0.5)
        assert KnowledgeGraph.open(part).checksum() == expected.checksum()
        options = ("--around", "imatinib", "--hops", 2, "--most", 1)
        assert medkg("read", uri, *options, "--out", part).code == 0
        expected = small().neighbourhood("imatinib", hops=2, most=1)
        assert expected.counts["edges"] < small().neighbourhood("imatinib", hops=2).counts["edges"]
        assert KnowledgeGraph.open(part).checksum() == expected.checksum()
        assert "--most goes with --around" in medkg("read", uri, "--most", 1, "--out", part).err
        assert medkg("read", uri, "--kind", "Drug", "--out", part).code == 0
        assert set(KnowledgeGraph.open(part).nodes["kind"]) == {"Drug"}
        shown = medkg("view", uri, "imatinib", "--out", tmp_path / "page.html")
        assert "5 nodes shown, 1 held back" in " ".join(shown.out.split())
    assert "no such folder" in medkg("view", "embedded:no", "x", "--out", "p.html").err


def test_a_source_is_forgotten(medkg: Medkg, graph: Path) -> None:
    summary = json.loads(medkg("forget", graph, "--source", "text", "--json").out)
    assert (summary["evidence"], summary["sources"], summary["unknown"]) == (4, 1, [])
    assert set(KnowledgeGraph.open(graph).evidence["source"]) == {"curated"}
    slip = medkg("forget", graph, "--document", "note:x")
    assert "not there: note:x" in slip.out
    assert slip.code == 1
    assert medkg("forget", graph).code == 1


def test_export_writes_what_can_be_loaded_again(medkg: Medkg, graph: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "kgx", tmp_path / "back"
    assert medkg("export", graph, "--format", "kgx", "--out", out).code == 0
    assert medkg("load", "kgx", "--path", out, "--out", back).code == 0
    assert KnowledgeGraph.open(back).checksum() == KnowledgeGraph.open(graph).checksum()
    result = medkg("export", graph, "--format", "neo4j-import", "--out", tmp_path / "neo4j")
    assert "neo4j-admin database import full" in result.out
    refused = medkg("export", graph, "--format", "dot", "--out", tmp_path / "dot")
    assert refused.code == 1
    assert "there are kgx, kgx-jsonl" in refused.err


def test_one_source_is_shown_in_full(medkg: Medkg) -> None:
    shown = json.loads(medkg("sources", "hetionet", "--json").out)
    assert shown["files"] == "downloaded"
    assert shown["downloads"]
    assert "het.io" in medkg("sources", "hetionet").out
    assert "there is no source 'nonesuch'" in medkg("sources", "nonesuch").err


def test_starter_loads_and_sources_are_listed(medkg: Medkg, tmp_path: Path) -> None:
    assert medkg("load", "starter", "--out", tmp_path / "starter").code == 0
    assert KnowledgeGraph.open(tmp_path / "starter").nodes.filter(kind="Drug").height >= 200
    named = {row["name"] for row in json.loads(medkg("sources", "--json").out)}
    assert {"hpo", "hetionet", "starter"} <= named


def test_view_writes_a_page(medkg: Medkg, graph: Path, tmp_path: Path) -> None:
    result = medkg("view", graph, "imatinib", "--out", tmp_path / "page.html")
    assert result.code == 0
    assert "Gastrointestinal stromal tumor" in (tmp_path / "page.html").read_text()


def test_doctor_names_what_is_there(medkg: Medkg) -> None:
    report = json.loads(medkg("doctor", "--json").out)
    assert report["embedded server"].startswith("ready")
    assert "ner" in report["text models"]
    assert float(report["memory"].removesuffix(" GiB")) > 0.5
    assert re.fullmatch(r"\d+ GiB free here, \d+ GiB free for the cache", report["disk"])
    assert "scispacy" in report["extras"] or report["extras"] == "all"


def test_doctor_says_which_extras_to_install(medkg: Medkg, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = {"pypdf", "optuna"}
    monkeypatch.setattr(
        "medkg.doctor.find_spec", lambda name: None if name in absent else find_spec(name)
    )
    report = json.loads(medkg("doctor", "--json").out)
    assert report["extras"] == "all but pdf, tune: pip install 'medkg[pdf,tune]'"


def test_the_commands_are_listed_by_topic(medkg: Medkg) -> None:
    text = medkg("-h").out
    topics = re.findall(r"─ (\w[\w ]+) ─", text)
    assert topics == ["Options", *_TOPICS]
    for topic, command in (("Graphs", "merge"), ("Servers and questions", "query")):
        after = text[text.index(f"─ {topic} ─") :]
        panel = after[: after.index("╰")]
        assert re.search(rf"│ {command} ", panel), (topic, command)


def test_a_shell_completes_commands() -> None:
    words = {"COMP_WORDS": "medkg ex", "COMP_CWORD": "1", "_MEDKG_COMPLETE": "complete_bash"}
    command = [str(Path(sys.executable).parent / "medkg")]
    done = subprocess.run(command, env=os.environ | words, capture_output=True, check=False)
    assert sorted(done.stdout.decode().split()) == ["explain", "export", "extract"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "{tmp}/none"], "is not there; give a graph folder"),
        (["load", "wikipedia", "--out", "{tmp}/x"], "there is no source 'wikipedia'; there are"),
        (["load", "hetionet", "--out", "{tmp}/x"], "--path"),
        (["load", "hetionet", "--path", "{tmp}/none", "--out", "{tmp}/x"], "{tmp}/none"),
        (["view", "{graph}", "imatinab", "--out", "{tmp}/x"], "near: Imatinib"),
        (["predict", "{tmp}/none", "--head", "x"], "is no model folder"),
        (["diagnose", "{graph}", "--symptom", "x"], "is no model folder"),
        (["write", "{graph}", "--into", "bolt://127.0.0.1:1"], "bolt://127.0.0.1:1"),
        (["info", "--on", "gopher://x"], "gopher"),
        (["merge", "{graph}", "--out", "{tmp}"], "other things in it"),
        (["load", "starter", "--out", "{tmp}"], "other things in it"),
        (["extract", "{graph}/graph.json", "--out", "{tmp}"], "other things in it"),
        (["train", "links", "{graph}", "--out", "{tmp}"], "other things in it"),
        (["train", "diagnosis", "{graph}", "--out", "{tmp}"], "other things in it"),
        (
            ["extract", "{graph}/nodes.parquet", "--graph", "{graph}", "--out", "{tmp}/x"],
            "{graph}/nodes.parquet: file is no text; save what it holds as text or PDF (nothing"
            " could be read)",
        ),
    ],
)
def test_bad_input_is_named_with_exit_code_1_and_nothing_written(
    medkg: Medkg, graph: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    def fill(text: str) -> str:
        return text.format(tmp=tmp_path, graph=graph)

    result = medkg(*map(fill, arguments))
    assert result.code == 1
    assert fill(message) in result.err
    assert "Traceback" not in result.err
    assert {path.name for path in tmp_path.iterdir()} == {"graph"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["info"],
        ["frobnicate"],
        ["load", "starter"],
        ["query", "why", "--on", "bolt://127.0.0.1:1", "--param", "x"],
        ["predict", "model"],
        ["diagnose", "model"],
    ],
)
def test_wrong_usage_is_exit_code_2(medkg: Medkg, arguments: list[str]) -> None:
    assert medkg(*arguments).code == 2


def test_a_table_by_a_mapping(medkg: Medkg, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("drug,gene\nDB00001,5742\nDB00002,\n", encoding="utf-8")
    (tmp_path / "m.yaml").write_text(
        """
source: {name: mine, release: "1", licence: CC0-1.0}
tables:
  - edges:
      - head: {kind: Drug, id: "drugbank:{drug}"}
        relation: TARGETS
        tail: {kind: Target, id: "NCBIGene:{gene}"}
""",
        encoding="utf-8",
    )
    given = ["load", "table", "--path", tmp_path / "t.csv", "--mapping", tmp_path / "m.yaml"]
    shown = medkg(*given, "--dry-run")
    assert shown.code == 0
    for text in ("drugbank:DB00001", "TARGETS", "NCBIGene:5742", "no identifier"):
        assert text in shown.out
    assert "synonyms" not in shown.out  # a column in which nothing stands
    made = json.loads(medkg(*given, "--dry-run", "--json").out)
    assert [row["object"] for row in made["evidence"]] == ["NCBIGene:5742"]
    assert [row["line"] for row in made["set_aside"]] == [3]
    assert {path.name for path in tmp_path.iterdir()} == {"t.csv", "m.yaml"}
    summary = json.loads(medkg(*given, "--out", tmp_path / "kg", "--json").out)
    assert (summary["edges"], summary["set_aside"]) == (1, {"no identifier": 1})
    assert medkg(*given).code == 2
    wrong = (tmp_path / "m.yaml").read_text(encoding="utf-8").replace("{gene}", "{genes}")
    (tmp_path / "m.yaml").write_text(wrong, encoding="utf-8")
    refused = medkg(*given, "--dry-run")
    assert refused.code == 1
    assert "m.yaml, line 7" in refused.err
    assert "did you mean gene?" in refused.err


def test_a_damaged_graph_and_model_are_named(medkg: Medkg, graph: Path, tmp_path: Path) -> None:
    (graph / "nodes.parquet").write_bytes(b"PAR1")
    result = medkg("info", graph)
    assert result.code == 1
    assert "nodes.parquet: doesn't match the checksum" in result.err
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{")
    result = medkg("predict", tmp_path / "model", "--head", "x")
    assert result.code == 1
    assert "config.json: is damaged" in result.err


def test_extract_sets_unreadable_files_aside_and_goes_on(medkg: Medkg, tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "good.txt").write_text("Imatinib inhibits KIT. She has fever but no cough.")
    (notes / "empty.txt").write_text("")
    (notes / "latin.txt").write_bytes("Fièvre élevée".encode("latin-1"))
    small().save(tmp_path / "graph")
    result = medkg(
        "extract", notes, "--graph", tmp_path / "graph", "--out", tmp_path / "out", "--json"
    )
    assert result.code == 0
    summary = json.loads(result.out)
    assert sum(summary["set_aside"].values()) == 2
    rows = [json.loads(line) for line in Path(summary["quarantine"]).read_text().splitlines()]
    assert {Path(row["path"]).name for row in rows} == {"empty.txt", "latin.txt"}
    kg = KnowledgeGraph.open(tmp_path / "out")
    assert "drugbank:DB00619" in kg.nodes["id"]


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_too_little_memory_leaves_nothing_half_written(tmp_path: Path) -> None:
    small().save(tmp_path / "kg")
    program = (
        "import resource, sys\nfrom medkg.cli import main\nimport medkg.graph.merge\n"
        "used = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize()\n"
        "resource.setrlimit(resource.RLIMIT_AS, (used + (4 << 20),) * 2)\n"
        "main()\n"
    )
    out = tmp_path / "out"
    ended = subprocess.run(
        [sys.executable, "-c", program, "merge", tmp_path / "kg", "--out", out],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["kg"]


def test_too_little_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_much(*_: object) -> None:
        bytearray(1 << 62)

    small().save(tmp_path / "kg")
    monkeypatch.setattr("medkg.graph.merge.merge", too_much)
    arguments = ["merge", str(tmp_path / "kg"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["medkg", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "medkg: the memory that this process may use is not enough" in capsys.readouterr().err


def test_threads_sleep_while_they_wait_unless_told_otherwise(
    medkg: Medkg, monkeypatch: pytest.MonkeyPatch
) -> None:
    for given, expected in ((None, "passive"), ("active", "active")):
        monkeypatch.setenv("OMP_WAIT_POLICY", given or "")
        if given is None:
            monkeypatch.delenv("OMP_WAIT_POLICY")
        medkg("sources")
        assert os.environ["OMP_WAIT_POLICY"] == expected


def test_an_option_of_one_value_is_given_once(tmp_path: Path) -> None:
    """Of two notes the first would be dropped, and nobody be told."""
    twice = ["diagnose", str(tmp_path), "--note", "one.txt", "--note", "two.txt"]
    result = CliRunner().invoke(app, twice)
    assert result.exit_code == 2
    assert "--note" in result.output
    assert "given twice" in result.output
    several = ["diagnose", str(tmp_path), "--symptom", "Fever", "--symptom", "Cough", "--json"]
    assert "given twice" not in CliRunner().invoke(app, [*several, "--json"]).output
    for group in (app, *(each.typer_instance for each in app.registered_groups)):
        assert group is not None
        assert all(command.cls is OneValueCommand for command in group.registered_commands)
