"""The spaCy component that links mentions to a graph's nodes (`medkg_linker`)."""

from __future__ import annotations

from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Doc, Span

from ...core.errors import ModelError
from ...graph.kg import KnowledgeGraph
from .. import short_forms as _short_forms  # noqa: F401 (registers `stands_for`)
from ..abbreviations import abbreviations_of
from ..tokens import StatelessComponent
from .forms import forms
from .linker import Linker
from .links import EntityLink, EntityLinker, LinkQuery, link_query, long_forms_of
from .name_index import key_of
from .ties import LIKELY


@Language.factory(
    "medkg_linker",
    default_config={"threshold": None, "linker": None},
    requires=["doc.spans"],
)
def create_linker(
    nlp: Language,
    name: str,
    threshold: float | None,
    linker: str | None,
) -> LinkerComponent:
    """The factory of `LinkerComponent`; give it its names with `use`."""
    del nlp, name  # spaCy gives every factory both, by these names
    return LinkerComponent(threshold, linker)


# What linking sets; registered on import, since relations read it of unlinked mentions too.
for _attribute, _default in (("identifier", None), ("link_score", 0.0), ("twin", None)):
    if not Span.has_extension(_attribute):
        Span.set_extension(_attribute, default=_default)


class LinkerComponent(StatelessComponent):
    """Links every span in `mentions`: `span._.identifier` (or None), `span._.link_score`, label.

    `span._.twin` is the Link to a node of another kind that has the same name, if there is one:
    asthma is a disease and, in HPO, a phenotype.

    An abbreviation that the document spells out is linked as what it stands for. The label of a
    linked span becomes the kind of its node.

    Args:
        threshold: least probability of a link; None: the linker's own, but at least `LIKELY`, as a
            graph gets only links that are likelier right than wrong.
        linker: `scispacy_linker:umls` (or mesh, rxnorm, go, hpo) for scispaCy's; None: medkg's.
    """

    def __init__(self, threshold: float | None = None, linker: str | None = None) -> None:
        if linker is not None and not linker.startswith("scispacy_linker:"):
            raise ModelError(f"no linker {linker!r}; give scispacy_linker:umls, or none")
        self.threshold = threshold
        # (spaCy sets `name` on its components.)
        self._chosen = linker
        self.linker: EntityLinker | None = None

    def use(self, terminology: KnowledgeGraph) -> LinkerComponent:
        """Take the names, or for scispaCy's linker the identifiers, of this graph."""
        if self._chosen is None:
            self.linker = Linker(terminology, self.threshold)
        else:
            # scispaCy is optional, and slow to import.
            from .scispacy_linker import PREFIX, ScispacyLinker

            name = self._chosen.removeprefix(PREFIX)
            self.linker = ScispacyLinker(terminology, name, self.threshold)
        return self

    def __call__(self, doc: Doc) -> Doc:
        if self.linker is None:
            raise ModelError('medkg_linker has no names: get_pipe("medkg_linker").use(graph)')
        mentions = list(doc.spans.get("mentions", []))
        least = self.linker.threshold
        if self.threshold is None:
            least = max(LIKELY, least)
        linked = []
        candidates = self.linker.in_document(_queries(doc, mentions))
        for mention, of_mention in zip(mentions, candidates, strict=True):
            links = [link for link in of_mention if link.score >= least]
            link = links[0] if links else None
            if link is not None and link.kind != mention.label_:
                mention = _relabelled(mention, link.kind)
            mention._.identifier = link.identifier if link else None
            mention._.link_score = link.score if link else 0.0
            mention._.twin = _twin(links)
            linked.append(mention)
        doc.spans["mentions"] = linked
        return doc


def _queries(doc: Doc, mentions: Sequence[Span]) -> list[LinkQuery]:
    """What the mentions of a document are looked up as."""
    places = [(m.start_char, m.end_char, m.label_) for m in mentions]
    defined = long_forms_of(doc.text, places, abbreviations_of(doc))
    usual = {mention.text: mention._.stands_for for mention in mentions}
    long_forms = {short: long for short, long in usual.items() if long} | defined
    return [
        # What notes write short may be the name of something else, too.
        LinkQuery(mention._.stands_for, mention.label_)
        if mention._.stands_for
        else link_query(mention.text, mention.label_, long_forms)
        for mention in mentions
    ]


def _relabelled(mention: Span, kind: str) -> Span:
    """A mention as another kind: a span's label can't be changed, so its attributes move."""
    other = Span(mention.doc, mention.start, mention.end, label=kind)
    for name in ("probability", "polarity", "certainty", "experiencer", "temporality"):
        if Span.has_extension(name):
            other._.set(name, mention._.get(name))
    return other


def _twin(links: list[EntityLink]) -> EntityLink | None:
    """The first link of another kind than the first's, if it is as good but for its kind.

    Or has the same name and is likelier than not: "chronic myeloid leukemia" is a phenotype of that
    name, and more than one disease.
    """
    return next((x for x in links if x.kind != links[0].kind and _is_as_good(x, links[0])), None)


def _is_as_good(link: EntityLink, first: EntityLink) -> bool:
    return first.score - link.score < 0.03 or (
        link.score > 0.5 and _spelling(link) == _spelling(first)
    )


def _spelling(link: EntityLink) -> str:
    return forms(key_of(link.name)).spelling
