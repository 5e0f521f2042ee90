"""Relations between the mentions of a document: the model and the component `medkg_relations`.

A linear model over words for each task of `pairs.TASKS`; beside it, where the default learns one,
towers over what the recogniser sees of its sentence (`networks`), or, for all tasks in place of the
linear models, any encoder of transformers with typed markers around the pair (Zhou and Chen 2021).
Which drugs of a document cause which conditions is decided for the document (`document_causes`).
Disease–HAS_SYMPTOM–Symptom has no corpus and is decided by rules (`rules`).
"""

from __future__ import annotations

import json
import shutil
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import exp, log
from pathlib import Path
from typing import Any

import torch
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch
from torch import Tensor, nn

from ...core.errors import ModelError
from ...core.model_folder import COMMON_FIELDS, load_weights, read_config, save_network
from ...graph.identifiers import name_key_of
from ..abbreviations import abbreviations_of
from ..context.context import relation_context
from ..linking import component as _linker  # noqa: F401 (registers what it sets on spans)
from ..mentions.network import SHIPPED as RECOGNISER
from ..sentences import sentence_of
from ..short_forms import words_of
from ..tokens import longest_first
from .distant import association
from .document_causes import (
    DocumentCauses,
    HashedLinear,
    Passage,
    Placed,
)
from .networks import PairTowers, PairTransformer
from .pairs import (
    FINE,
    TASKS,
    Entity,
    Pair,
)
from .rules import (
    Rule,
    allergy_rule,
    drug_rule,
    symptom_rule,
)

SHIPPED = Path(__file__).parent.parent / "model" / "relations"
MODEL = "medkg_relations"
_RECOGNISER = "recogniser"  # in the folder, where the towers read with another than ships
# Of the config what `save` writes itself.
_OWN = (
    *COMMON_FIELDS,
    "encoder",
    "towers",
    "recogniser",
    "tasks",
    "temperatures",
    "thresholds",
    "linear_thresholds",
)
_BATCH = 4096  # words of a batch when predicting, padding included
# What the towers learn; the linear models do as well for the others.
TOWER_TASKS = ("targets",)


