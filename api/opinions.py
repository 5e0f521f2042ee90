"""What patients write of drugs, told as negative, mixed or positive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from medkg.core.errors import DataError, MissingError
from medkg.core.extras import explained_imports
from medkg.core.quarantine import Quarantine

if TYPE_CHECKING:
    from medkg.extract.sentiment.model import Opinion

__all__ = ["is_table", "sentiment"]


def is_table(given: str) -> bool:
    """Whether what a person gave is a table of reviews, and no text.

    Raises:
        MissingError: it is the name of a table that isn't there.
    """
    from medkg.extract.formats.rows import DELIMITERS

    path = Path(given)
    if path.suffix.lower() not in DELIMITERS or any(character.isspace() for character in path.name):
        return False
    if not path.is_file():
        raise MissingError(f"{given}: there is no such file")
    return True


@explained_imports()
def sentiment(
    reviews: Path | str | Sequence[str],
    model: Path | str,
    *,
    quarantine: Quarantine | None = None,
) -> dict[str, list[Opinion]]:
    """Tell from reviews how patients rate a drug, and its effect and side effects.

    Args:
        reviews: a table (.tsv, .tab, .csv; see `medkg train sentiment`), or texts.
        model: a folder of `medkg train sentiment`.
        quarantine: gets rows of the table that can't be used, and reviews of which no word is
            known.

    Returns:
        By review of which the model knows a word, what is told of each aspect (`rating`, `effect`,
        `side effects`): its `label` (negative, mixed, positive), the same as a `sign` (-1, 0, 1),
        and its `probability`, which is not calibrated.

    Raises:
        DataError: there is no review of which a word is known, or a text is empty.
        ModelError: there is no such model.

    Example:
        >>> from pathlib import Path
        >>> words = {2: "it did not help at all", 9: "it helped very well"}
        >>> rows = [f"{n % 2 * 7 + 2}\\t{words[n % 2 * 7 + 2]} on day {n}" for n in range(40)]
        >>> _ = Path("reviews.tsv").write_text("\\n".join(["rating\\ttext", *rows]))
        >>> _ = medkg.train_sentiment("reviews.tsv", "opinions")
        >>> [told] = medkg.sentiment(["helped well"], "opinions").values()
        >>> told[0]["aspect"], told[0]["sign"]
        ('rating', 1)
    """
    from medkg.extract.sentiment.model import SentimentModel
    from medkg.extract.sentiment.reviews import Review, read_reviews

    opened = SentimentModel.open(model)
    quarantine = Quarantine() if quarantine is None else quarantine
    if isinstance(reviews, str | Path):
        read = read_reviews(Path(reviews), quarantine)
    else:
        if not reviews or not all(text.strip() for text in reviews):
            raise DataError("a text is empty: there is nothing to tell of it")
        read = [Review(f"text {n}", ("", "", text), {}) for n, text in enumerate(reviews, start=1)]
    opinions = dict(zip((review.name for review in read), opened.opinions(read), strict=True))
    for name in [name for name, own in opinions.items() if not own]:
        quarantine.add("no word is known to the model", path=name)
        del opinions[name]
    if not opinions:
        raise DataError("no word of these reviews is known to the model: is it of this language?")
    return opinions
