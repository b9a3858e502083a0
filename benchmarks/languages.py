"""Good pages in many languages: how many stay for their language and pass the rules.

The pages are those of GNOME's user manual, translated into some 35 languages (Debian's package `gnome-user-docs`, CC BY-SA 3.0). The
package is fetched with `apt-get download` into a cache, or read from the folder that CURATE_MANUALS names; nothing of it is kept here.
Pages count that have 150 words or more in English, and of which two lines of three are translated. So the same pages are compared, and
a rule that fails more of them than in English fails them for their language.

The beginnings of the pages, 90 words or 250 letters of a script without spaces, stand for short pages: some rules are stricter with these.

Lists of titles stand for pages without sentences: sixty titles of the manual each. The rules should take them in every language.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pyarrow as pa

from curate.language import identify_languages
from curate.rules import apply_rules, clean_lines, count_failing, line_rules_of, load_rules, required_signals
from curate.run.languages import tell_languages
from curate.signals import compute_signals

CACHE = Path(os.environ.get("CURATE_MANUALS", Path.home() / ".cache" / "curate" / "manuals"))
SETS = ("curate", "gopher", "fineweb2")
MIN_WORDS, MOST_UNTRANSLATED, MIN_PAGES = 150, 1 / 3, 20
N_TITLES, N_LISTS = 60, 50
SHORT_WORDS, SHORT_CHARS = 90, 250
_CODES = {"C": "en", "pt_BR": "pt", "zh_CN": "zh", "sr@latin": "sr"}
_NAMES = {"pt_BR": "pt (Brazil)", "sr@latin": "sr (Latin)"}


def run(args: list[str]) -> dict[str, Any]:  # noqa: ARG001
    manuals = fetch_manuals()
    english, english_titles = read_manual(manuals / "C")
    rows: list[dict[str, Any]] = []
    for folder in sorted(manuals.iterdir(), key=lambda each: (each.name != "C", each.name)):
        pages, titles = (english, english_titles) if folder.name == "C" else read_manual(folder)
        texts = [
            "\n\n".join(lines)
            for name, lines in pages.items()
            if name in english
            and sum(len(line.split()) for line in english[name]) >= MIN_WORDS
            and (folder.name == "C" or _untranslated(lines, english[name]) <= MOST_UNTRANSLATED)
        ]
        if len(texts) >= MIN_PAGES:
            code = _CODES.get(folder.name, folder.name)
            rows.append(_measure(_NAMES.get(folder.name, code), code, texts, titles))
            print(rows[-1], flush=True)
    return {"rows": rows, "titles_per_list": N_TITLES, "lists": N_LISTS, "min_english_words": MIN_WORDS}


def fetch_manuals() -> Path:
    """The folder with one manual a language; fetched once."""
    manuals = CACHE / "usr" / "share" / "help"
    if not manuals.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["apt-get", "download", "gnome-user-docs"], cwd=folder, check=True)
            (package,) = Path(folder).glob("*.deb")
            subprocess.run(["dpkg", "-x", str(package), str(CACHE)], check=True)
    return manuals


def read_manual(folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    """The paragraphs, items and titles of each page, a line each; and the titles of all pages."""
    pages: dict[str, list[str]] = {}
    titles: list[str] = []
    for path in sorted(folder.glob("gnome-help/*.page")):
        root = ET.parse(path).getroot()
        for info in root.iter("{http://projectmallard.org/1.0/}info"):
            info.clear()
        lines = [
            " ".join("".join(block.itertext()).split())
            for block in root.iter()
            if block.tag.rpartition("}")[2] in {"title", "p"}
        ]
        pages[path.name] = [line for line in lines if line]
        titles += pages[path.name][:1]
    return pages, titles


def _untranslated(lines: list[str], english: list[str]) -> float:
    known = set(english)
    return sum(line in known for line in lines) / max(len(lines), 1)


def _measure(name: str, code: str, texts: list[str], titles: list[str]) -> dict[str, Any]:
    draw = random.Random(0)
    lists = ["\n".join(draw.sample(titles, min(N_TITLES, len(titles)))) for _ in range(N_LISTS)]
    array = pa.array(texts, pa.large_string())
    row: dict[str, Any] = {"code": name, "pages": len(texts)}
    row["language"] = percent(tell_languages(array, [code])[1])
    confidence = identify_languages(array)["language_confidence"].to_numpy()
    row["median_confidence"] = round(float(np.median(confidence)), 3)
    beginnings = [
        text[:SHORT_CHARS] if code in {"zh", "ja"} else " ".join(text.split(" ")[:SHORT_WORDS])
        for text in texts
    ]
    row["short_curate"] = percent(judge(pa.array(beginnings, pa.large_string()), code, "curate")[0])
    for rule_set in SETS:
        passes, failing = judge(array, code, rule_set)
        row[rule_set] = percent(passes)
        row[f"{rule_set}_failing"] = {rule: n for rule, n in failing.items() if n > len(texts) / 20}
        row[f"titles_{rule_set}"] = percent(judge(pa.array(lists, pa.large_string()), code, rule_set)[0])
    return row


def judge(texts: pa.Array, code: str, name: str) -> tuple[Any, dict[str, int]]:
    rule_sets = load_rules([name])
    languages = pa.array([code] * len(texts))
    cleaned, _ = clean_lines(texts, line_rules_of(rule_sets), languages)
    signals = compute_signals(cleaned, required_signals(rule_sets), languages=languages)
    verdict = apply_rules(signals, rule_sets, languages=languages)
    passes = verdict["drop_reason"].is_null().to_numpy(zero_copy_only=False)
    return passes, count_failing(signals, rule_sets, languages)


def percent(mask: Any) -> float:
    return round(100 * float(np.mean(mask)), 1)