class RelationModel(nn.Module):
    """A linear model of pairs for each task, an encoder with a layer for each of its tasks.

    With towers a task's probabilities are the mean of theirs and the linear model's; a
    transformer's stand alone. `temperatures` divide a task's logits, so that its probabilities are
    calibrated; `thresholds` are the probabilities of some relation from which on a task asserts
    one, `linear_thresholds` those of the linear model alone, the baseline.
    """

    LAYER = 96

    def __init__(self, encoder: PairTowers | PairTransformer) -> None:
        super().__init__()
        self.encoder = encoder
        self.mixed = isinstance(encoder, PairTowers)
        copies = len(encoder.towers) if isinstance(encoder, PairTowers) else 1
        self.layers = nn.ModuleDict(
            {
                task: nn.ModuleList(self._layer(encoder.width, task) for _ in range(copies))
                for task in (TOWER_TASKS if self.mixed else TASKS)
            }
        )
        self.linear = nn.ModuleDict({task: HashedLinear(len(FINE[task])) for task in TASKS})
        self.documents = DocumentCauses()
        self.temperatures = dict.fromkeys(TASKS, 1.0)
        self.thresholds = dict.fromkeys(TASKS, 0.5)
        self.linear_thresholds = dict.fromkeys(TASKS, 0.5)
        self.about: dict[str, Any] = {}
        self.card = ""

    def _layer(self, width: int, task: str) -> nn.Module:
        return nn.Sequential(
            nn.Linear(width, self.LAYER),
            nn.Tanh(),
            nn.Dropout(0.2),
            nn.Linear(self.LAYER, len(FINE[task])),
        )

    def forward(self, rows: Sequence[Any], task: str) -> Tensor:
        """The encoder's logits, shape (towers, pairs, fine labels of the task).

        `rows` are pairs as the encoder's `prepare` makes them.
        """
        return self._logits(self.encoder(rows), task)

    def _logits(self, features: Tensor, task: str) -> Tensor:
        layers = self.layers[task]
        assert isinstance(layers, nn.ModuleList)
        return torch.stack([layer(own) for layer, own in zip(layers, features, strict=True)])

    @torch.inference_mode()
    def predict(
        self, pairs: Sequence[Pair], tasks: Sequence[str], *, calibrated: bool = True
    ) -> dict[str, Tensor]:
        """For each task the probabilities of its labels, shape (pairs, labels), on the CPU.

        Of "causes" they are what one sentence says; `predict_causes` is for documents.
        """
        self.eval()
        results = {task: torch.zeros(len(pairs), len(TASKS[task])) for task in tasks}
        learnt = [task for task in tasks if task in self.layers]
        # Pairs of one sentence together, so that it is read once.
        order = sorted(range(len(pairs)), key=lambda n: pairs[n].words)
        for batch in longest_first(order, lambda n: len(pairs[n].words), _BATCH):
            these = [pairs[n] for n in batch]
            features = self.encoder(self.encoder.prepare(these)) if learnt else torch.empty(0)
            for task in tasks:
                parts = []
                if task in self.layers:
                    parts.append(self._logits(features, task).float().softmax(2).mean(0).cpu())
                if self.mixed:
                    rows = [pair.features_of(task) for pair in these]
                    parts.append(self.linear[task](rows).float().softmax(1).cpu())
                results[task][batch] = coarse(torch.stack(parts).mean(0), task)
        if calibrated:
            for task in tasks:
                if task != "causes":
                    results[task] = soften(results[task], self.temperatures[task])
        return results

    @torch.inference_mode()
    def predict_linear(self, pairs: Sequence[Pair], task: str) -> Tensor:
        """The linear model's probabilities alone, shape (pairs, labels)."""
        if not pairs:
            return torch.zeros(0, len(TASKS[task]))
        rows = [pair.features_of(task) for pair in pairs]
        return coarse(self.linear[task](rows).float().softmax(1).cpu(), task)

    def predict_causes(
        self, passages: Sequence[Passage], pairs: Sequence[Sequence[tuple[str, str, Pair]]]
    ) -> list[dict[tuple[str, str], float]]:
        """For each document, of every drug with every condition, how probably it causes it.

        Args:
            passages: the documents.
            pairs: of each document the pairs that share a sentence: drug, condition, pair.
        """
        self.eval()
        flat = [pair for those in pairs for *_, pair in those]
        linear = self.predict_linear(flat, "causes")[:, 1].tolist()
        found = self.documents.predict(passages, list(_by_document(pairs, linear)))
        if "causes" in self.layers:
            encoded = self.predict(flat, ["causes"])["causes"][:, 1].tolist()
            found = [
                mean_with(rows, said)
                for rows, said in zip(found, _by_document(pairs, encoded), strict=True)
            ]
        temperature = self.temperatures["causes"]
        return [
            {key: cooled(probability, temperature) for key, probability in rows.items()}
            for rows in found
        ]

    @property
    def recogniser(self) -> Path | None:
        """The folder of the recogniser that the towers read with; None: there are none."""
        return self.encoder.recogniser if isinstance(self.encoder, PairTowers) else None

    def save(self, folder: Path, about: Mapping[str, Any], card: str) -> None:
        """Write the model's folder: config, card, half-precision weights, the encoder's needs.

        `about` (training data, licence, seed, figures, …) goes into the config as it is.
        """
        towers = len(self.encoder.towers) if isinstance(self.encoder, PairTowers) else 0
        config = {
            "encoder": "towers" if towers else "transformer",
            "towers": towers,
            "recogniser": self.encoder.recogniser_checksum if towers else "",
            "tasks": {task: list(labels) for task, labels in TASKS.items()},
            "temperatures": self.temperatures,
            "thresholds": self.thresholds,
            "linear_thresholds": self.linear_thresholds,
            **about,
        }
        save_network(folder, MODEL, self, config, card, self._write_encoder)

    def _write_encoder(self, draft: Path) -> None:
        if isinstance(self.encoder, PairTowers):
            text = json.dumps(self.encoder.words, ensure_ascii=False)
            (draft / "words.json").write_text(text, encoding="utf-8")
            if self.encoder.recogniser != RECOGNISER:
                shutil.copytree(self.encoder.recogniser, draft / _RECOGNISER)
        else:
            self.encoder.encoder.save_description(draft / "encoder")  # type: ignore[operator]  # to mypy a Module or a Tensor

    @classmethod
    def load(cls, folder: Path | None = None, device: str | None = None) -> RelationModel:
        """Read a model's folder (default: the shipped one); nothing in it is unpickled.

        Raises:
            ModelError: the folder is missing, damaged, or of another kind or schema version.
        """
        folder = SHIPPED if folder is None else Path(folder)
        fields = {
            "encoder": str,
            "temperatures": dict,
            "thresholds": dict,
            "linear_thresholds": dict,
            "towers": int,
        }
        config = read_config(folder, MODEL, fields)
        if config.get("tasks") != {task: list(labels) for task, labels in TASKS.items()}:
            raise ModelError(f"{folder}: is of other relations than this version's; train it again")
        encoder: PairTowers | PairTransformer
        if config["encoder"] == "towers":
            own = folder / _RECOGNISER
            recogniser = own if own.is_dir() else RECOGNISER
            words = json.loads((folder / "words.json").read_text(encoding="utf-8"))
            encoder = PairTowers(words, config["towers"], recogniser)
            if config.get("recogniser") != encoder.recogniser_checksum:
                raise ModelError(
                    f"{folder}: learnt from what another recogniser sees than the one that comes"
                    f" with {'it' if own.is_dir() else 'this version'}; train it again"
                )
        else:
            # transformers takes seconds to import, and only these models need it.
            from ..mentions.transformer import TransformerEncoder

            encoder = PairTransformer(TransformerEncoder.from_description(folder / "encoder"))
        model = cls(encoder)
        load_weights(folder, model)
        model.temperatures, model.thresholds = config["temperatures"], config["thresholds"]
        model.linear_thresholds = config["linear_thresholds"]
        card = folder / "CARD.md"
        model.card = card.read_text(encoding="utf-8") if card.is_file() else ""
        model.about = {name: value for name, value in config.items() if name not in _OWN}
        return model.to(device or "cpu").eval()


