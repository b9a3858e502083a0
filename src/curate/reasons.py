"""The ledger of reasons: why a document is dropped, in words. Rules are not here: each rule set names its own.

`explain` shows a reason's words, and the reference in docs/ is made from them; a test holds every run of the tests to it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """One `drop_reason`, the stage that gives it, and what it says of the document."""

    name: str
    stage: str
    doc: str


REASONS = (
    Reason("record_truncated", "read", "the record or archive member ends too early"),
    Reason("record_damaged", "read", "its checksum is wrong, or its length is not the one stated"),
    Reason(
        "page_too_large",
        "read",
        "larger than max_page_bytes, before or after decoding; of a row, all columns count",
    ),
    Reason(
        "decompression_bomb",
        "read",
        "decodes to over 200 times its size and a MiB, or its chunk to over 528 MiB",
    ),
    Reason("content_encoding_unknown", "read", "a Content-Encoding that is not known, and no text as it is"),
    Reason("content_encoding_invalid", "read", "the body is not in the Content-Encoding that is stated"),
    Reason("json_invalid", "read", "a line or value that is no JSON object"),
    Reason("json_no_text", "read", "an object without a column that holds text"),
    Reason("csv_invalid", "read", "a record that is broken: a quote that never closes"),
    Reason("csv_no_text", "read", "a record without text"),
    Reason("parquet_no_text", "read", "a row without text"),
    Reason("parquet_damaged", "read", "in a row group that cannot be decoded"),
    Reason("html_not_text", "read", "a page where text is asked for (dedup, index)"),
    Reason("encrypted", "read", "an archive member behind a password"),
    Reason("path_outside_archive", "read", "an archive member named with '..' or from the root"),
    Reason("notebook_invalid", "read", "an .ipynb that is no notebook"),
    Reason(
        "license_not_permissive",
        "read",
        "states no permissive licence, and --license permissive asks for one",
    ),
    Reason("code_vendored", "read", "a copy of another project, by its path or by what the data states"),
    Reason("code_minified", "read", "minified, by its name or its lines"),
    Reason(
        "code_generated",
        "read",
        "written by a program, by its name, its first lines, or what the data states",
    ),
    Reason("code_left_out", "read", "a program file, and --code-scorer none leaves programs out"),
    Reason("no_text", "extract", "no main text was found, or the text is empty"),
    Reason("html_too_deep", "extract", "elements nested deeper than the extractor goes"),
    Reason("html_too_complex", "extract", "more elements or attributes than the extractor takes"),
    Reason("html_too_large", "extract", "larger than the extractor takes"),
    Reason("language", "language", "in no language that was asked for, or not surely enough"),
    Reason("url_host", "rules", "its host is on --url-blocklist; the entry stands in drop_detail"),
    Reason("url_domain", "rules", "its host is at or below a domain of --url-blocklist"),
    Reason("url_substring", "rules", "its address holds a substring of --url-blocklist"),
    Reason("c4_bad_word", "rules", "holds a word of --bad-words; the word stands in drop_detail"),
    Reason("contaminated", "rules", "shares a run of words with a benchmark; it stands in drop_detail"),
    Reason("exact_duplicate", "dedup", "the same text as the document in duplicate_of"),
    Reason(
        "near_duplicate", "dedup", "so similar to the document in duplicate_of as the column jaccard says"
    ),
    Reason("below_threshold", "score", "its score is below the cut"),
    Reason(
        "score_other_language", "score", "in a language that the scorer was not made for, and --unscored drop"
    ),
)
"""In the order in which a document meets them."""


def reason_words(name: str) -> str | None:
    """What a reason says of a document, None for a rule's and for one that a screen of the user's gives.

    >>> reason_words("no_text")
    'no main text was found, or the text is empty'
    >>> reason_words("quality_below_threshold")
    'its score is below the cut'
    """
    if name.endswith("_below_threshold"):
        name = "below_threshold"
    return next((reason.doc for reason in REASONS if reason.name == name), None)
