"""What published code makes of program files, in its own environment: `code_rules.py FILES.jsonl OUT.json`.

The filters of The Stack and StarCoder as dolma and NeMo Curator carry them: lines and letters and numbers by dolma's
taggers (`code_redpajama_taggers_v1`, `code_starcoder_taggers_v2`), lines and letters by Curator's `PerExtensionFilter`, letters by
its `AlphaFilter`, XML by its `XMLHeaderFilter`. Writes for each of them which files it drops. Uses nothing of `curate`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rules import import_bare, stub

MAX_LINE, MEAN_LINE, SHARE = 1000, 100, 0.25  # StarCoder, section 3.2


def dolma_drops(texts):
    import_bare("dolma", "dolma.core", "dolma.taggers", "dolma.taggers.code")
    from dolma.core.data_types import Document
    from dolma.taggers.code.code_taggers import CodeRedPajamaTaggers

    tagger = CodeRedPajamaTaggers()
    rows = []
    for text in texts:
        found = tagger.predict(Document(source="", id="", text=text)).spans
        rows.append({span.type: span.score for span in found})
    return {
        "max_line_chars (dolma)": [row["max_line_length_doc"] > MAX_LINE for row in rows],
        "mean_line_chars (dolma)": [row["avg_line_length_doc"] > MEAN_LINE for row in rows],
        "alnum_chars (dolma)": [row["alnum_prop_doc"] < SHARE for row in rows],
        "xml (dolma)": ["<?xml version=" in text[:100] for text in texts],  # its tagger's words
    }


def curator_drops(texts):
    for name in ("cosmos_xenna", "sentencepiece", "comment_parser"):
        stub(name, comment_parser=None)
    parts = ("", ".stages", ".stages.text", ".stages.text.filters", ".stages.text.utils")
    import_bare(*(f"nemo_curator{part}" for part in parts))
    import_bare(
        "nemo_curator.stages.text.filters.heuristic", "nemo_curator.stages.text.filters.heuristic.code"
    )
    stub("nemo_curator.stages.text.utils.text_utils", get_comments_and_docstring=None)
    from nemo_curator.stages.text.filters.heuristic.code import code

    limits = Path("code_meta.csv")
    limits.write_text(
        "language,extension,Include,Long_line_threshold,Alphanum_threshold,Alpha filter\n"
        f"any,any,1,{MAX_LINE},,{SHARE}\n"
    )
    filters = {
        "lines and alpha_chars (curator)": code.PerExtensionFilter("any", "any", str(limits)),
        "alpha_chars (curator)": code.AlphaFilter(SHARE),
        "xml (curator)": code.XMLHeaderFilter(),
    }
    limits.unlink()
    return {
        name: [not each.keep_document(each.score_document(text)) for text in texts]
        for name, each in filters.items()
    }


def main(files, out):
    texts = [json.loads(line) for line in Path(files).read_text(encoding="utf-8").splitlines()]
    Path(out).write_text(json.dumps(dolma_drops(texts) | curator_drops(texts)), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