def coarse(probabilities: Tensor, task: str) -> Tensor:
    """From `FINE` labels to those of `TASKS`: what is only of `FINE` counts as none."""
    kept = probabilities[:, : len(TASKS[task])].clone()
    kept[:, 0] += probabilities[:, len(TASKS[task]) :].sum(1)
    return kept


def soften(probabilities: Tensor, temperature: float) -> Tensor:
    """Probabilities, shape (rows, labels), with their logits divided by a temperature."""
    return (probabilities.clamp_min(1e-9).log() / temperature).softmax(1)


def cooled(probability: float, temperature: float) -> float:
    """The same for one of two labels."""
    logit = log(max(probability, 1e-9) / max(1 - probability, 1e-9))
    return 1 / (1 + exp(-logit / temperature))


def mean_with(
    rows: Mapping[tuple[str, str], float], said: Mapping[tuple[str, str], Sequence[float]]
) -> dict[tuple[str, str], float]:
    """A document's probabilities, each the mean with what its likeliest sentence says of it."""
    return {key: (p + max(said[key])) / 2 if key in said else p for key, p in rows.items()}


def _by_document(
    pairs: Sequence[Sequence[tuple[str, str, Pair]]], scores: Iterable[float]
) -> Iterator[dict[tuple[str, str], list[float]]]:
    """The scores of all documents' pairs, in a row, as each document's drugs and conditions."""
    scores = iter(scores)
    for those in pairs:
        said = defaultdict(list)
        for drug, condition, _ in those:
            said[drug, condition].append(next(scores))
        yield dict(said)


@dataclass(frozen=True)
class FoundRelation:
    """A relation that a document states, with its context and what qualifies it.

    Its sentence is that of the tail; the head of a CAUSES may stand in another.
    """

    head: Span
    relation: str
    tail: Span
    head_id: str | None  # of the node, None where the mention has none
    tail_id: str | None
    probability: float
    qualifiers: Mapping[str, str]
    context: Mapping[str, str]


