"""Runs over many documents: by several processes, interrupted, and with documents that break."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch
from spacy.tokens import Doc

from medkg.core.errors import DataError, MedkgError
from medkg.core.quarantine import Quarantine
from medkg.extract import chunks, workers
from medkg.extract.documents import TextDocument
from medkg.extract.run import Summary, read_documents
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph

from . import deadly
from .test_pipeline import DOCUMENTS, NOTE


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recogniser that finds fever, with the component of `deadly`, here and in workers."""
    monkeypatch.syspath_prepend(str(deadly.installed(tmp_path / "installed")))
    return deadly.model(tmp_path / "model")


def notes(*texts: str) -> list[TextDocument]:
    return [TextDocument(f"note:{n}", text, f"patient:{n}") for n, text in enumerate(texts)]


def test_the_number_of_workers_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 3)
    documents = [*DOCUMENTS, *notes(*(f"{NOTE} He has had {n} seizures." for n in range(7)))]
    summaries = [Summary(), Summary()]
    graphs = [
        read_documents(documents, graph(), workers=number, summary=summary)
        for number, summary in zip((1, 3), summaries, strict=True)
    ]
    assert graphs[0].checksum() == graphs[1].checksum()
    for name in ("nodes", "edges", "evidence"):
        assert getattr(graphs[0], name).equals(getattr(graphs[1], name)), name
    counts = [{**summary.as_dict(), "seconds": 0, "words_per_second": 0} for summary in summaries]
    assert counts[0] == counts[1]
    assert (counts[0]["documents"], counts[0]["resumed"]) == (10, 0)
    assert counts[0]["words"] == sum(len(document.text.split()) for document in documents)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_document_that_breaks_is_set_aside(
    model: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 4)
    bad = ("trouble", "memory", "boom") if workers > 1 else ("trouble", "memory")
    texts = [f"Fever {word}." for word in ("a", bad[0], "b", "c", "d", *bad[1:], "e")]
    quarantine = Quarantine()
    kg = read_documents(notes(*texts), graph(), model=model, workers=workers, quarantine=quarantine)
    aside = {int(row.path.removeprefix("note:")): row.reason for row in quarantine}
    assert set(aside) == {n for n, text in enumerate(texts) if text.split()[1][:-1] in bad}
    good = [document for n, document in enumerate(notes(*texts)) if n not in aside]
    assert kg.checksum() == read_documents(good, graph(), model=model).checksum()
    expected = {
        "document can't be processed (ValueError)",
        "document can't be processed (MemoryError)",
        "document ends the process that reads it (exit code -9)",
    }
    assert set(aside.values()) == set(sorted(expected)[: len(bad)])
    assert "secret" not in str(quarantine.rows)


def test_a_worker_that_is_killed_by_others_costs_no_document(
    model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 4)
    documents = notes(*(f"A slow fever {n}." for n in range(12)))
    give = workers.Worker.give
    killed: list[int] = []

    def give_and_kill(self: workers.Worker, task: chunks.Chunk) -> None:
        give(self, task)
        if not killed:
            assert self.process.pid is not None
            os.kill(self.process.pid, signal.SIGKILL)
            killed.append(self.process.pid)

    monkeypatch.setattr(workers.Worker, "give", give_and_kill)
    kg = read_documents(documents, graph(), model=model, workers=2)
    assert killed
    assert kg.checksum() == read_documents(documents, graph(), model=model).checksum()
    assert not multiprocessing.active_children()


def test_workers_that_can_t_load_their_models_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MedkgError, match="nothing_such"):
        read_documents(notes("Fever."), graph(), model="nothing_such", workers=2)
    assert not multiprocessing.active_children()


def test_without_workers_this_process_reads(model: Path) -> None:
    kg = read_documents(notes("Fever."), graph(), model=model, workers=0)
    assert kg.checksum() == read_documents(notes("Fever."), graph(), model=model).checksum()
    assert kg.edges.filter(relation="HAS_PHENOTYPE").height == 1


def test_an_engine_that_there_is_not_is_an_error() -> None:
    with pytest.raises(DataError, match="no engine 'spark'; there are processes, ray"):
        read_documents(notes("Fever."), graph(), engine="spark")  # type: ignore[arg-type]


