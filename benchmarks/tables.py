"""Tables of README and docs from benchmarks/results: `python -m benchmarks.tables` writes them, a test compares.

A page names a table, or a list of figures, between `<!-- table: NAME -->` and `<!-- end of table -->`; what stands between is
made here, so that no figure is typed by hand.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_TABLE = re.compile(r"<!-- table: ([\w-]+) -->\n.*?<!-- end of table -->", re.DOTALL)


def pages() -> list[Path]:
    """Every page that may hold a table."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def with_tables(text: str) -> str:
    """A page with its tables made anew from the results."""
    return _TABLE.sub(
        lambda found: f"<!-- table: {found[1]} -->\n{TABLES[found[1]]()}\n<!-- end of table -->", text
    )


def _result(name: str) -> dict[str, Any]:
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def _lessons() -> str:
    """Pages lost to rules and language, and kept at the default threshold, by book and group: named sets and default."""
    rows = _result("lessons")["rows"]
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows:
        groups.setdefault((row["pool"], row["group"]), {})[row["rules"]] = row
    metrics = json.loads((ROOT / "classifiers" / "edu" / "metrics.json").read_text(encoding="utf-8"))
    unseen = {
        Path(row["name"].split(",")[0]).name.removesuffix(".html"): row["modules_kept"]
        for row in metrics["by_domain"]
        if "modules_kept" in row
    }
    lines = [
        "| pages | | lost to gopher, c4, fineweb | lost to the default | kept, default | reach .5 in a fit without the book |",
        "|---|---|---|---|---|---|",
    ]
    for (pool, group), found in groups.items():
        if (pool, group) in _SHOWN or group == "modules":
            named, default = found["named"], found["default"]
            name = f"{pool}, {group}" if group != "modules" else f"textbook: {pool.removeprefix('osbooks-')}"
            without = f"{unseen[pool]:.0%}" if group == "modules" and pool in unseen else ""
            lines.append(
                f"| {name} | {default['pages']} | {named['lost'][0]:.0f}% | {_share(default['lost'])} | "
                f"{_share(default['kept'])} | {without} |"
            )
    return "\n".join(lines)


_SHOWN = {
    ("documentation", "level 2.5 or more"),
    ("documentation", "level 0-1"),
    ("raw crawl pages", "level 2 or more"),
    ("raw crawl pages", "quality 4-5"),
    ("raw crawl pages", "quality 0-1"),
}


def _share(numbers: list[float]) -> str:
    share, low, high = numbers
    return f"{share:.0f}% ({low:.0f}-{high:.0f})"


def _serve() -> str:
    """Pages per second and CPU second by call and over HTTP."""
    result = _result("serve")
    head = f"| {result['pages']:,} pages of {result['mean_bytes']:,} bytes, {result['batch_pages']} at a time | pages a second | a CPU second |"
    rows = [
        f"| {row['way']} | {row['pages_per_s']:,} | {row['pages_per_cpu_s']:,} |" for row in result["rows"]
    ]
    return "\n".join([head, "|---|---|---|", *rows])


def _adult() -> str:
    """Misses and false alarms of the screen for adult pages."""
    result = _result("adult")
    labelled: dict[str, list[dict[str, int]]] = {}
    for kind, found in result["labelled"].items():
        labelled.setdefault(kind.partition(":")[0], []).append(found)
    rows = [
        f"| written, {kind} | {sum(n['pages'] for n in found)} | {sum(n['gone'] for n in found)} |"
        for kind, found in labelled.items()
    ]
    web = result["web"]
    rows.append(f"| web, topic Adult | {web['adult_pages']:,} | {web['adult_gone']:,} |")
    other = sum(web["other_gone"].values())
    rows.append(f"| web, the other 23 topics | {web['other_pages']:,} | {other:,} |")
    return "\n".join(["| pages | | gone |", "|---|---|---|", *rows])


def _languages() -> str:
    """Pages of a translated manual that pass, by language."""
    rows = _result("languages")["rows"]
    head = (
        "| language | pages | stays for its language | `curate` | `curate`, short | `gopher` | `fineweb2` |"
    )
    lines = [head, "|" + "---|" * 7]
    for row in rows:
        numbers = [row[name] for name in ("language", "curate", "short_curate", "gopher", "fineweb2")]
        lines.append(
            f"| {row['code']} | {row['pages']} | {' | '.join(f'{number:.0f}%' for number in numbers)} |"
        )
    return "\n".join(lines)


def _junk() -> str:
    """Pages without worth that pass, by language."""
    lines = [
        "| language | `curate` | `gopher` | `fineweb2` | which pass `curate` |",
        "|---|---|---|---|---|",
    ]
    for row in _result("junk")["rows"]:
        numbers = " | ".join(f"{row[name]:.0f}%" for name in ("curate", "gopher", "fineweb2"))
        passing = ", ".join(f"{kind} {n}" for kind, n in row["curate_passing"].items() if n)
        lines.append(f"| {row['code']} | {numbers} | {passing} |")
    return "\n".join(lines)