_SHORT_FORMS = "medkg short forms"  # of a document, with the key of what each stands for
# What a task's labels are in the graph; the others (prevents) are no relation there.
_RELATIONS = {"causes": "CAUSES", "treats": "TREATS", "contraindicated": "CONTRAINDICATED_FOR"}
SYMPTOM_THRESHOLD = 0.5
# What a drug does to a condition must be likelier than not, whatever gives the best F1.
LIKELY = 0.5


def create_relations(
    nlp: Language, name: str, model: str | None, device: str | None
) -> RelationsComponent:
    """Component from a model's folder (null: the shipped one)."""
    return RelationsComponent(RelationModel.load(None if model is None else Path(model), device))


Language.factory(
    "medkg_relations", default_config={"model": None, "device": None}, func=create_relations
)


class RelationsComponent:
    """Sets `doc._.relations`: what a document says about pairs of `doc.spans["mentions"]`.

    Where `doc._.note` is set, a drug CAUSES only what a turn of phrase says that it does, or does
    not: the model that decides in papers knows abstracts, which tell of harm; a note's drugs stand
    beside what they are given for, and beside what is denied.
    """

    def __init__(self, model: RelationModel) -> None:
        self.model = model
        if not Doc.has_extension("relations"):
            Doc.set_extension("relations", default=())

    def __call__(self, doc: Doc) -> Doc:
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 64) -> Iterator[Doc]:
        """Annotate many documents; the pairs of `batch_size` documents go through together."""
        for docs in minibatch(stream, batch_size):
            pairs = [list(candidates(doc)) for doc in docs]
            found = [self._symptoms(those) + self._associations(those) for those in pairs]
            for relations, more in zip(found, self._targets(pairs), strict=True):
                relations += more
            for relations, more in zip(found, self._conditions(docs, pairs), strict=True):
                relations += more
            for doc, relations in zip(docs, found, strict=True):
                doc._.relations = tuple(
                    sorted(relations, key=lambda r: (r.head.start, r.tail.start, r.relation))
                )
                yield doc

    def _symptoms(self, pairs: list[Candidate]) -> list[FoundRelation]:
        found = []
        for head, tail, pair in pairs:
            if _may_be(head, "Disease") and _may_be(tail, "Symptom") and not _same(head, tail):
                rule = symptom_rule(pair, note=head.doc._.note)
                if rule is not None and rule.precision >= SYMPTOM_THRESHOLD:
                    found.append(_relation(head, "HAS_SYMPTOM", tail, rule.precision, {}))
        return found

    def _associations(self, pairs: list[Candidate]) -> list[FoundRelation]:
        """What conditions have to do with genes; what a sentence denies is found as negated."""
        found = []
        for head, tail, pair in pairs:
            said = association(pair) if is_condition_target(head, tail) else None
            if said is not None:
                relation = _relation(head, "ASSOCIATED_WITH", tail, said.probability, {})
                if said.denied:
                    denied = {**relation.context, "polarity": "negated"}
                    relation = replace(relation, context=denied)
                found.append(relation)
        return found

    def _targets(self, pairs: list[list[Candidate]]) -> Iterator[list[FoundRelation]]:
        mine = [
            [p for p in those if p[0].label_ == "Drug" and p[1].label_ == "Target"]
            for those in pairs
        ]
        rows = self.model.predict([p[2] for those in mine for p in those], ["targets"])["targets"]
        probabilities = iter(rows.tolist())
        for those in mine:
            found = []
            for head, tail, _ in those:
                row = next(probabilities)
                if 1 - row[0] >= self.model.thresholds["targets"]:
                    label = max(range(1, len(row)), key=row.__getitem__)
                    action = {"action": TASKS["targets"][label]}
                    found.append(_relation(head, "TARGETS", tail, 1 - row[0], action))
            yield found

    def _conditions(
        self, docs: list[Doc], pairs: list[list[Candidate]]
    ) -> Iterator[list[FoundRelation]]:
        """What drugs do to diseases and symptoms."""
        mine = [[p for p in those if is_drug_condition(*p[:2])] for those in pairs]
        flat = [p[2] for those in mine for p in those]
        said = iter(self.model.predict(flat, ["causes"])["causes"][:, 1].tolist())
        treats = iter(self.model.predict(flat, ["treats"])["treats"].tolist())
        of_documents = self._caused(docs, mine)
        for doc, those, (caused, nearest) in zip(docs, mine, of_documents, strict=True):
            scores = [next(said) for _ in those]
            best: dict[tuple[str, str], float] = defaultdict(float)
            for (head, tail, _), score in zip(those, scores, strict=True):
                key = concept(head), concept(tail)
                best[key] = max(best[key], score)
            found = []
            for (head, tail, pair), score in zip(those, scores, strict=True):
                key = concept(head), concept(tail)
                is_reaction = (head.start, tail.start) in doc._.reactions
                is_disease = _may_be(tail, "Disease")
                rule = allergy_rule() if is_reaction else drug_rule(pair, is_disease=is_disease)
                # The document decides; a sentence carries it where none says it more clearly.
                cause = caused.get(key, 0.0) if score >= min(0.5, best[key]) else 0.0
                chosen = self._drug_condition(cause, next(treats))
                if rule is not None:
                    chosen = self._by_rule(rule, None if doc._.note else caused.get(key, 0.0))
                # A drug treats diseases; that it relieves a symptom has no relation of its own.
                if chosen is None or not (chosen[1] == "CAUSES" or is_disease):
                    continue
                relation = _relation(head, chosen[1], tail, chosen[0], {})
                guessed = doc._.note and rule is None and chosen[1] == "CAUSES"
                if not guessed or _is_denied(relation):
                    found.append(relation)
            for key, (head, tail) in nearest.items():
                if not doc._.note and key not in best and caused[key] >= self._least("causes"):
                    found.append(_relation(head, "CAUSES", tail, caused[key], {}))
            yield found

    def _by_rule(self, rule: Rule, caused: float | None) -> tuple[float, str] | None:
        """What a turn of phrase says of a drug and a condition, and how probably so.

        Args:
            caused: what the model of documents gives to CAUSES; None in a note, which it doesn't
                know.
        """
        if rule.relation == "NONE":
            return None
        if rule.relation != "CAUSES" or caused is None:
            return rule.precision, rule.relation
        # In papers the model knows better than the phrase how probable it is. What is said in so
        # many words needn't be likelier than not, as what the model guesses has to be.
        return (caused, "CAUSES") if caused >= self.model.thresholds["causes"] else None

    def _caused(
        self, docs: list[Doc], pairs: list[list[Candidate]]
    ) -> Iterator[tuple[dict[tuple[str, str], float], dict[tuple[str, str], tuple[Span, Span]]]]:
        """Of each document: how probably each drug causes each condition; the nearest mentions."""
        parts = [part for doc in docs for part in passages(doc)]
        inside: dict[tuple[int, int], int] = {}
        for number, part in enumerate(parts):
            inside.update(((id(part.doc), m.start), number) for m in part.mentions)
        shared: list[list[tuple[str, str, Pair]]] = [[] for _ in parts]
        for those in pairs:
            for head, tail, pair in those:
                place = inside[id(head.doc), head.start]
                shared[place].append((concept(head), concept(tail), pair))
        rows = self.model.predict_causes([part.passage for part in parts], shared)
        for doc in docs:
            caused: dict[tuple[str, str], float] = {}
            nearest: dict[tuple[str, str], tuple[Span, Span]] = {}
            for part, probabilities in zip(parts, rows, strict=True):
                if part.doc is not doc:
                    continue
                for key, probability in probabilities.items():
                    if probability > caused.get(key, -1.0):
                        caused[key], nearest[key] = probability, part.nearest(*key)
            yield caused, nearest

    def _drug_condition(self, causes: float, treats: list[float]) -> tuple[float, str] | None:
        """The likelier of what a drug does to a condition, among what reaches its threshold."""
        options = []
        if causes >= self._least("causes"):
            options.append((causes, "CAUSES"))
        label = max(range(len(treats)), key=treats.__getitem__)
        name = TASKS["treats"][label]
        if 1 - treats[0] >= self._least("treats") and name in _RELATIONS:
            options.append((treats[label], _RELATIONS[name]))
        return max(options, default=None)

    def _least(self, task: str) -> float:
        return max(LIKELY, self.model.thresholds[task])

    def to_disk(self, path: Any, **_: Any) -> None:
        """Save the model under `path`."""
        self.model.save(Path(path), self.model.about, self.model.card)

    def from_disk(self, path: Any, **_: Any) -> RelationsComponent:
        """Load the model from `path`."""
        self.model = RelationModel.load(Path(path))
        return self


