"""scispaCy's linker over a small UMLS of its own form, from its cache; nothing is fetched.

These need the extra: `pip install '.[scispacy]' -c constraints.txt`.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import joblib
import numpy as np
import polars as pl
import pytest
import scipy.sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from medkg.core.errors import MissingError, ModelError
from medkg.extract import sentences as _sentences  # noqa: F401 (likewise)
from medkg.extract.linking import component as _linker  # noqa: F401 (registers the component)
from medkg.graph.kg import KnowledgeGraph
from tests.extract.made_graph import graph

from ..marked import marked, pipeline

nmslib = pytest.importorskip("nmslib", reason="the extra scispacy is not installed")
candidate_generation = pytest.importorskip("scispacy.candidate_generation")
file_cache = pytest.importorskip("scispacy.file_cache")
linking_utils = pytest.importorskip("scispacy.linking_utils")

# scispaCy's knowledge bases: https://github.com/allenai/scispacy/blob/main/scispacy/linking_utils.py
ENTITIES = [
    ("C0004057", "aspirin", ["acetylsalicylic acid", "ASA tablets"]),
    ("C0015967", "fever", ["pyrexia", "raised temperature"]),
    ("C0002994", "angioedema", ["angioneurotic edema"]),
    ("C0018681", "headache", ["cephalgia", "head pain"]),
]


def terminology() -> KnowledgeGraph:
    nodes = pl.DataFrame(
        [
            ("UMLS:C0018681", "Symptom", "Headache", []),
            ("HP:0001945", "Symptom", "Fever", ["UMLS:C0015967"]),
            ("drugbank:DB00945", "Drug", "Aspirin", ["UMLS:C0004057"]),
        ],
        schema={"id": pl.String, "kind": pl.String, "name": pl.String, "xrefs": pl.List(pl.String)},
        orient="row",
    )
    none = dict.fromkeys(("subject", "relation", "object", "source"), pl.String)
    return KnowledgeGraph.build(nodes, pl.DataFrame(schema=none), [])


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of scispaCy's."""
    folder = tmp_path / "datasets"
    folder.mkdir()
    monkeypatch.setattr(file_cache, "DATASET_CACHE", str(folder))
    return folder


@pytest.fixture
def umls(cache: Path, tmp_path: Path) -> Path:
    """The cache with a small UMLS in it, under the names that scispaCy gives its files."""
    lines = [
        json.dumps({"concept_id": i, "canonical_name": name, "aliases": aliases, "types": []})
        for i, name, aliases in ENTITIES
    ]
    base = tmp_path / "umls.jsonl"
    base.write_text("\n".join(lines), encoding="utf-8")
    paths = candidate_generation.LinkerPaths.from_directory(tmp_path)
    # What `create_tfidf_ann_index` makes, which itself refuses to run on Python 3.11.
    aliases = sorted(linking_utils.KnowledgeBase(str(base)).alias_to_cuis)
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 3), dtype=np.float32)
    vectors = vectorizer.fit_transform(aliases)
    joblib.dump(vectorizer, paths.tfidf_vectorizer)
    scipy.sparse.save_npz(paths.tfidf_vectors, vectors)
    Path(paths.concept_aliases_list).write_text(json.dumps(aliases), encoding="utf-8")
    index = nmslib.init(
        method="hnsw", space="cosinesimil_sparse", data_type=nmslib.DataType.SPARSE_VECTOR
    )
    index.addDataPointBatch(vectors)
    index.createIndex({"M": 16, "indexThreadQty": 1, "efConstruction": 100, "post": 0})
    index.saveIndex(paths.ann_index)
    urls = [linking_utils.DEFAULT_UMLS_PATH, *candidate_generation.DEFAULT_PATHS["umls"]]
    for url, file in zip(urls, [base, *paths], strict=True):
        name = file_cache.url_to_filename(url, etag="1")
        assert name.startswith(sha256(url.encode()).hexdigest())
        (cache / name).write_bytes(Path(file).read_bytes())
        (cache / f"{name}.json").write_text("{}", encoding="utf-8")
    return cache


def test_concepts_become_nodes_by_identifier_and_by_cross_reference(umls: Path) -> None:
    nlp = pipeline("medkg_sentences")
    nlp.add_pipe("medkg_linker", config={"linker": "scispacy_linker:umls"})
    nlp.get_pipe("medkg_linker").use(terminology())
    doc = marked(
        nlp,
        "She had [cephalgia|Disease], [raised temperature|Symptom] and [angioedema|Symptom]; she "
        "took acetylsalicylic acid (XYZ). [acetylsalicylic acid|Drug] helped.",
    )
    assert [(m.text, m.label_, m._.identifier) for m in doc.spans["mentions"]] == [
        ("cephalgia", "Symptom", "UMLS:C0018681"),
        ("raised temperature", "Symptom", "HP:0001945"),
        ("angioedema", "Symptom", None),
        ("acetylsalicylic acid", "Drug", "drugbank:DB00945"),
    ]


def test_a_graph_without_such_identifiers_is_refused(umls: Path) -> None:
    nlp = pipeline("medkg_linker")
    nlp.remove_pipe("medkg_linker")
    nlp.add_pipe("medkg_linker", config={"linker": "scispacy_linker:umls"})
    with pytest.raises(MissingError, match="no node of the graph has an identifier"):
        nlp.get_pipe("medkg_linker").use(graph())


@pytest.mark.parametrize(
    ("linker", "message"),
    [
        ("scispacy_linker:umls", "has no data on this machine"),
        ("scispacy_linker:snomed", "scispaCy has no linker 'snomed'; one of go, hpo, mesh"),
        ("quickumls", "no linker 'quickumls'"),
    ],
)
def test_what_is_not_there_is_said_and_not_fetched(cache: Path, linker: str, message: str) -> None:
    nlp = pipeline("medkg_sentences")
    with pytest.raises(ModelError, match=message):
        nlp.add_pipe("medkg_linker", config={"linker": linker}).use(terminology())
    assert list(cache.iterdir()) == []
