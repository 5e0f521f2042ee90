"""Reviews of drugs: how tables are read, and a model that is trained on made ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel
from typer.testing import CliRunner

import medkg
from medkg.cli import app
from medkg.core.errors import DataError, ModelError
from medkg.core.quarantine import Quarantine
from medkg.extract.sentiment.model import SentimentModel
from medkg.extract.sentiment.reviews import read_reviews
from medkg.extract.sentiment.train import BASELINE, MAJORITY, MODEL, evaluate_sentiment

HEADER = (
    "\turlDrugName\trating\teffectiveness\tsideEffects\tcondition"
    "\tbenefitsReview\tsideEffectsReview\tcommentsReview"
)
# Whether a drug helped is in one text, and whether it harmed in another, in the same words.
GOOD, BAD = "this was really great", "this was really awful"


def made(path: Path, number: int = 60) -> Path:
    """Reviews that are good where both texts are, bad where both are bad, and mixed between."""
    lines = [HEADER]
    for n in range(number):
        helped, harmed = n % 2 == 0, n % 3 == 0
        rating = {(True, False): 9, (False, True): 2}.get((helped, harmed), 6)
        effect = "Highly Effective" if helped else "Ineffective"
        harm = "Severe Side Effects" if harmed else "No Side Effects"
        texts = f"{GOOD if helped else BAD} on day {n}\t{BAD if harmed else GOOD}\tone a day"
        lines.append(f"{n}\tmade\t{rating}\t{effect}\t{harm}\tpain\t{texts}")
    path.write_bytes(("\r\n".join(lines) + "\r\n").encode())
    return path


@pytest.fixture(scope="module")
def reviews(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("reviews") / "reviews.tsv")


@pytest.fixture(scope="module")
def model(reviews: Path) -> Path:
    out = reviews.parent / "model"
    medkg.train_sentiment(reviews, out)
    return out


def test_texts_cut_at_their_line_breaks_are_joined(tmp_path: Path) -> None:
    file = tmp_path / "reviews.tsv"
    rows = [
        HEADER,
        "7\tmade\t4\tHighly Effective\tMild Side Effects\tpain\tit was\t\t",
        "good\t\t\t\t\t\t\t\t",
        '"at ""last"""\tnausea\tone a day',
        "8\tmade\t11\tIneffective\tNo Side Effects\tpain\ta\tb\tc",
        "9\tmade\t5\tSuperb\tNo Side Effects\tpain\ta\tb\tc",
        "10\tmade\t5\tIneffective\tNo Side Effects\tpain\t\t\t",
        "11\tmade\t5\tIneffective\tNo Side Effects\tpain\ta\tb\tc\td",
    ]
    file.write_bytes("\r\n".join(rows).encode())
    quarantine = Quarantine()
    [review] = read_reviews(file, quarantine)
    assert review.texts == ('it was\ngood\n"at ""last"""', "nausea", "one a day")
    assert review.labels == {"rating": "negative", "effect": "positive", "side effects": "positive"}
    assert quarantine.counts() == {
        "a rating that isn't from 1 to 10": 1,
        "unknown word for effect": 1,
        "a review without a text": 1,
        "wrong number of columns": 1,
    }


def test_a_plain_table_of_one_s_own(tmp_path: Path) -> None:
    file = tmp_path / "own.csv"
    file.write_text('drug,rating,text\nx,negative,"bad,\nvery"\ny,7.5,fair\nz,8,good\n')
    read = read_reviews(file, Quarantine())
    assert [review.labels["rating"] for review in read] == ["negative", "mixed", "positive"]
    assert read[0].texts == ("", "", "bad,\nvery")
    assert read[0].name == "x (row 1)"
    for name, text, message in (
        ("a.csv", "drug,rating\nx,3\n", "has no column benefits"),
        ("b.csv", "drug,text\nx,\n", "has no review that can be read"),
        ("c.txt", "good", "is no table"),
    ):
        (tmp_path / name).write_text(text)
        with pytest.raises(DataError, match=message):
            read_reviews(tmp_path / name, Quarantine())


def test_it_is_told_which_text_says_what(reviews: Path, model: Path) -> None:
    """Words alone can't tell help without harm from harm without help: they are the same."""
    figures = evaluate_sentiment(reviews)
    by = figures["effect"]["by"]
    assert by[MODEL]["macro_f1"] > 0.9
    assert by[MODEL]["macro_f1"] > by[BASELINE]["macro_f1"] > by[MAJORITY]["macro_f1"]
    assert figures["rating"]["reviews"] == 60
    predicted = medkg.sentiment(reviews, model)
    assert len(predicted) == 60
    signs = {o["aspect"]: o["sign"] for o in predicted["made (row 2)"]}
    assert signs == {"rating": 0, "effect": -1, "side effects": 1}