def _relation(
    head: Span, relation: str, tail: Span, probability: float, qualifiers: dict[str, str]
) -> FoundRelation:
    heads = {"HAS_SYMPTOM": "Disease", "ASSOCIATED_WITH": head.label_}
    kinds = {
        "TARGETS": "Target",
        "ASSOCIATED_WITH": "Target",
        "CAUSES": tail.label_,
        "HAS_SYMPTOM": "Symptom",
    }
    head_id = _node(head, heads.get(relation, "Drug"))
    tail_id = _node(tail, kinds.get(relation, "Disease"))
    context = relation_context(head, tail, relation)
    return FoundRelation(head, relation, tail, head_id, tail_id, probability, qualifiers, context)


def _is_denied(relation: FoundRelation) -> bool:
    """Whether it is the relation that a sentence denies, and not one of its ends."""
    ends = {relation.head._.polarity, relation.tail._.polarity}
    return relation.context["polarity"] == "negated" and ends == {"asserted"}


def _may_be(mention: Span, kind: str) -> bool:
    """Whether a mention, or a node of the same name as its own, is of this kind."""
    twin = mention._.twin
    return bool(mention.label_ == kind or (twin is not None and twin.kind == kind))


def _node(mention: Span, kind: str) -> str | None:
    """The identifier of a mention's node of this kind."""
    identifier: str | None = mention._.identifier
    if mention.label_ != kind:
        identifier = mention._.twin.identifier
    return identifier


