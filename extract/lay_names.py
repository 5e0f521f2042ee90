"""What patients and plain notes call a phenotype or a drug, beside the names of ontologies."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

from ..graph.identifiers import name_key
from ..graph.kg import KnowledgeGraph
from ..graph.languages import name_property

_TABLE = "data/lay_names.tsv"
_CHINESE = "data/lay_names_zh.tsv"
# What people say of a phenotype, to be likened to what others say: no names to be looked up.
WORDINGS = "data/wordings.tsv"
_OWNERS = ("his", "her", "my", "their")
_SIDES = ("", "right", "left")
# No forms that begin with an adjective: a name is read over a comma ("it was painful, right knee").
_PAIN = "pain in the {} {}"
_SWELLING = "swelling of the {} {}"
_PARTS = (
    "ankle|arm|back|bladder|bone|breast|buttock|calf|ear|elbow|eye|eyelid|finger|flank|foot|forearm"
    "|groin|hand|heel|hip|jaw|joint|knee|leg|limb|lip|muscle|neck|shoulder|testicle|throat|thumb"
    "|toe|tongue|wrist"
)
# What of a patient is "the" as well as "his" or "her".
_OWN = frozenset(
    (
        f"{_PARTS}|{_PARTS.replace('|', 's|')}s|abdomen|anus|bed|belly|body|bowels|calves|chest"
        "|cornea|corneas|face|feet|gums|hair|head|heart|kidney|kidneys|lens|lenses|mouth|nails|nose"
        "|palm|rectum|skin|spine|sputum|stomach|stool|stools|teeth|tendons|thighs|tummy|urine|voice"
        "|womb"
    ).split("|")
)
# What the words of a phrase are as well, whoever says it. Not "did not", which is of one occasion
# ("she did not feel pain during the procedure"), nor "do not", which is advice ("do not feed").
_OTHER_WORDS = {
    "cannot": (
        "can't",
        "can not",
        "could not",
        "couldn't",
        "unable to",
        "can no longer",
    ),
    "does not": ("doesn't",),
    "himself": ("herself", "myself", "themselves"),
    "herself": ("himself", "myself", "themselves"),
}
# A finite verb that a phrase begins with, and its other forms; only those that tell of a patient
# what the verb does, and not of one occasion ("felt no pain", "lost her balance", "slept upright"),
# of advice ("lose weight") or of something else ("repeated questions", "the rash climbed up").
_VERBS = {
    forms[0]: forms[1:]
    for forms in map(
        str.split,
        """arches arched arching
        bleeds bled bleeding
        bruises bruised bruising
        burns burned burning
        coughs coughed coughing
        craves craved craving
        dislocates dislocated
        drops dropping
        feeds fed feeding
        flaps flapping
        forgets forgetting
        grinds grinding
        laughs laughed laughing
        loses losing
        sees seeing
        sleeps sleeping
        slurs slurred slurring
        startles startled startling
        sweats sweating
        tires tired tiring
        urinates urinating
        vomits vomited vomiting
        wakes woke waking
        wets wet wetting
        wrings wringing""".splitlines(),
    )
}


@cache
def lay_names(file: str = _TABLE) -> pl.DataFrame:
    """Phenotypes and drugs (`id`) and the lay names known of each (`words`, a list)."""
    table = resources.files("medkg.extract").joinpath(file).read_bytes()
    rows = pl.read_csv(table, separator="\t", comment_prefix="#", quote_char=None)
    return rows.select("id", pl.col("words").str.split("; "))


def wordings(phrase: str) -> list[str]:
    """A phrase and its other wordings: another's ("the eyes", "her eyes"), and of another time.

    Verbs are taken for such only where more words follow.
    """
    words = phrase.split(" ")
    variants = [phrase]
    owned = [n for n in range(1, len(words) - 1) if _is_owner(words, n)]
    if owned:
        owners = (*_OWNERS, "the") if all(words[n + 1] in _OWN for n in owned) else _OWNERS
        variants = [
            " ".join(owner if n in owned else word for n, word in enumerate(words))
            for owner in owners
        ]
    for usual, others in _OTHER_WORDS.items():
        variants += [
            f" {variant} ".replace(f" {usual} ", f" {other} ").strip()
            for variant in variants
            if f" {usual} " in f" {variant} "
            for other in others
        ]
    verb, _, rest = phrase.partition(" ")
    if rest:
        of_verb = _VERBS.get(verb, ())
        variants += [
            " ".join([form, variant.partition(" ")[2]]) for variant in variants for form in of_verb
        ]
    return list(dict.fromkeys([phrase, *variants]))


def _is_owner(words: list[str], number: int) -> bool:
    """Whether a word of a phrase is "his", or a "the" in the place of it.

    "The legs" are; "the time", "the cold" and "the back of the neck" aren't.
    """
    if words[number] != "the":
        return words[number] in _OWNERS
    return words[number + 1] in _OWN and words[number + 2 : number + 3] != ["of"]


@cache
def all_wordings() -> pl.DataFrame:
    """Phenotypes and drugs (`id`) and all wordings of their lay names (`words`, a list).

    A wording that the table has of another term is that one's.
    """
    listed = lay_names().explode("words")
    owner = dict(listed.select(name_key(pl.col("words")), "id").iter_rows())
    worded = [(id_, w) for id_, words in listed.iter_rows() for w in wordings(words)]
    keyed = pl.DataFrame(worded, schema=["id", "words"], orient="row").unique(maintain_order=True)
    keyed = keyed.with_columns(key=name_key(pl.col("words")))
    is_own = [
        owner.setdefault(key, id_) == id_ for id_, key in keyed.select("id", "key").iter_rows()
    ]
    return keyed.filter(is_own).group_by("id", maintain_order=True).agg("words")


def of_parts(nodes: pl.DataFrame) -> pl.DataFrame:
    """Phenotypes (`id`) that are a part's pain or swelling, and other wordings of them (`words`).

    "Pain in the right flank" is flank pain, on either side, and "swelling of the left knee" knee
    swelling; not what is a name of the graph already.

    Args:
        nodes: of a graph, `id`, `kind`, `name` and `synonyms`.
    """
    names = nodes.filter(kind="Symptom").select(
        "id", name=pl.concat_list(pl.concat_list("name"), pl.col("synonyms").fill_null([]))
    )
    names = names.explode("name").drop_nulls()
    keys = name_key(pl.col("name"))
    parts = names.select("id", part=keys.str.extract(rf"^({_PARTS}) (?:pain|swelling)$"), key=keys)
    worded = [
        (id_, " ".join((_PAIN if key.endswith("pain") else _SWELLING).format(side, part).split()))
        for id_, part, key in parts.drop_nulls("part").sort("id").iter_rows()
        for side in _SIDES
    ]
    table = pl.DataFrame(worded, schema=dict.fromkeys(("id", "words"), pl.String), orient="row")
    table = table.unique("words", keep="first", maintain_order=True)
    taken = {*parts["key"], *all_wordings().select(name_key(pl.col("words").explode()))["words"]}
    own = table.filter(~name_key(pl.col("words")).is_in(taken))
    return own.group_by("id", maintain_order=True).agg("words")


def with_lay_names(terminology: KnowledgeGraph) -> KnowledgeGraph:
    """The graph with lay names as further synonyms of its phenotypes and drugs.

    Chinese ones too, of those that have a Chinese name.
    """
    nodes = terminology.nodes
    is_chinese = pl.col("properties").str.contains(f'"{name_property("zh")}"', literal=True)
    chinese = nodes.filter(is_chinese)
    parts = of_parts(nodes)
    for rows, names in ((nodes, all_wordings()), (nodes, parts), (chinese, lay_names(_CHINESE))):
        more = rows.select("id").join(names, on="id")
        more = nodes.join(more, on="id").select(
            "id", synonyms=pl.concat_list(pl.col("synonyms").fill_null([]), "words")
        )
        nodes = nodes.update(more, on="id")
    return terminology.with_frames(nodes=nodes)
