"""Run a peer's own filters on pages, in its own environment: `rules.py PEER PAGES.jsonl OUT.json [CHECKOUT]`.

Writes which pages each filter keeps and the CPU seconds of the filters alone. Uses nothing of `curate`.
"""

from __future__ import annotations

import json
import sys
import time
import types


def datatrove_filters(_checkout):
    from datatrove.data import Document
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )

    def as_filter(made):
        def keeps(text):
            found = made.filter(Document(text=text, id="page"))
            return (True, "") if found is True else (False, found[1])

        return keeps

    return {
        "gopher-repetition": as_filter(GopherRepetitionFilter()),
        "gopher-quality": as_filter(GopherQualityFilter()),
        "c4": as_filter(C4QualityFilter()),
        "c4@fineweb": as_filter(C4QualityFilter(filter_no_terminal_punct=False)),
        "fineweb": as_filter(FineWebQualityFilter()),
    }


# The limits of Dolma's published Gopher filters, on the names its tagger gives.
DOLMA_LIMITS = {
    "word_count": (50, 100_000),
    "median_word_length": (3, 10),
    "symbol_to_word_ratio": (None, 0.1),
    "fraction_of_words_with_alpha_character": (0.8, None),
    "required_word_count": (2, None),
    "fraction_of_lines_starting_with_bullet_point": (None, 0.9),
    "fraction_of_lines_ending_with_ellipsis": (None, 0.3),
}
DOLMA_REPETITION_LIMITS = {
    "fraction_of_duplicate_lines": (None, 0.3),
    "fraction_of_characters_in_duplicate_lines": (None, 0.3),
}
TOP_LIMITS = {2: 0.2, 3: 0.18, 4: 0.16}
DUP_LIMITS = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1}


def dolma_filters(_checkout):
    from dolma.taggers.gopher import get_attributes

    def broken(values, limits):
        for name, (low, high) in limits.items():
            if (low is not None and values[name] < low) or (high is not None and values[name] > high):
                return False, name
        return True, ""

    def quality(text):
        return broken(vars(get_attributes(text)), DOLMA_LIMITS)

    def repetition(text):
        attributes = get_attributes(text)
        for pairs, limits in (
            (attributes.fraction_of_characters_in_most_common_ngram, TOP_LIMITS),
            (attributes.fraction_of_characters_in_duplicate_ngrams, DUP_LIMITS),
        ):
            for n, value in pairs:
                if value > limits[n]:
                    return False, f"{n}-gram"
        return broken(vars(attributes), DOLMA_REPETITION_LIMITS)

    return {"gopher-quality": quality, "gopher-repetition": repetition}


def dclm_filters(checkout):
    sys.path.insert(0, checkout)
    stub = types.ModuleType("transformers")  # imported by the module, used by another filter
    stub.AutoTokenizer = None
    sys.modules["transformers"] = stub
    from baselines.mappers.filters import content_filters as dclm

    steps = [
        (
            dclm.page_length_filter,
            {"length_type": "word", "min_length": 50, "max_length": 100_000, "ignore_punctuation": True},
        ),
        (dclm.word_length_filter, {"min_length": 3, "max_length": 10}),
        (dclm.symbol_ratio_filter, {"max_symbol_to_word_ratio": 0.1}),
        (dclm.bullet_count_filter, {"max_bullet_start_ratio": 0.9}),
        (dclm.ellipsis_count_filter, {"max_ellipsis_end_ratio": 0.3}),
        (dclm.alphabetic_word_ratio_filter, {"max_ratio": 0.2}),
        (dclm.stop_word_filter, {"count_unique": False, "min_stop_word": 2}),
    ]

    def quality(text):
        for step, settings in steps:
            if not step({"text": text}, **settings):
                return False, step.__name__
        return True, ""

    def repetition(text):
        return (True, "") if dclm.massive_web_repetition_filters({"text": text}) else (False, "repetition")

    return {"gopher-quality": quality, "gopher-repetition": repetition}


PEERS = {"datatrove": datatrove_filters, "dolma": dolma_filters, "dclm": dclm_filters}


def main(peer, pages, out, checkout=None):
    with open(pages, encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    filters = PEERS[peer](checkout)
    for keeps in filters.values():
        keeps("Load what is loaded on first use, and then measure.")
    result = {}
    for name, keeps in filters.items():
        began_s = time.process_time()
        kept = [keeps(text) for text in texts]
        result[name] = {
            "cpu_s": time.process_time() - began_s,
            "kept": [k for k, _ in kept],
            "why": [w for _, w in kept],
        }
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