def _same(one: Span, other: Span) -> bool:
    """Whether two mentions mean one thing: a node, its twin, or a name and its short form."""
    nodes = [
        {mention._.identifier, mention._.twin and mention._.twin.identifier} - {None}
        for mention in (one, other)
    ]
    if nodes[0] & nodes[1]:
        return True
    shorts = one.doc.user_data.get(_SHORT_FORMS)
    if shorts is None:
        text = one.doc.text
        shorts = {
            each.short: name_key_of(text[slice(*each.long)]) for each in abbreviations_of(one.doc)
        }
        one.doc.user_data[_SHORT_FORMS] = shorts
    names = [shorts.get(mention.text, name_key_of(mention.text)) for mention in (one, other)]
    return bool(names[0] == names[1])


def _may_be_related(head: Span, tail: Span) -> bool:
    if head.label_ == "Drug":
        return tail.label_ in ("Target", "Disease", "Symptom")
    if is_condition_target(head, tail):
        return True
    return head is not tail and _may_be(head, "Disease") and _may_be(tail, "Symptom")


Candidate = tuple[Span, Span, Pair]


def is_drug_condition(head: Span, tail: Span) -> bool:
    """Whether a drug's effect on a condition is asked for."""
    return head.label_ == "Drug" and tail.label_ in ("Disease", "Symptom")


def is_condition_target(head: Span, tail: Span) -> bool:
    """Whether it is asked what a disease or symptom has to do with a gene."""
    return head.label_ in ("Disease", "Symptom") and tail.label_ == "Target"


def concept(mention: Span) -> str:
    """What a mention means, its name where it has no identifier."""
    return str(mention._.identifier or f"name {name_key_of(mention.text)}")


