"""Run a peer's own filters on pages, in its own environment: `rules.py PEER PAGES.jsonl OUT.json [CHECKOUT [texts]]`.

Writes which pages each filter keeps, why not, a hash of the text it leaves if it changes texts, and the CPU
seconds of the filters alone. Uses nothing of `curate`.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
import time
import types
from pathlib import Path


def import_bare(*packages):
    """Let modules of packages be imported without running the packages' own `__init__`, which asks for more."""
    for name in packages:
        module = types.ModuleType(name)
        module.__path__ = folders_of(name)
        sys.modules[name] = module


def folders_of(package):
    """Where a package lies; its own `__init__` is not run."""
    found = importlib.util.find_spec(package)
    if found is None or found.submodule_search_locations is None:
        raise ModuleNotFoundError(package)
    return list(found.submodule_search_locations)


def stub(name, **attributes):
    """Stand in for a module that a peer's module imports and these filters do not use."""
    module = types.ModuleType(name)
    vars(module).update(attributes)
    sys.modules[name] = module
    return module


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
            document = Document(text=text, id="page")
            found = made.filter(document)
            return (True, "", document.text) if found is True else (False, found[1], "")

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
    sys.path[:0] = [checkout, str(Path(checkout, "baselines"))]
    import_bare("core", "baselines", "baselines.mappers", "baselines.mappers.filters")
    stub("transformers", AutoTokenizer=None)  # of another filter
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


def curator_filters(_checkout):
    """NeMo Curator's filters with the limits of its `heuristic_filter_english_pipeline.yaml`."""
    stub("cosmos_xenna")
    import_bare(
        "nemo_curator", "nemo_curator.stages", "nemo_curator.stages.text",
        "nemo_curator.stages.text.filters", "nemo_curator.stages.text.utils",
    )  # fmt: skip
    from nemo_curator.stages.text.filters.heuristic import repetition, string

    quality = [
        string.NonAlphaNumericFilter(0.25), string.SymbolsToWordsFilter(0.1), string.NumbersFilter(0.15),
        string.UrlsFilter(0.2), string.WhiteSpaceFilter(0.25), string.ParenthesesFilter(0.1),
        string.BoilerPlateStringFilter(max_boilerplate_string_ratio=0.4), string.WordCountFilter(50, 100_000),
        string.PunctuationFilter(0.85), string.WordsWithoutAlphabetsFilter(0.8),
        string.CommonEnglishWordsFilter(2), string.MeanWordLengthFilter(3, 10), string.LongWordFilter(1000),
        string.EllipsisFilter(0.3), string.BulletsFilter(0.9),
    ]  # fmt: skip
    gopher = [
        string.WordCountFilter(50, 100_000), string.MeanWordLengthFilter(3, 10),
        string.SymbolsToWordsFilter(0.1), string.BulletsFilter(0.9), string.EllipsisFilter(0.3),
        string.WordsWithoutAlphabetsFilter(0.8), string.CommonEnglishWordsFilter(2),
    ]  # fmt: skip
    repeated = [
        repetition.RepeatedLinesFilter(0.7), repetition.RepeatedParagraphsFilter(0.7),
        repetition.RepeatedLinesByCharFilter(0.8), repetition.RepeatedParagraphsByCharFilter(0.8),
        *(repetition.RepeatingTopNGramsFilter(n, limit) for n, limit in TOP_LIMITS.items()),
        *(repetition.RepeatingDuplicateNGramsFilter(n, limit) for n, limit in DUP_LIMITS.items()),
    ]  # fmt: skip

    def in_order(steps):
        def keeps(text):
            for step in steps:
                try:
                    kept = step.keep_document(step.score_document(text))
                except (ZeroDivisionError, ValueError) as error:  # their own on texts without words
                    return False, f"{step.name}: {type(error).__name__}"
                if not kept:
                    return False, step.name
            return True, ""

        return keeps

    return {
        "gopher-quality": in_order(gopher),
        "gopher-repetition": in_order(repeated),
        "english pipeline": in_order([*quality, *repeated]),
    }


def c4_filters(_checkout):
    """C4's reference code, `c4_utils` of TensorFlow Datasets, without TensorFlow and Beam.

    Sentences are those of NLTK's Punkt with its English parameters, from plain tables (`punkt_tab`), which a
    package of LlamaIndex carries; the reference loads the same parameters as a pickle.
    """
    import nltk

    (core,) = folders_of("llama_index")
    nltk.data.path.insert(0, str(Path(core, "core", "_static", "nltk_cache")))
    tables = types.SimpleNamespace(
        download=lambda _name: None,
        data=types.SimpleNamespace(load=lambda _url: nltk.tokenize.PunktTokenizer("english")),
    )
    import_bare("tensorflow_datasets", "tensorflow_datasets.text", "tensorflow_datasets.core")
    import_bare("tensorflow_datasets.core.utils")
    tensorflow = types.SimpleNamespace(compat=types.SimpleNamespace(as_text=str))
    stub("tensorflow_datasets.core.utils.lazy_imports_utils", tensorflow=tensorflow)
    lazy = types.SimpleNamespace(nltk=tables)
    stub("tensorflow_datasets.public_api", core=types.SimpleNamespace(lazy_imports=lazy))
    sys.modules["tensorflow_datasets"].public_api = sys.modules["tensorflow_datasets.public_api"]
    from tensorflow_datasets.text import c4_utils

    reasons = []
    c4_utils.get_counter_inc_fn = lambda _namespace: lambda name, _n=1: reasons.append(name)
    clean_page = c4_utils.get_clean_page_fn()

    def as_filter(*, asks_length, **numbers):
        def keeps(text):
            page = c4_utils.PageFeatures(text=text)
            reasons.clear()
            if asks_length and not c4_utils.is_valid_length(page):
                return False, "too long", ""
            found = list(clean_page(page, **numbers))
            return (True, "", found[0].text) if found else (False, reasons[-1], "")

        return keeps

    return {
        "c4@code": as_filter(asks_length=True),
        "c4@paper": as_filter(
            asks_length=False, min_words_per_line=3, min_num_sentences=5, max_word_length=sys.maxsize
        ),
    }


PEERS = {
    "datatrove": datatrove_filters,
    "dolma": dolma_filters,
    "dclm": dclm_filters,
    "curator": curator_filters,
    "c4": c4_filters,
}


def digest(text):
    """A short name of a text."""
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def main(peer, pages, out, checkout="", texts_too=""):
    with open(pages, encoding="utf-8") as lines:
        texts = [json.loads(line) for line in lines]
    filters = PEERS[peer](checkout)
    for keeps in filters.values():
        keeps("Load what is loaded on first use, and then measure.")
    result = {}
    for name, keeps in filters.items():
        began_s = time.process_time()
        found = [keeps(text) for text in texts]
        result[name] = {
            "cpu_s": time.process_time() - began_s,
            "kept": [row[0] for row in found],
            "why": [row[1] for row in found],
            "left": [digest(row[2]) if len(row) > 2 and row[0] else None for row in found],
        }
        if texts_too:
            result[name]["texts"] = [row[2] if len(row) > 2 and row[0] else None for row in found]
    with open(out, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
