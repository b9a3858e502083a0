"""Real web pages through mixture, tokens and order."""

from itertools import pairwise

import numpy as np
import pytest

from curate.dedup import find_duplicates
from curate.mixture import MixtureSettings, Source, Stage, build_order, mix
from curate.tokens import load_encoder, tokenize_mixture


@pytest.mark.realdata
@pytest.mark.slow
def test_real_pages_become_windows_that_keep_the_plan(real_data, tmp_path):
    settings = MixtureSettings(
        sources=(
            Source("web", (str(real_data / "web" / "c4.jsonl.gz"),)),
            Source(
                "books",
                (str(real_data / "textbooks" / "osbooks-statistics.jsonl.gz"),),
                weight=0.4,
                max_passes=3,
            ),
        ),
        stages=(Stage("base", 0.8), Stage("best", 0.2, sources={"books": 0.7})),
        validation_fraction=0.1,
        dedup="near",
    )
    mix(settings, tmp_path / "mixture", workers=1)
    tokens = tokenize_mixture(tmp_path / "mixture", tmp_path / "tokens", vocab_size=4000, workers=1)
    encoder = load_encoder(tokens.tokenizer_path)

    texts = {}
    for split, groups in (("train", tokens.train), ("validation", tokens.validation)):
        texts[split] = []
        for group in groups:
            assert np.count_nonzero(group.tokens == tokens.eos_id) == group.n_documents
            offsets = group.document_offsets.astype(int)
            found = [
                encoder.tokenizer.decode(group.tokens[a : b - 1].tolist(), skip_special_tokens=False)
                for a, b in pairwise(offsets)
            ]
            assert [len(text.encode()) for text in found] == group.document_bytes.tolist()
            texts[split] += found
    assert find_duplicates(texts["validation"] + texts["train"]).num_rows == 0

    sizes = [group.n_tokens for group in tokens.train]
    order = build_order(tokens.plan, sizes, context_tokens=256, windows_per_step=4)
    passes = dict(zip([group.source for group in tokens.train], order.passes(order.n_steps), strict=True))
    assert passes["books"] <= 3
    n_books = order.counts(order.n_windows)[[group.source for group in tokens.train].index("books")]
    assert abs(n_books - order.n_windows * (0.8 * 0.4 + 0.2 * 0.7)) < 3 or passes["books"] > 2.9