def _edu_languages() -> str:
    """What features without words make of educational levels in other languages."""

    def figure(found: dict[str, Any], measure: str) -> str:
        return "{value:.2f} ({low:.2f} to {high:.2f})".format(**found[measure])

    lines = [
        "| language | pages, at 3 or above | English labels: AP | Spearman | and the other languages': AP | Spearman | length alone: AP |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in _result("edu_languages")["rows"]:
        fits = [
            figure(row[fit], measure)
            for fit in ("english", "english_and_others")
            for measure in ("average_precision", "spearman")
        ]
        length = figure(row["length"], "average_precision")
        lines.append(
            f"| {row['language']} | {row['pages']}, {row['at_3_or_above']} | {' | '.join(fits)} | {length} |"
        )
    return "\n".join(lines)


def _speed() -> str:
    """What the whole job, extraction, rules and duplicates cost beside peers, each on the same documents in one run."""
    whole = {(row["corpus"], row["tool"]): row for row in _result("filter")["rows"]}
    pages = [row for (corpus, _), row in whole.items() if corpus == "raw HTML"]
    extraction = {row["extractor"]: row["pages_per_cpu_s"] for row in _result("extraction")["rows"]}
    rules = {row["contender"]: row["documents_per_cpu_s"] for row in _result("signals")["rows"]}
    dedup = {row["tool"]: row["marginal_cpu_us"] for row in _result("dedup")["rows"]}
    ours = next(row for row in pages if row["tool"] == "curate")
    others = "; ".join(f"{row['tool']} {row['docs_per_cpu_s']:.0f}" for row in pages if row is not ours)
    peers = ", ".join(f"{name} {speed:,.0f}" for name, speed in extraction.items() if "curate" not in name)
    judges = ", ".join(f"{name} {speed:,.0f}" for name, speed in rules.items() if "curate" not in name)
    finders = ", ".join(f"{name} {us:,.0f}" for name, us in dedup.items() if name != "curate")
    own_rules = next(name for name in ("curate, named sets", "curate") if name in rules)
    return "\n".join(
        [
            "| per CPU second on one core | curate | peers |",
            "|---|---|---|",
            f"| whole job from raw HTML, {ours['n_documents']} pages, start-up included | **{ours['docs_per_cpu_s']:.0f}** | {others} |",
            f"| main text of {_result('extraction')['n_pages_timed']} pages | **{extraction['curate']:,.0f}** | {peers} |",
            f"| line rules, signals and verdicts of Gopher, C4 and FineWeb, pages | **{rules[own_rules]:,.0f}** | {judges} |",
            f"| near-duplicates, Parquet to Parquet: µs a document more | **{dedup['curate']:.0f}** | {finders} |",
        ]
    )


def _steady() -> str:
    """The main job by one worker and two: CPU and wall seconds, and documents per CPU second without the start-up."""
    found = _result("filter")["steady"]
    start_up = found["start_up"]
    lines = [
        "| documents | MB | workers | CPU s | wall s | CPU, to one worker | wall, to one worker | documents per CPU s, steady |",
        "|" + "---|" * 8,
        f"| one line of text | 0 | 1 | {start_up['cpu_s']:.2f} | {start_up['wall_s']:.2f} | | | |",
    ]
    for row in found["rows"]:
        alone = next(
            each
            for each in found["rows"]
            if each["workers"] == 1 and all(each[key] == row[key] for key in ("corpus", "n_documents"))
        )
        ratios = (
            " | "
            if row is alone
            else f"{row['cpu_s'] / alone['cpu_s']:.2f} | {row['wall_s'] / alone['wall_s']:.2f}"
        )
        lines.append(
            f"| {row['n_documents']:,} of {row['corpus']} | {row['mb']:,} | {row['workers']} | {row['cpu_s']:.1f} | "
            f"{row['wall_s']:.1f} | {ratios} | {row['docs_per_cpu_s_steady']:,} |"
        )
    return "\n".join(lines)


def _before() -> str:
    """The main job by an earlier version and the one that was measured beside it, in turn."""
    rows = _result("filter")["before"]["rows"]
    lines = [
        f"| {row['n_documents']:,} of {row['corpus']} | {row['cpu_s_before']:.2f} | {row['cpu_s_now']:.2f} | {row['steady_ratio']:.2f} |"
        if "steady_ratio" in row
        else f"| {row['corpus']} of text | {row['cpu_s_before']:.2f} | {row['cpu_s_now']:.2f} | |"
        for row in rows
    ]
    head = ["| documents | CPU s before | CPU s since | ratio, steady |", "|---|---|---|---|"]
    return "\n".join([*head, *lines])


def _memory() -> str:
    """Peak memory of the main job by documents and workers."""
    rows = _result("filter")["memory"]
    lines = [f"| {row['n_documents']:,} | {row['workers']} | {row['peak_mb']:,} |" for row in rows]
    return "\n".join(["| documents | workers | peak MB |", "|---|---|---|", *lines])


_DEDUP_NAMES = {
    "rensa": "rensa 0.5.0, inline",
    "datasketch": "datasketch 2.0.0, `MinHashLSH` loop",
    "datatrove, white space": "datatrove 0.10.1, white-space tokens",
    "datatrove": "datatrove 0.10.1, default tokenizer",
}


def _dedup() -> str:
    """Cost and result of near-duplicate removal by tool."""
    head = ("tool, one worker, Parquet to Parquet", "documents", "CPU µs a document more", "times ours")
    head = (*head, "start-up, CPU s", "recall", "removed with a kept twin")
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head)]
    for row in _result("dedup")["rows"]:
        lines.append(  # noqa: PERF401
            f"| {_DEDUP_NAMES.get(row['tool'], row['tool'])} | {row['n_documents']:,} | {row['marginal_cpu_us']:,.1f} | "
            f"{row['times_curate']:.1f} | {row['start_up_cpu_s']:.1f} | {row['recall']:.5f} | {row['removed_with_a_kept_twin']:.3f} |"
        )
    return "\n".join(lines)


