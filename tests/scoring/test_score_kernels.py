"""The kernels of the scorer against plain Python."""

import math
import re
from collections import Counter
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.scoring.heads import KernelHead, prepare
from curate.scoring.kernels import mean_vectors, project_zones, share_words, tfidf_rows, tfidf_times
from curate.scoring.lines import LINE_KINDS, LINES_BYTES, LINES_NAMES, measure_lines
from curate.scoring.shape import SHAPE_BYTES, SHAPE_NAMES, measure_shape
from curate.scoring.texts import count_read, take_window
from curate.scoring.vocabulary import Vocabulary, hash_ngrams
from curate.text.gate import as_texts
from curate.text.words import Words, hash_words

N_WORDS = 12
TEXTS = st.lists(st.text(max_size=80), max_size=6)
DOCUMENTS = st.lists(st.lists(st.integers(-1, N_WORDS - 1), max_size=30), max_size=5)
ZONES = st.lists(st.integers(1, 12), max_size=2, unique=True).map(
    lambda sizes: [0, *sorted(sizes, reverse=True)]
)


def words_of(documents):
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    numbers = np.array([n for document in documents for n in document], np.int32)
    return numbers, Words(np.zeros(len(numbers), np.uint64), offsets)


def plain_tfidf(document, zone, idf):
    seen = Counter(n for n in (document[:zone] if zone else document) if n >= 0)
    weights = {n: (1 + math.log(count)) * float(idf[n]) for n, count in seen.items()}
    norm = math.sqrt(sum(w * w for w in weights.values()))
    return {n: w / norm for n, w in weights.items()} if norm > 0 else {}


@given(DOCUMENTS, st.permutations([0, 1, 2, *[-1] * (N_WORDS - 3)]))
@settings(deadline=None)
def test_shares_of_words_equal_a_plain_loop(documents, places):
    numbers, words = words_of(documents)
    found = share_words(numbers, words, np.array(places, np.int16), 3)
    for row, document in zip(found, documents, strict=True):
        counts = Counter(places[n] for n in document if n >= 0)
        expected = [math.sqrt(counts[place] / max(len(document), 1)) for place in range(3)]
        assert row.tolist() == pytest.approx(expected)


@given(DOCUMENTS, ZONES)
@settings(deadline=None)
def test_tfidf_rows_equal_a_plain_loop(documents, zones):
    numbers, words = words_of(documents)
    idf = np.linspace(0.5, 3, N_WORDS).astype(np.float32)
    for zone in zones:
        data, indices, indptr = tfidf_rows(numbers, words, zone, idf)
        for i, document in enumerate(documents):
            row = dict(zip(indices[indptr[i] : indptr[i + 1]], data[indptr[i] : indptr[i + 1]], strict=True))
            expected = plain_tfidf(document, zone, idf)
            assert list(row) == sorted(expected)
            assert all(abs(row[n] - expected[n]) < 1e-5 for n in expected)


@given(DOCUMENTS, ZONES, st.sampled_from([1, 3, 8, 24, 61, 131]))  # 64, 32, 16 and 8 sums are taken at once
@settings(deadline=None)
def test_tfidf_times_weights_equals_a_plain_loop(documents, zones, n_outputs):
    numbers, words = words_of(documents)
    idf = np.linspace(0.5, 3, N_WORDS).astype(np.float32)
    weights = np.random.default_rng(0).normal(size=(N_WORDS, len(zones), n_outputs)).astype(np.float32)
    products = tfidf_times(numbers, words, np.array(zones, np.int64), idf, weights)
    assert products.shape == (len(documents), n_outputs)
    for i, document in enumerate(documents):
        for j in {0, 7, 8, 33, n_outputs - 1} & set(range(n_outputs)):
            expected = sum(
                share * weights[n, z, j]
                for z, zone in enumerate(zones)
                for n, share in plain_tfidf(document, zone, idf).items()
            )
            assert abs(products[i, j] - expected) < 1e-4


@given(DOCUMENTS, ZONES, st.sampled_from([4, 48]))
@settings(deadline=None)
def test_mean_vectors_equal_a_plain_loop(documents, zones, size):
    numbers, words = words_of(documents)
    rng = np.random.default_rng(1)
    vectors = rng.integers(-127, 128, (N_WORDS, size)).astype(np.int8)
    scales = rng.uniform(0.001, 0.01, N_WORDS).astype(np.float32)
    means = mean_vectors(numbers, words, np.array(zones, np.int64), vectors, scales)
    for i, document in enumerate(documents):
        for z, zone in enumerate(zones):
            known = [n for n in (document[:zone] if zone else document) if n >= 0]
            total = sum((vectors[n].astype(float) * scales[n] for n in known), np.zeros(size))
            length = np.linalg.norm(total)
            if length > 1e-4:  # else what is left is rounding
                np.testing.assert_allclose(means[i, size * z : size * z + size], total / length, atol=1e-3)
            elif not known:
                assert not means[i, size * z : size * z + size].any()


