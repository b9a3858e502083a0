"""Run by test_bounds.py in a process whose kernels check every index: each room's kernels on texts at their edges."""

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa


def raw(chunks: list[bytes]) -> pa.Array:
    """Bytes as strings, valid UTF-8 or not."""
    offsets = np.cumsum([0, *map(len, chunks)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(chunks), pa.py_buffer(offsets), pa.py_buffer(b"".join(chunks)))


def words() -> None:
    from curate.text.words import hash_words

    nasty = [b"", b"\x00", b"\xff" * 9000, b"\xe4\xb8", "İ".encode() * 9000]
    nasty += ["中".encode() * 5000, b"a" * 8185, b"a b" * 9000]
    for texts in (nasty, nasty[::-1], [b"abc"], []):
        hash_words(raw(texts))


def keys() -> None:
    from curate.dedup import DedupPlan, compute_keys, find_duplicates
    from curate.dedup.minhash import shingle_sets

    nasty = ["", None, "a", "a b c d", "a b c d e", "x " * 1029, "!", " ".join(map(str, range(1028))), "\x00"]
    nasty += ["The old mill by the river stands idle now " * 3 + str(n) for n in range(90)]
    for some in (nasty, nasty[::-1], nasty[:1], []):
        array = pa.array(some, pa.string())
        for plan in (DedupPlan(), DedupPlan(shingle_words=1, n_bands=1, n_rows=1), DedupPlan(jaccard=0.3)):
            compute_keys(array, plan, signatures=True)
            shingle_sets(array, plan.shingle_words)
            find_duplicates(array, plan=plan)


def order() -> None:
    from curate.mixture.order import build_order

    rng = np.random.default_rng(0)
    for n in (1, 2, 9):
        groups = [
            {"name": str(i), "source": "s", "domain": "d", "bucket": "q", "max_passes": 3} for i in range(n)
        ]
        plan = {"groups": groups, "budget_tokens": None, "stages": [{"name": "m", "share": 1}]}
        made = build_order(plan, rng.integers(0, 90, n) + 8, context_tokens=7, windows_per_step=2)
        made._find(np.arange(made.n_windows))


def language() -> None:
    from curate.language import identify_languages

    texts = ["", "a", "\u00e9", "x" * 25, "x" * 24, "\u65e5\u672c", " a ", "<>", "\u0301\u0301"]
    identify_languages(pa.array(texts))


def tokens() -> None:
    sys.path.insert(0, str(Path(__file__).parent / "tokens"))
    from test_bytelevel import SNIPPETS
    from token_builders import small_encoder

    from curate.tokens.bytelevel import ByteLevelKernel

    model = json.loads(small_encoder().tokenizer.to_str())["model"]
    kernel = ByteLevelKernel(model["vocab"], [tuple(m) for m in model["merges"]], n_slots=64)
    texts = [*SNIPPETS, "", "".join(SNIPPETS * 3), "x" * 5000, "'", " "]
    for _ in range(2):
        kernel.encode(pa.array(texts, pa.large_string()), 0)
        kernel.encode(pa.array([b"\xff\xe2\x82", b"\xf4\xbf\xbf\xbf", b"a\xf0", b"'"]), 0)


def scores() -> None:
    from curate.scoring import load_scorer
    from curate.scoring.kernels import tfidf_rows
    from curate.scoring.vocabulary import Vocabulary, hash_ngrams
    from curate.text.words import hash_words

    texts = ["", " ", "h", "www", "httpsss", "htt www.a", "\n\n", ".", "..", "x\x00y"]
    texts += ["é" * 9000, "a" * 20000, "w " * 20000, "光" * 7000]
    for kind in (pa.string(), pa.large_string()):
        load_scorer("edu").score(pa.array(["z", *texts], kind).slice(1))
    hashed = hash_words(pa.array(texts))
    grams = hash_ngrams(hashed, 16, pairs=True)
    tfidf_rows(grams.hashes.astype(np.int32), grams, 7, np.ones(16, np.float32))
    Vocabulary.of(np.zeros(0, np.uint64)).find(hashed)
    Vocabulary.of(np.arange(1, 2, dtype=np.uint64)).find(hashed)


def signals() -> None:
    from curate.rules import Decontaminator, clean_lines, line_rules_of, load_rules
    from curate.rules.pii import _find_candidates
    from curate.signals import DEFAULT_SIGNALS, SIGNALS, compute_signals
    from curate.signals.measure import text_buffers

    extra = [name for name in SIGNALS if name not in DEFAULT_SIGNALS]
    extra += [f"n_lines[lines={r}]" for r in ("feed", "feeds", "breaks", "unstripped")]
    extra += ["n_paragraphs[paragraphs=feeds]", "n_paragraphs[paragraphs=two_feeds]"]
    bad = [b"\xff", b"\xe2", b"\xe2\x80", b"\xf0\x9f", b"a\xc2", b"\x80\x80\x80"]
    bad += [b"x" * 9 + b"\xf4\xbf\xbf\xbf"]
    bad += [b"", b"\n" * 50, b" " * 50, b"]" * 9, b"[" * 9 + b"]" * 9, b"lorem ipsu"]
    bad += [b"1.2.3.4", b":::2a00:", b"@", b"...1.", b"2:"]
    bad += [b"a [1] b", b"\t[1]", b"[edit] ", b"\xa0[1]", b"words [1]\xe2\x80"]
    bad += [b"use cookie", b"...", b"\xed\xa0\x80"]
    tails = (b"", b" ", b"\n", b" a b c d e f g. ")
    texts = raw([each + tail for each in bad for tail in tails] * 2)
    for batch in (texts, texts[3:], *(texts[i : i + 1] for i in range(len(texts)))):
        compute_signals(batch, [*DEFAULT_SIGNALS, *extra])
        _find_candidates(*text_buffers(batch))
        Decontaminator({"b": ["a b c d e f"]}, 3).match(batch)
        for name in ("c4@code", "c4@fineweb", "c4@fineweb-layout", "curate"):
            clean_lines(batch, line_rules_of(load_rules([name])))


if __name__ == "__main__":
    for room in sys.argv[1:]:
        globals()[room]()