def sentence_entities(doc: Doc) -> Iterator[tuple[tuple[str, ...], list[tuple[Span, Entity]]]]:
    """Each sentence's words (`words_of`), and its mentions as words of them."""
    inside: dict[int, list[Span]] = defaultdict(list)
    for mention in doc.spans.get("mentions", []):
        inside[sentence_of(mention).start].append(mention)
    for sentence in doc.sents:
        places, words = words_of(sentence)
        index = {place: n for n, place in enumerate(places)}
        entities = [
            (m, Entity(index[m.start], index[m.end - 1] + 1, m.label_))
            for m in inside.get(sentence.start, [])
            if m.start in index and m.end - 1 in index
        ]
        yield tuple(words), entities


def candidates(doc: Doc) -> Iterator[Candidate]:
    """Pairs of mentions of one sentence whose kinds a relation may join."""
    for words, entities in sentence_entities(doc):
        entities.sort(key=lambda one: one[1].start)
        starts = [entity.start for _, entity in entities]
        longest = max((entity.end - entity.start for _, entity in entities), default=0)
        for head, first in entities:
            # Only what is in reach is looked at: some texts have no full stop for pages.
            least = bisect_left(starts, first.start - _REACH - longest)
            for tail, second in entities[least : bisect_right(starts, first.end + _REACH)]:
                if not _may_be_related(head, tail):
                    continue
                apart = max(first.start, second.start) - min(first.end, second.end)
                if not 0 <= apart <= _REACH:
                    continue
                if head.label_ != "Drug" and tail.label_ != "Target":
                    # As what the relation takes them, where a name is of both kinds.
                    pair = replace(first, kind="Disease"), replace(second, kind="Symptom")
                else:
                    pair = first, second
                around = slice(
                    bisect_left(starts, min(first.start, second.start) - _AROUND),
                    bisect_right(starts, max(first.end, second.end) + _AROUND),
                )
                others = [e for _, e in entities[around] if e not in (first, second)]
                yield head, tail, _window(words, *pair, others)


@dataclass(frozen=True)
class Part:
    """Some sentences of a document as a passage, and the spans of the passage's mentions."""

    doc: Doc
    passage: Passage
    mentions: tuple[Span, ...]

    def nearest(self, drug: str, condition: str) -> tuple[Span, Span]:
        """The mentions of the two that stand closest."""
        drugs = [self.mentions[n] for n in self.passage.drugs[drug]]
        conditions = [self.mentions[n] for n in self.passage.conditions[condition]]
        pairs = [(head, tail) for head in drugs for tail in conditions]
        return min(pairs, key=lambda pair: abs(pair[0].start - pair[1].start))


# Sentences that are read together for what causes what: an abstract's, as in BC5CDR.
_TOGETHER = 20


def passages(doc: Doc) -> Iterator[Part]:
    """The document in parts of an abstract's length; the first sentence of all is a title."""
    sentences = list(sentence_entities(doc))
    for first in range(0, len(sentences), _TOGETHER):
        here = sentences[first : first + _TOGETHER]
        # No later part has a title.
        words = [() for _ in range(min(1, first))] + [words for words, _ in here]
        placed = [
            (mention, Placed(number, entity, (concept(mention),)))
            for number, (_, entities) in enumerate(here, start=min(1, first))
            for mention, entity in entities
            if mention.label_ in ("Drug", "Disease", "Symptom")
        ]
        mentions, places = [m for m, _ in placed], [p for _, p in placed]
        yield Part(doc, Passage("", tuple(words), tuple(places)), tuple(mentions))


# Words between two mentions that may be related, and kept around them.
_REACH = 80
_AROUND = 60


def _window(words: tuple[str, ...], head: Entity, tail: Entity, others: Sequence[Entity]) -> Pair:
    """The pair with the words around it: some texts have no full stop for pages."""
    start = max(0, min(head.start, tail.start) - _AROUND)
    end = max(head.end, tail.end) + _AROUND
    moved = [
        replace(entity, start=entity.start - start, end=entity.end - start)
        for entity in (head, tail, *others)
        if start <= entity.start and entity.end <= end
    ]
    return Pair(words[start:end], moved[0], moved[1], tuple(moved[2:]))