@given(DOCUMENTS, ZONES, st.sampled_from([3, 80]))
@settings(deadline=None)
def test_projected_zones_equal_a_plain_loop(documents, zones, size):
    numbers, words = words_of(documents)
    rng = np.random.default_rng(2)
    axes = rng.integers(-127, 128, (N_WORDS, size)).astype(np.int8)
    scales = rng.uniform(0.1, 1, N_WORDS).astype(np.float32)
    points = project_zones(numbers, words, np.array(zones, np.int64), axes, scales)
    for i, document in enumerate(documents):
        for z, zone in enumerate(zones):
            seen = Counter(n for n in (document[:zone] if zone else document) if n >= 0)
            rows = [axes[n].astype(float) * scales[n] * (1 + math.log(count)) for n, count in seen.items()]
            total = np.sum(rows, axis=0) if rows else np.zeros(size)
            length = np.linalg.norm(total)
            if length > 1e-2:  # else what is left is rounding
                np.testing.assert_allclose(points[i, size * z : size * z + size], total / length, atol=1e-3)
            elif not seen:
                assert not points[i, size * z : size * z + size].any()


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 2**64 - 1), unique=True, max_size=50),
    st.lists(st.integers(0, 2**64 - 1), max_size=20),
    st.booleans(),
)
def test_a_vocabulary_finds_its_words_and_no_others(known, others, knows_idf):
    idf = np.random.default_rng(len(known)).random(len(known)).astype(np.float32)
    vocabulary = Vocabulary.of(np.array(known, np.uint64), idf if knows_idf else None)
    asked = np.array(known + others, np.uint64)
    numbers = vocabulary.find(Words(asked, np.array([0, len(asked)])))
    place = {word: i for i, word in enumerate(known)}
    assert numbers.tolist() == [place.get(int(word), -1) for word in asked]


@given(  # 64 rows are taken through tiles of 32 centres
    st.integers(0, 9) | st.sampled_from([64, 67]),
    st.integers(1, 9),
    st.integers(0, 9) | st.sampled_from([32, 33]),
    st.floats(0, 100),
)
@settings(deadline=None)
def test_bumps_equal_a_plain_sum_of_exponentials_in_any_batch(n_rows, n_features, n_centres, gamma):
    rng = np.random.default_rng(n_rows + 10 * n_features + 100 * n_centres)
    rows, centres = rng.normal(size=(n_rows, n_features)), rng.normal(size=(n_features, n_centres))
    rows, centres, weights = (
        array.astype(np.float32) for array in (rows, centres, rng.normal(size=n_centres))
    )
    head = KernelHead(centres, weights, np.float32([0.5]), np.float32([gamma]))
    distances = np.square(rows.astype(np.float64)[:, :, None] - centres).sum(axis=1)
    expected = np.exp(-float(head.gamma[0]) * distances) @ weights.astype(np.float64) + 0.5
    found = head.predict(rows)
    np.testing.assert_allclose(found, expected, atol=2e-5 * (1 + gamma))
    alone = [head.predict(rows[i : i + 1])[0] for i in range(n_rows)]
    assert found.tolist() == alone


@given(st.lists(st.integers(0, 40), max_size=3), st.integers(0, 3), st.integers(0, 5))
@settings(deadline=None)
def test_what_a_head_sees_is_clipped_columns_and_products_side_by_side(widths, n_products, n_rows):
    rng = np.random.default_rng(len(widths) + 10 * n_products + 100 * n_rows)
    blocks = [rng.normal(size=(n_rows, width)).astype(np.float32) for width in widths]
    products = rng.normal(size=(n_rows, n_products)).astype(np.float32)
    for block in blocks:
        block[block > 2] = np.nan
    centre, scale, limit = rng.uniform(0, 2, (3, sum(widths))).astype(np.float32)
    columns = np.hstack([*blocks, np.zeros((n_rows, 0), np.float32)])
    expected = np.hstack([np.clip((columns - centre) * scale, -limit, limit), products])
    np.testing.assert_array_equal(prepare(blocks, centre, scale, limit, products), expected)
    if blocks:
        np.testing.assert_array_equal(prepare(blocks, centre, scale, limit), expected[:, : columns.shape[1]])


