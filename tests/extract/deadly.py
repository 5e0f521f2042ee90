"""A component that ends, breaks or slows the process that reads certain words."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import spacy
from spacy.language import Language
from spacy.tokens import Doc


@Language.factory("deadly")
def create_deadly(nlp: Language, name: str) -> Deadly:
    """The factory that another process finds by its entry point."""
    return Deadly()


class Deadly:
    """Does to its process what the text says."""

    def __call__(self, doc: Doc) -> Doc:
        if "boom" in doc.text:
            os.kill(os.getpid(), signal.SIGKILL)
        if "trouble" in doc.text:
            raise ValueError("secret words")
        if "memory" in doc.text:
            raise MemoryError
        if "slow" in doc.text:
            time.sleep(float(os.environ.get("DEADLY_SLOW", "0.05")))
        return doc


def model(folder: Path) -> Path:
    """A spaCy model with this component, which finds fever."""
    nlp = spacy.blank("en")
    nlp.add_pipe("deadly")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "SYMPTOM", "pattern": [{"lower": "fever"}]}])
    nlp.to_disk(folder)
    return folder


def installed(folder: Path) -> Path:
    """A folder for `sys.path` in which spaCy finds the component."""
    about = folder / "deadly-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "deadly.py").write_text(Path(__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: deadly\nVersion: 1.0\n")
    entry = "[spacy_factories]\ndeadly = deadly:create_deadly\n"
    (about / "entry_points.txt").write_text(entry)
    return folder