def _hundred_labels() -> str:
    """What a hundred labels give, beside the usual baseline on the same labels."""
    lines = [
        "| pages on | average precision | lowest and highest draw | TF-IDF + logistic regression (scikit-learn) | difference | ROC area |",
        "|---|---|---|---|---|---|",
    ]
    for row in _result("hundred_labels")["rows"]:
        ours, theirs, gain = (
            _within(row[name], sign)
            for name, sign in (
                ("average_precision", ""),
                ("tfidf_logistic", ""),
                ("less_tfidf_logistic", "+"),
            )
        )
        draws = row["of_draws"]
        lines.append(
            f"| {row['purpose']} | {ours} | {_bare(min(draws))}, {_bare(max(draws))} | {theirs} | {gain} | {_bare(row['roc_area'])} |"
        )
    return "\n".join(lines)


_PARITY_NAMES = {
    "gopher-quality@datatrove-0.10": "datatrove 0.10.1, GopherQualityFilter",
    "gopher-repetition@datatrove-0.10": "GopherRepetitionFilter",
    "c4@datatrove-0.10": "C4QualityFilter",
    "fineweb@datatrove-0.10": "FineWebQualityFilter",
    "gopher-quality@dolma": "dolma 1.2.1, tagger gopher_v1",
    "gopher-repetition@dolma": "the same tagger",
    "c4@code": "TensorFlow Datasets 4.9.10, c4_utils.py",
    "c4@paper": "the same code with the paper's numbers",
    "gopher-quality@datatrove-0.10-space": "GopherQualityFilter",
    "gopher-repetition@datatrove-0.10-space": "GopherRepetitionFilter",
    "c4@fineweb": "C4QualityFilter(filter_no_terminal_punct=False)",
}


def _parity() -> str:
    """Decisions that are the same as those of the packages whose rules a set follows."""
    rows = {row["rule_set"]: row for row in _result("parity")["rows"]}
    lines = ["| rule set | their code | pages | they keep | we keep | same |", "|---|---|---|---|---|---|"]
    for name, code in _PARITY_NAMES.items():
        row = rows[name]
        same = (
            f"**{row['same']:,} of {row['pages']:,}**"
            if row["same"] == row["pages"]
            else f"{row['same']:,} ({row['share']:.2%})"
        )
        lines.append(
            f"| `{name}` | {code} | {row['pages']:,} | {row['peer_keeps']:,} | {row['curate_keeps']:,} | {same} |"
        )
    return "\n".join(lines)


def _curation() -> str:
    """Bits per byte less than after raw web text, by choice of pages, model and text judged."""
    selection = _result("curation_helps")["selection"]
    gaps = {(gap["model"], gap["domain"], gap["arm"]): gap for gap in selection["gaps"]}
    columns = [
        (model, domain) for model in ("trigram", "transformer") for domain in ("textbook", "encyclopedia")
    ]
    heads = " | ".join(f"{model}, {domain}" for model, domain in columns)
    raw = " | ".join(
        f"{_mean(selection['bits_per_byte'][model][domain]['raw']):.3f}" for model, domain in columns
    )
    lines = [
        f"| gap to raw, bits per byte (95%) | {heads} |",
        "|---|---|---|---|---|",
        f"| raw: bits per byte | {raw} |",
    ]
    for arm in list(selection["arms"])[1:]:
        lines.append(  # noqa: PERF401
            f"| {arm} | {' | '.join(_gap(gaps[model, domain, arm]) for model, domain in columns)} |"
        )
    return "\n".join(lines)