def test_common_words_are_placed_where_they_are_looked_for():
    hashes = np.arange(1, 5, dtype=np.uint64)  # all in one slot
    vocabulary = Vocabulary.of(hashes, np.float32([3, 1, 4, 2]))
    assert vocabulary.slots[:5].tolist() == [1, 3, 0, 2, -1]


def test_words_that_share_a_slot_are_told_apart():
    known = np.arange(40, dtype=np.uint64)  # the low bits do not choose the slot
    vocabulary = Vocabulary.of(known)
    assert vocabulary.find(Words(known, np.array([0, 40]))).tolist() == list(range(40))


@given(TEXTS)
@settings(deadline=None)
def test_ngrams_are_words_and_pairs_in_order(texts):
    words = hash_words(pa.array(texts, pa.string()))
    grams = hash_ngrams(words, 1 << 10, pairs=True)
    for i in range(len(texts)):
        page = words.hashes[words.offsets[i] : words.offsets[i + 1]]
        row = grams.hashes[grams.offsets[i] : grams.offsets[i + 1]]
        assert len(row) == max(2 * len(page) - 1, 0)
        assert row[0::2].tolist() == ([int(page[0]) & 1023] if len(page) else [])[:1] + row[2::2].tolist()
        assert row[1::2].tolist() == [int(word) & 1023 for word in page[1:]]
        assert (row < 1024).all()


def test_a_pair_has_the_same_bucket_in_every_document():
    words = hash_words(pa.array(["red green blue", "yellow red green"]))
    grams = hash_ngrams(words, 1 << 20, pairs=True).hashes
    assert grams[2] == grams[5 + 4]


@given(TEXTS, st.integers(8, 60))
@settings(deadline=None, max_examples=200)
def test_a_window_is_a_prefix_that_ends_between_characters(texts, window_bytes):
    cut = take_window(pa.array(texts, pa.string()), window_bytes).to_pylist()
    n_read = count_read(pa.array(["left out", *texts], pa.string())[1:], window_bytes)
    assert n_read.tolist() == [len(prefix.encode()) for prefix in cut]
    for text, prefix in zip(texts, cut, strict=True):
        encoded = text.encode()
        assert encoded.startswith(prefix.encode())
        assert len(prefix.encode()) <= window_bytes
        if len(encoded) <= window_bytes:
            assert prefix == text
        else:
            assert len(prefix.encode()) > window_bytes - 64 - 4


def test_text_that_fits_is_passed_on_without_a_copy():
    array = pa.array(["short", "texts"])
    assert take_window(array, 100) is array


def test_half_a_surrogate_pair_becomes_a_question_mark():
    assert as_texts(["a\ud800b", None]).to_pylist() == ["a?b", None]


def test_one_string_is_refused_as_a_batch():
    with pytest.raises(TypeError, match="put it in a list"):
        as_texts("a document")


def plain_shape(text):
    """The numbers that can be told from the text with plain string methods."""
    data = text.encode()[:SHAPE_BYTES]
    words = [w for w in data.translate(bytes(max(b, 32) for b in range(256))).split(b" ") if w]
    blank = bytes(range(33))
    lines = [line.strip(blank) for line in data.split(b"\n")]
    full = [line for line in lines if line]
    n_words, n_lines = max(len(words), 1), max(len(full), 1)
    n_sentences = sum(w[-1:] in (b".", b"!", b"?") for w in words)
    return {
        "log_bytes": math.log1p(len(data)),
        "log_words": math.log1p(len(words)),
        "log_lines": math.log1p(len(full)),
        "log_words_per_line": math.log1p(n_words / n_lines),
        "log_line_bytes": math.log1p(sum(map(len, full)) / n_lines),
        "log_words_per_sentence": math.log1p(n_words / (n_sentences + 1)),
        "mean_word_bytes": sum(map(len, words)) / n_words,
        "long_words": math.sqrt(sum(len(w) >= 8 for w in words) / n_words),
        "capital_words": math.sqrt(sum(w[:1].isupper() for w in words) / n_words),
        "digit_words": math.sqrt(sum(any(48 <= b <= 57 for b in w) for w in words) / n_words),
        "addresses": math.sqrt(sum(len(w) > 6 and w[:3] in (b"htt", b"www") for w in words) / n_words),
        "short_lines": math.sqrt(sum(len(line) < 40 for line in full) / n_lines),
        "blank_lines": math.sqrt((len(lines) - len(full)) / (len(lines) - len(full) + n_lines)),
        "lines_ending_in_period": math.sqrt(sum(line.endswith(b".") for line in full) / n_lines),
        "digits": math.sqrt(sum(48 <= b <= 57 for b in data) / len(data)) if data else 0,
        "all_capital_words": math.sqrt(
            sum(sum(65 <= b <= 90 for b in w) > 1 and not any(97 <= b <= 122 for b in w) for w in words)
            / n_words
        ),
        "ellipses": math.sqrt(
            sum(pair == (46, 46) for pair in pairwise(b for b in data if b > 32)) / n_words
        ),
        "sd_word_bytes": math.sqrt(
            max(sum(len(w) ** 2 for w in words) / n_words - (sum(map(len, words)) / n_words) ** 2, 0)
        ),
        "commas": math.sqrt(data.count(b",") / n_words),
        "mathematics": math.sqrt(sum(data.count(c) for c in (b"<", b"=", b">", b"+")) / n_words),
    }