def test_what_was_finished_is_taken_over_if_nothing_has_changed(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(chunks, "_MAX_DOCUMENTS", 2)
    documents = notes("Fever.", "No fever.", "Fever again.", "Trouble: trouble.", "A fever.")
    keep = tmp_path / "keep"

    def read(documents: list[TextDocument], **options: Any) -> tuple[str, int, int]:
        summary, quarantine = Summary(), Quarantine()
        kg = read_documents(
            documents, graph(), model=model, keep=keep, summary=summary,
            quarantine=quarantine, **options,
        )  # fmt: skip
        return kg.checksum(), summary.resumed, len(quarantine)

    first = read(documents)
    assert first[1:] == (0, 1)
    assert read(documents) == (first[0], 4, 1)
    changed = [*documents[:4], TextDocument("note:4", "Another fever.", "patient:4")]
    assert read(changed)[1:] == (3, 1)
    assert read(documents, sentences=False)[1:] == (0, 1)
    assert read(documents, min_probability=0.5)[1:] == (0, 1)
    assert read(list(reversed(documents)))[1:] == (0, 1)
    assert (keep.stat().st_mode & 0o077, min(f.stat().st_mode & 0o077 for f in keep.iterdir())) == (
        0,
        0,
    )


def test_what_is_finished_of_a_chunk_is_kept_after_some_seconds(
    model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(workers, "_BATCH", 2)
    monkeypatch.setattr(workers, "_SAVE_SECONDS", 0.0)
    documents = notes("Fever.", "Trouble: trouble.", "No fever.", "Fever again.", "A fever.")
    keep = tmp_path / "keep"
    add = workers.GraphRows.add

    def interrupted(self: workers.GraphRows, document: TextDocument, doc: Doc) -> None:
        if document.id == "note:4":
            raise KeyboardInterrupt
        add(self, document, doc)

    with monkeypatch.context() as patch:
        patch.setattr(workers.GraphRows, "add", interrupted)
        with pytest.raises(KeyboardInterrupt):
            read_documents(documents, graph(), model=model, keep=keep, quarantine=Quarantine())
    summary, aside = Summary(), Quarantine()
    kg = read_documents(
        documents, graph(), model=model, keep=keep, quarantine=aside, summary=summary
    )  # fmt: skip
    assert (summary.documents, summary.resumed, summary.read_words) == (4, 3, 2)
    assert [row.path for row in aside] == ["note:1"]
    assert kg.checksum() == read_documents(
        documents, graph(), model=model, quarantine=Quarantine()
    ).checksum()  # fmt: skip
    assert [file.name.startswith("begun-") for file in keep.glob("*.parquet")] == [False]


COMMAND = "import sys; from medkg.cli import main; main()"


def command(folder: Path, *arguments: str, slow: float = 0.0) -> subprocess.Popen[str]:
    paths = [str(folder / "installed"), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    environment["DEADLY_SLOW"] = str(slow)
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, "extract", *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_a_run_over_a_folder_resumes(model: Path, tmp_path: Path, end: signal.Signals) -> None:
    graph().save(tmp_path / "terms")
    (tmp_path / "notes").mkdir()
    for number in range(94):
        text = "A slow fever." if number >= 64 else "Fever."
        (tmp_path / "notes" / f"{number:03}.txt").write_text(text, encoding="utf-8")
    arguments = ["notes", "--out", "out", "--graph", "terms", "--model", "model", "--json"]
    if end == signal.SIGKILL:
        arguments += ["--workers", "2"]
    first = command(tmp_path, *arguments, slow=0.2)
    keep = tmp_path / ".out.parts"
    wait_until(lambda: first.poll() is not None or bool(list(keep.glob("*.parquet"))))
    children = psutil.Process(first.pid).children(recursive=True)
    # As the terminal does on Ctrl-C: to all of them.
    os.killpg(first.pid, end) if end == signal.SIGINT else os.kill(first.pid, end)
    _, output = first.communicate(timeout=60)
    assert first.returncode == (130 if end == signal.SIGINT else -end), output
    if end == signal.SIGINT:
        assert "goes on from what was finished" in output
        assert "Traceback" not in output
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive
    assert not (tmp_path / "out").exists()
    assert list(keep.glob("*.parquet"))
    second = command(tmp_path, *arguments)
    written, output = second.communicate(timeout=300)
    assert second.returncode == 0, output
    summary = json.loads(written)
    assert summary["documents"] == 94
    # A worker whose run was killed finishes its chunk.
    assert summary["resumed"] in ((64,) if end == signal.SIGINT else (64, 94))
    assert not keep.exists()
    kg = KnowledgeGraph.open(tmp_path / "out")
    assert kg.nodes.filter(kind="Document").height == 94
    assert kg.edges.filter(relation="HAS_PHENOTYPE").height == 94


def wait_until(there: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not there():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_two_runs_don_t_write_to_one_place(tmp_path: Path) -> None:
    with chunks.locked_folder(tmp_path / "keep"), pytest.raises(DataError, match="another run"):
        read_documents(notes("Fever."), graph(), keep=tmp_path / "keep")


def test_a_refused_run_leaves_the_other_s_folder_alone(tmp_path: Path) -> None:
    with chunks.locked_folder(tmp_path / "keep") as keep:
        with pytest.raises(DataError, match="another run"):
            read_documents(notes("Fever."), graph(), keep=keep)
        assert keep.is_dir()
        (keep / "x.parquet").touch()
    assert keep.is_dir()
    (keep / "x.parquet").unlink()
    with chunks.locked_folder(keep):
        pass
    assert not keep.exists()