def _arena(model: str) -> str:
    """Bits per byte of every arm by domain, the best of each domain marked, and those whose gap to it is not clear."""
    result = _result("arena")
    judged = result["judges"][model]
    bits = next(iter(judged["bits_per_byte"].values()))
    domains = [domain for domain in bits if not domain.startswith("task: ")]
    arms = list(judged["arms"])
    lines = [
        f"| | documents kept | CPU s per million tokens kept | {' | '.join(domain.removeprefix('textbook: ') for domain in domains)} |",
        "|---|---|---|" + "---|" * len(domains),
    ]
    best = {domain: min(arms, key=lambda arm: _mean(bits[domain][arm])) for domain in domains}
    for arm in arms:
        made = result["made"][arm]
        cost = made["cpu_s_per_million_tokens"]
        cells = [
            f"**{_mean(bits[domain][arm]):.3f}**"
            if best[domain] == arm
            else f"{_mean(bits[domain][arm]):.3f}"
            for domain in domains
        ]
        lines.append(
            f"| {arm} | {made['documents']:,} | {'' if cost is None else f'{cost:.1f}'} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


def _gap(gap: dict[str, Any]) -> str:
    if gap["low"] is None or (abs(gap["gap"]) < 5e-4 and gap["high"] - gap["low"] < 1e-3):
        return f"{_bare(gap['gap'])}"
    shown = f"{_bare(gap['gap'], '+')} ({_bare(gap['low'], '+')} to {_bare(gap['high'], '+')})"
    return f"**{shown}**" if gap["low"] > 0 or gap["high"] < 0 else shown


def _within(found: dict[str, float], sign: str = "") -> str:
    low, high = _bare(found["low"]), _bare(found["high"])
    return f"{_bare(found['value'], sign)} ({low} to {high})"


def _bare(number: float, sign: str = "") -> str:
    """A share without its zero: .748."""
    return f"{number:{sign}.3f}".replace("0.", ".", 1) if abs(number) < 1 else f"{number:{sign}.3f}"


def _floors() -> str:
    """What floors on either score drop of pages that pass the default rules: junk, and the most of any good group."""
    floors = _result("limits")["floors"]
    lines = [
        "| floor | junk dropped: web | science | documentation | most of any good group lost |",
        "|---|---|---|---|---|",
    ]
    for name, found in floors.items():
        for row in found["rows"]:
            good = {group: share for group, share in row.items() if group != "floor" and "junk" not in group}
            worst = max(good, key=lambda group: good[group][0])
            junk = " | ".join(_share(row[f"{pool}, junk"]) for pool in ("web", "science", "documentation"))
            lost = f"{good[worst][0]:.1f}% ({worst})" if good[worst][0] else "0"
            lines.append(f"| {name}={row['floor']:g} | {junk} | {lost} |")
    return "\n".join(lines)


def _spare_above() -> str:
    """Junk and lessons among pages that fail sparable rules of named sets, and that pass, by score."""
    lines = [
        "| `edu_score` | pages that fail: n | junk | lessons | pages that pass: n | junk | lessons |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in _result("limits")["spare_above"]:
        cells = [
            f"{row[side]['pages']} | {_share(row[side]['junk'])} | {_share(row[side]['lessons'])}"
            for side in ("fail", "pass")
        ]
        lines.append(f"| {row['from']:g} to {row['to']:g} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _scorer_figures() -> str:
    """The bundled scorers on their annotators' own levels."""
    lines = [
        "| scorer | pages | Spearman | average precision | macro F1 | calibration error | the same by chance alone |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in _result("scoring")["domains"]["figures"]:
        cells = " | ".join(
            f"{row[what]['value']:.3f} ({row[what]['low']:.3f} to {row[what]['high']:.3f})"
            for what in (
                "spearman", "average_precision_3", "macro_f1", "calibration_error", "calibration_error_if_perfect",
            )
        )  # fmt: skip
        lines.append(f"| `{row['scorer']}` | {row['n_pages']:,} pages, {row['pages']} | {cells} |")
    return "\n".join(lines)


def _domains(name: str) -> str:
    """A bundled scorer by domain, out of fold."""
    rows = _result("scoring")["domains"][name]["domains"]
    lines = [
        "| pages | n | Spearman | average precision at >= 2 | at >= 3 | positives promised, found |",
        "|---|---|---|---|---|---|",
    ]
    books = [row for row in rows if "modules_kept" in row]
    for row in (row for row in rows if row not in books):
        figures = " | ".join(
            f"{row[what]['value']:.3f} ({row[what]['low']:.3f} to {row[what]['high']:.3f})"
            for what in ("spearman", "average_precision_2", "average_precision_3")
        )
        lines.append(
            f"| {row['name']} | {row['n_pages']:,} | {figures} | {row['promised']:.0f}, {row['found']:.0f} |"
        )
    if books:
        lines += [
            "",
            "| textbook, fitted without it | modules and parts of modules at score >= .5 | contents, indexes and keys at score >= .5 |",
            "|---|---|---|",
        ]
        for row in books:
            book = (
                row["name"]
                .split(",")[0]
                .removeprefix("textbooks/")
                .removesuffix(".html")
                .removeprefix("osbooks-")
            )
            lines.append(f"| {book} | {row['modules_kept']:.0%} | {row['lists_kept']:.0%} |")
    return "\n".join(lines)


def _scale() -> str:
    """Seconds, memory and bytes by number of documents and by pass."""
    rows = _result("scale")["rows"]
    names = [each["pass"] for each in rows[0]["passes"]]
    lines = [
        f"| documents | CPU s | {' | '.join(names)} | peak memory, MB | of the barrier | key bytes a document |",
        "|" + "---|" * (len(names) + 5),
    ]
    for row in rows:
        found = {each["pass"]: each for each in row["passes"]}
        seconds = " | ".join(f"{found[name]['cpu_s']:.1f}" for name in names)
        peaks = [each["peak_memory_bytes"] / 1e6 for each in row["passes"]]
        lines.append(
            f"| {row['n_documents']:,} | {row['cpu_s']:.0f} | {seconds} | {max(peaks):.0f} | "
            f"{found['barrier']['peak_memory_bytes'] / 1e6:.0f} | {row['key_bytes_a_document']} |"
        )
    return "\n".join(lines)


def _scale_large() -> str:
    """The one large run with workers."""
    row = _result("scale")["large"]
    head = (
        "| documents | workers | minutes | CPU s | memory of all processes, MB | disk at the end of a pass, GB | key bytes a document |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    return head + (
        f"| {row['n_documents']:,} | {row['n_workers']} | {row['wall_s'] / 60:.1f} | {row['cpu_s']:,.0f} | "
        f"{row['peak_memory_mb']:,} | {row['disk_bytes'] / 1e9:.1f} | {row['key_bytes_a_document']} |"
    )


def _cluster() -> str:
    """CPU of Ray beside two workers, and what of it every run costs."""
    result = _result("cluster")
    sizes = sorted({row["n_documents"] for row in result["rows"]})

    def cells(way: str) -> Iterator[str]:
        for n in sizes:
            (row,) = (row for row in result["rows"] if (row["way"], row["n_documents"]) == (way, n))
            yield f"{min(row['cpu_s']):.1f} to {max(row['cpu_s']):.1f}"
        yield f"{result['start_up_cpu_s'][way]:.1f}"
        yield f"{result['steady_cpu_us_a_document'][way]:.0f}"

    heads = [
        *(f"CPU s, {n:,} documents" for n in sizes),
        "of them before the first",
        "microseconds a further one",
    ]
    return _table(["", *heads], ([way, *cells(way)] for way in result["start_up_cpu_s"]))


def _scale_plan() -> str:
    """Core hours, bytes and money of a snapshot and of a hundred billion pages."""
    result = _result("scale_plan")
    rows = result["rows"]
    lines = [f"| | {' | '.join(row['name'] for row in rows)} |", "|---|" + "---|" * len(rows)]
    lines += [f"| pages | {' | '.join(_round(row['n_pages']) for row in rows)} |"]
    for stage in rows[0]["core_hours"]:
        lines.append(
            f"| core hours: {stage} | {' | '.join(_round(row['core_hours'][stage]) for row in rows)} |"
        )
    for name, label in (
        ("core_hours_in_all", "core hours in all"),
        ("usd", f"USD at {result['assumed']['price']} a core hour"),
        ("read_tb", "TB read, compressed"),
        ("chunks_tb", "TB of text in chunks"),
        ("keys_tb", "TB of keys"),
        ("shingles_tb", "TB of shingles during the barrier"),
        ("driver_gb", "GB in the driver: documents that share a band, or go"),
        ("n_chunks", "chunks of 32 MiB"),
        ("driver_facts_gb", "GB in the driver: what each chunk notes"),
    ):
        lines.append(f"| {label} | {' | '.join(_round(row[name]) for row in rows)} |")
    return "\n".join(lines)


def _round(number: float) -> str:
    """Two digits, which is more than a model of this kind knows."""
    if number < 100:
        return f"{number:.2g}"
    factor = 10 ** (len(str(int(number))) - 2)
    return f"{round(number / factor) * factor:,}"


def _reliability() -> str:
    """Kills by way and pass, and what came of the runs; rows of several runs of the benchmark joined."""
    counts = ("n_kills", "n_finished", "n_equal", "n_rows_lost")
    joined: dict[str, Counter[str]] = {}
    for row in _result("reliability")["rows"]:
        joined.setdefault(row["way"], Counter()).update({name: row[name] for name in counts} | row["at"])
    passes = [
        name
        for name in ("pass 1", "barrier", "pass 2", "pass 3", "after the end")
        if any(row[name] for row in joined.values())
    ]
    lines = [
        f"| killed or failed | times | {' | '.join(name if name[0] == 'a' else f'in {name}' for name in passes)} | runs that ended | equal bytes | rows lost |",
        "|" + "---|" * (len(passes) + 5),
    ]
    for way, row in joined.items():
        numbers = [row["n_kills"], *(row[name] for name in passes), *(row[name] for name in counts[1:])]
        lines.append(f"| {way} | {' | '.join(map(str, numbers))} |")
    return "\n".join(lines)


def _extraction() -> str:
    """Articles by extractor: snippets and whole texts with intervals, pages a CPU second."""
    result = _result("extraction")
    whole = {row["extractor"]: row for row in (result["whole_texts"] or {"rows": []})["rows"]}
    n_whole = result["whole_texts"]["n_pages"] if whole else 0
    lines = [
        f"| extractor | snippets, F1 of {result['n_pages']} pages | over trafilatura | whole texts, F1 of {n_whole} | pages a CPU s |",
        "|---|---|---|---|---|",
    ]
    for row in result["rows"]:
        text = _with_interval(whole[row["extractor"]], "f1") if whole else "-"
        difference = _with_interval(row, "f1_over_trafilatura", "+.3f")
        lines.append(
            f"| {row['extractor']} | {_with_interval(row, 'f1')} | {difference} | {text} | {row['pages_per_cpu_s']:,.0f} |"
        )
    return "\n".join(lines)


def _with_interval(row: dict[str, Any], name: str, form: str = ".3f") -> str:
    low, high = row[f"{name}_interval"]
    return f"{row[name]:{form}} ({low:{form}} to {high:{form}})"


def _elements() -> str:
    """Elements of documentation that come out whole, and furniture that does, by extractor; ours also project by project."""
    elements = _result("extraction")["elements"]
    rows = {row["extractor"]: row for row in elements["rows"]}
    shown = {"curate": "curate", "resiliparse main_content": "resiliparse", "trafilatura": "trafilatura"}
    lines = [
        f"| element | number | {' | '.join(shown.values())} | curate, the worst project |",
        "|---|---|---|---|---|---|",
    ]
    for name in rows["curate"]:
        if name == "extractor":
            continue
        of_projects = [
            (found["curate"][name]["share"], project)
            for project, found in elements["by_project"].items()
            if found["curate"].get(name, {"n": 0})["n"] >= _MIN_ELEMENTS
        ]
        worst = (max if name == "furniture" else min)(of_projects)
        shares = " | ".join(f"{rows[extractor][name]['share']:.3f}" for extractor in shown)
        label = f"{name.replace('_', ' ')}{' (let in)' if name == 'furniture' else ''}"
        lines.append(f"| {label} | {rows['curate'][name]['n']:,} | {shares} | {worst[0]:.3f} {worst[1]} |")
    return "\n".join(lines)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def _parity_curator() -> str:
    """Decisions beside NeMo Curator's own filters, whose definitions no set follows."""
    rows = {row["rule_set"]: row for row in _result("parity")["rows"]}
    found = [rows[name] for name in ("gopher-quality@paper", "gopher-repetition@paper")]
    return _table(
        ["rule set", "pages", "they keep", "we keep", "same"],
        [
            [
                f"`{row['rule_set']}`",
                *(f"{row[name]:,}" for name in ("pages", "peer_keeps", "curate_keeps")),
                f"{row['same']:,} ({row['share']:.2%})",
            ]
            for row in found
        ],
    )


def _trainer() -> str:
    """Seconds and memory of a training step beside a loop by hand and transformers."""
    rows = {(row["contender"], row["dtype"]): row for row in _result("trainer")["trainers"]}

    def cells(name: str, dtype: str) -> list[str]:
        row = rows.get((name, dtype))
        if row is None:
            return ["", ""]
        least, most = row["cpu_s_least"], row["cpu_s_most"]
        return [
            f"{row['cpu_s_per_step']:.2f} ({least:.2f} to {most:.2f})",
            f"{row['memory_bytes'] / 1e9:.2f} GB",
        ]

    return _table(
        ["", "bf16: CPU s a step, lowest and highest", "memory", "float32: CPU s a step", "memory"],
        [
            ["by hand" if name == "plain" else name, *cells(name, "bf16"), *cells(name, "float32")]
            for name in dict.fromkeys(name for name, _ in rows)
        ],
    )


def _scorer_peers() -> str:
    """Quality and speed of scorers that were fitted on the same pages."""
    return _table(
        ["scorer", "pages per CPU second", "average precision", "Spearman"],
        [
            [
                row["name"],
                f"{row['documents_per_cpu_s']:,.0f}",
                _within(row["average_precision"]),
                _within(row["spearman"]),
            ]
            for row in _result("scoring")["beside_peers"]["rows"]
        ],
    )


def _code_rules() -> str:
    """What rules take of program files that teach, and of those that do not."""
    return _table(
        ["rules", "of level 3 and more", "below level 1"],
        [
            [
                f"`{name}`" + ("" if name.startswith("code") else ", made for pages"),
                f"{found['lost_of_level_3']:.1%}",
                f"{found['lost_below_level_1']:.0%}",
            ]
            for name, found in _result("code")["rules"].items()
        ],
    )


def _code_scorers() -> str:
    """The scorer `code` beside simpler ones, out of fold by package."""
    names = {"code": "`code`", "edu": "`edu`", "tfidf": "TF-IDF and ridge"}
    return _table(
        ["", "Spearman with the level", "average precision at level 3 and more"],
        [
            [names.get(name, name), _within(found["spearman"]), _within(found["average_precision"])]
            for name, found in _result("code")["quality"].items()
        ],
    )


def _weights() -> str:
    """What fitted mixture weights promised, and what they gave on text that the grid had not read."""
    grid = _result("weights")["grid"]
    unread = {gap["domain"]: gap for gap in grid["check"]["gaps"]}
    return _table(
        ["evaluated on", "rank correlation, left out", "promised gap (95%)", "gap on unread text (95%)"],
        [
            [
                domain,
                _bare(curve["rank_correlation_left_out"]),
                _gap(curve["promised"]).replace("*", ""),
                _gap(unread[domain]),
            ]
            for domain, curve in grid["curves"].items()
        ],
    )


def _upsampling() -> str:
    """Gaps to all pages alike, by how steeply good pages are preferred."""
    curves = _result("weights")["curves"]
    gaps = {(gap["arm"], gap["domain"]): gap for gap in curves["gaps"]}
    domains = list(curves["evaluation"])
    return _table(
        ["", *domains],
        [[arm, *(_gap(gaps[arm, domain]) for domain in domains)] for arm in list(curves["arms"])[1:]],
    )


def _dedup_lines() -> str:
    """Share of characters in lines that recur, by kind of text, at the default limits."""
    result = _result("dedup_lines")
    default = tuple(result["settings"]["default"])
    row = next(row for row in result["rows"] if (row["min_letters"], row["on_site"]) == default)
    names = {
        "web": "web pages",
        "web, level 2 or more": "web pages, level 2 or more",
        "web, level below 1": "web pages, level below 1",
        "books": "modules of textbooks",
        "want": "main part of documentation",
        "furniture": "furniture that extraction lets into documentation",
    }
    return _table(
        ["text", "characters", "taken out"],
        [
            [
                label,
                f"{row[name]['characters']:,}",
                "{:.2f}% ({:.2f}-{:.2f})".format(row[name]["percent"], *row[name]["interval"]),
            ]
            for name, label in names.items()
        ],
    )


def _lessons_more() -> str:
    """Pages lost to rules and language in the pools that `lessons` leaves out; of pages that annotators read too, by the readers."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _result("lessons")["rows"]:
        if (
            row["pool"] not in {"raw crawl pages", "reference annotator", "second annotator"}
            and row["group"] != "modules"
        ):
            groups.setdefault((row["pool"], row["group"]), {})[row["rules"]] = row
    lines = ["| pages | | lost to gopher, c4, fineweb | lost to the default |", "|---|---|---|---|"]
    for (pool, group), found in groups.items():
        if (pool, group) not in _SHOWN:
            lost = " | ".join(_share(found[way]["lost"]) for way in ("named", "default"))
            lines.append(f"| {pool}, {group} | {found['default']['pages']:,} | {lost} |")
    return "\n".join(lines)


def _quality() -> str:
    """README's figures of quality."""
    scoring, code = _result("scoring"), _result("code")["quality"]
    domains = scoring["domains"]
    lessons = next(
        row for row in domains["edu"]["beside_readers"] if row["name"] == "documentation and science together"
    )
    web = next(
        row for row in domains["figures"] if row["scorer"] == "edu" and "not fitted on" in row["pages"]
    )
    ethics = scoring["textbooks_not_fitted_on"]["business-ethics"]
    extraction = _result("extraction")
    articles = {row["extractor"]: row for row in extraction["rows"]}
    whole = {row["extractor"]: row for row in extraction["whole_texts"]["rows"]}
    dedup = next(row for row in _result("dedup")["rows"] if row["tool"] == "curate")
    tfidf = code["tfidf"]
    return f"""\
- `edu`, out of fold by site, package and book: on documentation and science Spearman with readers' levels {_within(lessons["of_all"])}, average precision at level 2 or
  more, as readers gave it to {lessons["share_at_2"]:.0%} of these pages, {_within(lessons["average_precision_2"])}; on {web["n_pages"]} ordinary pages left out of the fit (the shipped weights then saw them) {_within(web["spearman"])}, and
  {_within(web["average_precision_3"])} at level 3 or more. Of the modules of a book on business ethics that no fit saw it keeps {ethics["edu_at_half_or_more"]:.0%} ([why](docs/log/scoring.md#humanities)).
- `code`, out of fold by package: Spearman {_within(code["code"]["spearman"])}, average precision at level 3 or more {_within(code["code"]["average_precision"])}; TF-IDF
  {_bare(tfidf["spearman"]["value"])} and {_bare(tfidf["average_precision"]["value"])}.
- Extraction, sites held out: F1 of snippets on {extraction["n_pages"]} pages {_with_interval(articles["curate"], "f1")}, of whole texts {_with_interval(whole["curate"], "f1")}; trafilatura
  {articles["trafilatura"]["f1"]:.3f} and {whole["trafilatura"]["f1"]:.3f} ([documentation](docs/extraction.md#measured)).
- Near-duplicates at Jaccard 0.8: recall {dedup["recall"]:.5f}; {dedup["removed_with_a_kept_twin"]:.1%} of what is removed has a kept twin."""


_MIN_ELEMENTS = 20  # of a project that is shown by itself


def prose() -> dict[str, list[str]]:
    """Page -> figures that its sentences state, as the results have them; a test looks for each."""
    labels = {
        row["strategy"]: row
        for row in _result("annotation")["labels_for_equal_ap"]
        if row["random_labels"] == 400
    }
    grid = _result("weights")["grid"]
    rose = {
        name: f"{share:.1%} to {found['share']:.1%} ({found['low']:.1%}-{found['high']:.1%})".replace("%", "")
        for name, share, found in zip(grid["names"], grid["natural"], grid["proposed"], strict=True)
    }
    code = _result("code")
    alike = {row["rule"]: row["same"] for row in code["parity"]}
    arena = _result("arena")["judges"]["transformer"]["bits_per_byte"]["transformer"]

    def less(domain: str, arm: str, than: str = "default") -> str:
        return f"{abs(_mean(arena[domain][than]) - _mean(arena[domain][arm])):.2f}".removeprefix("0")

    plan = _result("scale_plan")["datatrove"]
    theirs = next(
        row for row in _result("filter")["rows"] if (row["corpus"], row["tool"]) == ("raw HTML", "datatrove")
    )
    return {
        "docs/annotation.md": [
            _bare(labels["uncertain"]["average_precision"]),
            *(f"{labels[name]['labels']}" for name in labels),
            *("{} to {}".format(*row["interval"]) for row in labels.values()),
        ],
        "docs/training.md": [
            *(
                f"{name} from {rose[name][: rose[name].index(' (')]}% ({rose[name].split('(')[1]}"
                for name in ("Health", "Science & Technology")
            ),
            f"{len(grid['mixtures'])} mixtures of {grid['n_tokens']:,} tokens, trigram model, {grid['cpu_s']} CPU seconds",
        ],
        "docs/code.md": [
            f"{alike['lines and alpha_chars (curator)']:,}",
            f"{alike['max_line_chars (dolma)']:,} and {alike['mean_line_chars (dolma)']:,}",
            f"{round(code['files_per_cpu_s']['rules and score'], -3):,} files of 5 KB in a CPU second",
        ],
        "docs/proof.md": [
            f"documentation with {less('documentation', 'datatrove FineWeb')} bits per byte less and programs with {less('programs', 'datatrove FineWeb')} less",
            *(
                f"{less(f'textbook: {book}', 'default, prose alone', than)} on {book.replace('-', ' ')}"
                for book in ("business-ethics", "microbiology", "world-history")
                for than in ("default", "strict rules and score")
            ),
        ],
        "docs/scale.md": [
            f"at {theirs['docs_per_cpu_s']:.0f} pages a CPU second (`benchmarks filter`)",
            f"would take {_round(plan['core_hours_measured_here'])} core hours",
        ],
    }


def _titles(source: str) -> str:
    """Thirty documents that one run kept beside thirty that it dropped."""
    drawn = _result("titles")["sources"][source]
    rows = [
        (
            *((kept["title"], f"{kept['score']:.2f}") if kept else ("", "")),
            *((dropped["title"], _why(dropped)) if dropped else ("", "")),
        )
        for kept, dropped in zip_longest(drawn["kept"], drawn["dropped"])
    ]
    heads = (
        f"kept, of {drawn['n_kept']:,}",
        "score",
        f"dropped, of {drawn['n_dropped']:,}",
        "score or reason",
    )
    return _table(heads, rows)


def _why(dropped: dict[str, Any]) -> str:
    return f"`{dropped['reason']}`" if dropped["score"] is None else f"{dropped['score']:.2f}"


TABLES: dict[str, Callable[[], str]] = {
    "extraction": _extraction,
    "elements": _elements,
    "adult": _adult,
    "languages": _languages,
    "junk": _junk,
    "edu-languages": _edu_languages,
    "floors": _floors,
    "spare-above": _spare_above,
    "scorer-figures": _scorer_figures,
    "domains-edu": lambda: _domains("edu"),
    "domains-quality": lambda: _domains("quality"),
    "lessons": _lessons,
    "lessons-more": _lessons_more,
    "quality": _quality,
    "serve": _serve,
    "titles-web": lambda: _titles("web"),
    "titles-documentation": lambda: _titles("documentation"),
    "titles-textbooks": lambda: _titles("textbooks"),
    "speed": _speed,
    "steady": _steady,
    "before": _before,
    "memory": _memory,
    "dedup": _dedup,
    "hundred-labels": _hundred_labels,
    "parity": _parity,
    "parity-curator": _parity_curator,
    "trainer": _trainer,
    "scorer-peers": _scorer_peers,
    "code-rules": _code_rules,
    "code-scorers": _code_scorers,
    "weights": _weights,
    "upsampling": _upsampling,
    "dedup-lines": _dedup_lines,
    "curation": _curation,
    "scale": _scale,
    "scale-large": _scale_large,
    "scale-plan": _scale_plan,
    "cluster": _cluster,
    "reliability": _reliability,
    "arena-trigram": lambda: _arena("trigram"),
    "arena-transformer": lambda: _arena("transformer"),
    "arena-larger": lambda: _arena("larger transformer"),
}


if __name__ == "__main__":
    for page in pages():
        before = page.read_text(encoding="utf-8")
        after = with_tables(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            print(f"wrote {page.relative_to(ROOT)}")