@given(st.lists(st.text(alphabet="aB9 .,!\n\t?*-é光=+<wht:/", max_size=120), max_size=4))
@settings(deadline=None, max_examples=200)
def test_shape_equals_a_plain_loop(texts):
    shapes = measure_shape(pa.array(texts, pa.string()))
    for text, shape in zip(texts, shapes, strict=True):
        if text:
            for name, expected in plain_shape(text).items():
                assert shape[SHAPE_NAMES.index(name)] == pytest.approx(expected, abs=1e-4), name
        else:
            assert not shape.any()


@given(TEXTS)
@settings(deadline=None)
def test_shape_is_finite_for_any_text(texts):
    assert np.isfinite(measure_shape(pa.array(texts, pa.string()))).all()


def test_shape_reads_the_beginning_only():
    beginning = "A line of text.\n" * 200
    shapes = measure_shape(pa.array([beginning, beginning[:SHAPE_BYTES], beginning + "9" * 5000]))
    assert (shapes == shapes[0]).all()


LINES = {
    "prose": "The cell is the smallest unit of life, and all of its parts work with each other to keep it alive.",
    "program": "for (int i = 0; i < n; ++i) { total += values[i]; }",
    "formula": "x2 + y2 = 25 - 4*3",
    "table": "1990   12.5   13.75   2.1",
    "list": "- two eggs, beaten",
    "heading": "Photosynthesis in Green Plants",
}


@pytest.mark.parametrize("kind", LINES)
def test_a_line_of_each_kind_is_told(kind):
    shares = dict(zip(LINES_NAMES, measure_lines(pa.array([f"{LINES[kind]}\n\n" * 3]))[0], strict=True))
    assert shares[f"{kind}_lines"] == shares[f"{kind}_bytes"] == 1


@given(TEXTS)
@settings(deadline=None)
def test_kinds_of_lines_are_of_each_page_alone_finite_and_sum_to_one(texts):
    texts = [*texts, "Heading\n\nint main(void);\n    x = 1;\nx = f(1, 2)\n"]
    together = measure_lines(as_texts(texts))
    alone = np.vstack([measure_lines(as_texts([text])) for text in texts])
    np.testing.assert_array_equal(together, alone)
    assert np.isfinite(together).all()
    for row, text in zip(together, as_texts(texts).to_pylist(), strict=True):
        has_line = any(byte > 32 for byte in text.encode()[:LINES_BYTES])
        n_kinds = len(LINE_KINDS)
        for at in (0, n_kinds):
            assert abs((row[at : at + n_kinds].astype(float) ** 2).sum() - has_line) < 1e-5
    named = dict(zip(LINES_NAMES, together[-1], strict=True))
    assert named["indented_lines"] == pytest.approx(np.sqrt(1 / 4))


WORD = re.compile(rb"[a-zA-Z_\x7f-\xff][a-zA-Z_\x7f-\xff0-9']*")


@given(st.lists(st.text(alphabet="aB_9' .\n\t-é=", max_size=300), max_size=3))
@settings(deadline=None, max_examples=200)
def test_words_of_lines_equal_those_of_a_plain_loop(texts):
    for text, row in zip(texts, measure_lines(pa.array(texts, pa.string())), strict=True):
        words = WORD.findall(text.encode()[:LINES_BYTES])
        short = [word for word in words if len(word) <= 4 and re.fullmatch(rb"[a-z\x7f-\xff]+", word)]
        identifiers = [word for word in words if b"_" in word or re.search(rb"[a-z\x7f-\xff].*[A-Z]", word)]
        named = dict(zip(LINES_NAMES, row, strict=True))
        for name, some in (("short_lower_words", short), ("identifiers", identifiers)):
            assert named[name] == pytest.approx(math.sqrt(len(some) / max(len(words), 1)), abs=1e-5), name


def test_lines_beyond_the_window_do_not_count():
    text = "word " * (LINES_BYTES // 5)
    np.testing.assert_array_equal(*(measure_lines(pa.array([text + more])) for more in ("", "x = 1;\n" * 50)))
