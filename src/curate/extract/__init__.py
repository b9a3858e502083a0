"""HTML in, main text out: what a reader came for, without menus, teasers, banners and footers.

What reads HTML belongs here; rules on text and numbers counted from it do not.

`extract_text` takes one page, `extract_pages` an Arrow batch; `decode_text` turns bytes of any charset into
text. `EXTRACTORS` names the extractors.
"""

from __future__ import annotations

from curate.extract.names import EXTRACTORS, METADATA_FIELDS, VERSION
from curate.extract.pages import PAGE_TEXT_SCHEMA, check_extractor, extract_pages, extract_text
from curate.text.charset import decode_text

__all__ = [
    "EXTRACTORS",
    "METADATA_FIELDS",
    "PAGE_TEXT_SCHEMA",
    "VERSION",
    "check_extractor",
    "decode_text",
    "extract_pages",
    "extract_text",
]