def test_a_review_of_unknown_words_is_set_aside(model: Path) -> None:
    quarantine = Quarantine()
    opinions = medkg.sentiment(["this was great", "疗效很好"], model, quarantine=quarantine)
    assert list(opinions) == ["text 1"]
    assert quarantine.counts() == {"no word is known to the model": 1}
    with pytest.raises(DataError, match="no word of these reviews is known"):
        medkg.sentiment(["疗效很好"], model)


def test_a_model_s_folder_gives_the_same(reviews: Path, model: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    medkg.train_sentiment(reviews, again)
    assert {f.name: f.read_bytes() for f in again.iterdir()} == {
        f.name: f.read_bytes() for f in model.iterdir()
    }
    assert medkg.sentiment(["so great"], model) == medkg.sentiment(["so great"], again)
    (again / "vocabulary.json").write_text("{}")
    with pytest.raises(ModelError, match="damaged"):
        SentimentModel.open(again)


def test_an_encoder_s_means_take_the_place_of_words(reviews: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *f"{GOOD} {BAD} on day one a".split()]
    (tmp_path / "vocab.txt").write_text("\n".join(dict.fromkeys(words)) + "\n")
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = BertConfig(vocab_size=len(words), intermediate_size=16, **sizes)
    BertModel(config).save_pretrained(tmp_path)
    figures = medkg.train_sentiment(reviews, tmp_path / "model", encoder=str(tmp_path))
    assert figures["effect"]["by"][MODEL]["macro_f1"] > 0.7
    assert medkg.sentiment([GOOD, BAD], tmp_path / "model").keys() == {"text 1", "text 2"}


def test_few_reviews_are_refused(tmp_path: Path) -> None:
    few = (
        r"at least 10 reviews of different texts \(rating: 2 negative, 6 mixed, 4 positive; effect"
    )
    with pytest.raises(DataError, match=few):
        evaluate_sentiment(made(tmp_path / "few.tsv", 12))


def own_table(path: Path, rows: list[tuple[str, str, str]]) -> Path:
    """Reviews (rating, effect, text) as a plain table."""
    lines = ["rating,effectiveness,text", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_text_that_is_repeated_counts_once(tmp_path: Path) -> None:
    repeated = [("negative", "", BAD), ("positive", "", GOOD)] * 20
    with pytest.raises(DataError, match=r"rating: 1 negative, 1 positive; effect: none"):
        evaluate_sentiment(own_table(tmp_path / "repeated.csv", repeated))
    # Enough texts, each three times: the same text is never learnt from and held out.
    rows = [("negative", "", f"{BAD} {n}") for n in range(10)]
    rows += [("positive", "", f"{GOOD} {n}") for n in range(10)]
    figures = evaluate_sentiment(own_table(tmp_path / "enough.csv", rows * 3))
    assert figures["rating"]["reviews"] == 60
    assert figures["rating"]["by"][MODEL]["accuracy"] == 1


def test_each_aspect_has_folds_of_its_own(tmp_path: Path) -> None:
    """What few reviews say of an effect is spread over the folds whatever their ratings are."""
    rows = [("negative" if n % 2 else "positive", "", f"{BAD} {n}") for n in range(300)]
    for n in range(10):
        rows += [("", "negative", f"{BAD} too {n}"), ("", "positive", f"{GOOD} too {n}")]
    figures = evaluate_sentiment(own_table(tmp_path / "own.csv", rows), seed=3)
    assert figures["effect"]["reviews"] == 20
    # By folds with as many of each label in each, the most frequent label is right in half of them.
    assert figures["effect"]["by"][MAJORITY]["accuracy"] == 0.5
    assert figures["effect"]["by"][MODEL]["accuracy"] == 1


def test_the_commands(reviews: Path, model: Path, tmp_path: Path) -> None:
    def run(*words: str) -> str:
        result = CliRunner().invoke(app, list(words))
        assert result.exit_code == 0, result.output
        return result.stdout

    printed = json.loads(run("sentiment", str(model), "It was great.", "--json"))
    [predicted] = printed["reviews"].values()
    assert [each["aspect"] for each in predicted] == ["rating", "effect", "side effects"]
    assert "mixed" in run("sentiment", str(model), str(reviews))
    trained = json.loads(
        run("train", "sentiment", str(reviews), "--out", str(tmp_path / "m"), "--json")
    )
    assert trained["figures"].keys() == {"rating", "effect", "side effects"}
    assert "most frequent label" in run("evaluate", "sentiment", str(reviews))
    result = CliRunner().invoke(app, ["sentiment", str(model), "missing.tsv"])
    assert "there is no such file" in str(result.exception)
    result = CliRunner().invoke(app, ["sentiment", str(model), " "])
    assert "a text is empty" in str(result.exception)
