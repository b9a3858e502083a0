"""Every law of scorers: a scorer that breaks it alone is caught, and the message names the law."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from curate.testing import check_scorer


def to_list(texts):
    return texts.to_pylist() if isinstance(texts, pa.Array) else list(texts)


class Lawful:
    """Share of letters in a document."""

    name = "lawful"
    fingerprint = "1"

    def one(self, text):
        text = text or ""
        return sum(c.isalpha() for c in text) / max(len(text), 1)

    def score(self, texts):
        return np.array([self.one(text) for text in to_list(texts)], np.float32)


class WithLevels(Lawful):
    def score_levels(self, texts):
        scores = self.score(texts)
        return scores * 5, scores


def test_lawful_scorers_pass():
    check_scorer(Lawful())
    check_scorer(WithLevels(), ["a page of one's own"])


class NoName(Lawful):
    name = ""


class KnowsItsNeighbours(Lawful):
    def score(self, texts):
        scores = super().score(texts)
        return scores - scores.min() if len(scores) else scores


class KnowsItsPlace(Lawful):
    def score(self, texts):
        scores = super().score(texts)
        return np.where(np.arange(len(scores)) > 20, 0, scores).astype(np.float32)


class KnowsTheFirst(Lawful):
    def score(self, texts):
        scores = super().score(texts)
        scores[1:] *= np.float32(0.5) if len(scores) and scores[0] < 0.5 else 1
        return scores


class Remembers(Lawful):
    calls = 0

    def score(self, texts):
        self.calls += 1
        return super().score(texts) / np.float32(1 + 1e-3 * self.calls)


class NotFinite(Lawful):
    def one(self, text):
        return super().one(text) if text else np.nan


class TooHigh(Lawful):
    def one(self, text):
        return super().one(text) * 1.5


class BelowZero(Lawful):
    def one(self, text):
        return super().one(text) - 0.1


class Double(Lawful):
    def score(self, texts):
        return super().score(texts).astype(np.float64)


class PlainList(Lawful):
    def score(self, texts):
        return super().score(texts).tolist()


class Column(Lawful):
    def score(self, texts):
        return super().score(texts)[:, None]


class DropsEmpty(Lawful):
    def score(self, texts):
        return super().score([text for text in to_list(texts) if text])


class ChangesItsInput(Lawful):
    def score(self, texts):
        scores = super().score(texts)
        if isinstance(texts, list):
            texts.sort()
        return scores


class ReusesItsOutput(Lawful):
    buffer = np.zeros(1000, np.float32)

    def score(self, texts):
        self.buffer[: len(texts)] = super().score(texts)
        return self.buffer[: len(texts)]


class FailsOnNone(Lawful):
    def one(self, text):
        return super().one(text.strip() and text)


class FailsOnEmptyText(Lawful):
    def one(self, text):
        return sum(c.isalpha() for c in text or "a") / len(text if text is not None else "a")


class FailsOnNoDocument(Lawful):
    def score(self, texts):
        return np.stack([np.float32(self.one(text)) for text in to_list(texts)])


class FailsOnLongText(Lawful):
    def one(self, text):
        if len(text or "") > 30_000:
            raise ValueError("sequence too long")
        return super().one(text)


class FailsOnInvalidText(Lawful):
    def one(self, text):
        return super().one((text or "").encode().decode())


class FailsOnArrow(Lawful):
    def score(self, texts):
        return np.array(
            [self.one(text) for text in list(texts) if isinstance(text, str) or text.lower()], np.float32
        )


class ForgetsTheOffset(Lawful):
    """Reads an Arrow array's buffers and forgets that a slice does not begin at 0."""

    def score(self, texts):
        if isinstance(texts, pa.Array) and texts.offset:
            kind = np.int64 if texts.type == pa.large_string() else np.int32
            bounds = np.frombuffer(texts.buffers()[1], kind)[: len(texts) + 1]
            data = texts.buffers()[2].to_pybytes()
            return super().score([data[a:b].decode() for a, b in pairwise(bounds)])
        return super().score(texts)


class OtherScoresWithLevels(WithLevels):
    def score_levels(self, texts):
        levels, scores = super().score_levels(texts)
        return levels, scores * np.float32(0.5)


class LevelsNotFinite(WithLevels):
    def score_levels(self, texts):
        levels, scores = super().score_levels(texts)
        return levels + np.float32("inf"), scores


class LevelsDouble(WithLevels):
    def score_levels(self, texts):
        levels, scores = super().score_levels(texts)
        return levels.astype(float), scores


class LevelsOfOnePage(WithLevels):
    def score_levels(self, texts):
        levels, scores = super().score_levels(texts)
        return levels[:1], scores


@pytest.mark.parametrize(
    ("broken", "law"),
    [
        (NoName, "the name is ''"),
        (KnowsItsNeighbours, "in a batch and .* alone"),
        (KnowsItsPlace, "in a batch and .* in a larger batch"),
        (KnowsTheFirst, "in a batch and .* (alone|backwards)"),
        (Remembers, "the score of document"),
        (NotFinite, "no number"),
        (TooHigh, r"outside \[0, 1\]"),
        (BelowZero, r"outside \[0, 1\]"),
        (Double, "float64, not float32"),
        (PlainList, "gave list, not a numpy array"),
        (Column, r"gave shape \(14, 1\)"),
        (DropsEmpty, r"14 documents gave shape \(13,\)"),
        (ChangesItsInput, "changed the list"),
        (ReusesItsOutput, "changed the scores given before"),
        (FailsOnNone, "raised AttributeError on an Arrow array of string of 3 documents"),
        (FailsOnEmptyText, "raised ZeroDivisionError"),
        (FailsOnNoDocument, "raised ValueError on a list of 0 documents"),
        (FailsOnLongText, "sequence too long"),
        (FailsOnInvalidText, "raised UnicodeEncodeError"),
        (FailsOnArrow, "on an Arrow array of string"),
        (ForgetsTheOffset, "in a slice of a string array"),
        (OtherScoresWithLevels, "by `score_levels`"),
        (LevelsNotFinite, "level is not finite"),
        (LevelsDouble, "levels are float64"),
        (LevelsOfOnePage, "levels have shape"),
    ],
)
def test_a_scorer_that_breaks_one_law_is_caught(broken, law):
    with pytest.raises(AssertionError, match=law):
        check_scorer(broken())


def test_what_is_no_scorer_is_caught():
    with pytest.raises(AssertionError, match="needs `name` and `score"):
        check_scorer(object())


class NoFingerprint(Lawful):
    fingerprint = ""


class AnotherEachTime(Lawful):
    @property
    def fingerprint(self):
        self.n_asked = getattr(self, "n_asked", 0) + 1
        return str(self.n_asked)


class AnotherInACopy(Lawful):
    @property
    def fingerprint(self):
        return hex(id(self))


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (NoFingerprint(), "the fingerprint is '', not a text that changes"),
        (AnotherEachTime(), "another one the second time"),
        (AnotherInACopy(), "the fingerprint of a copy is"),
    ],
)
def test_a_scorer_says_what_tells_it_from_another_of_its_name(scorer, message):
    with pytest.raises(AssertionError, match=message):
        check_scorer(scorer)
