"""Random damage to every kind of input: nothing crashes, nothing hangs, no row is lost.

    python -m benchmarks fuzz --minutes 10

    readers      files of every format, damaged: whole, by stripes, and from every chunk on, the same rows come out
    extraction   pages of HTML, damaged: a text or a reason for each, alone as among others, in each way to extract
    rules        texts: every signal, line rule, rule set, key and score; a document's numbers depend on it alone
    extras       rows with columns of any JSON value or Arrow type through `filter`: as many come out as went in

A case is a number: it decides the seed file and what is done to it, so a number that failed is all that is to be kept (`KEPT`,
run by the tests). Each target works in a process of its own, which is ended where a case takes more than ten seconds of it.
"""

from __future__ import annotations

import argparse
import bz2
import gzip
import json
import lzma
import multiprocessing
import os
import random
import string
import tarfile
import tempfile
import time
import traceback
import zipfile
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import lz4.frame
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from benchmarks.harness import ROOT
from curate.crawl import Chunk, ReadOptions, find_files, plan_splits, read_chunks

MOST_S = 10.0
_COMPILING_S = 240.0  # of CPU: the first case of a target may compile kernels
SMALL = ReadOptions(chunk_records=3, chunk_bytes=20_000, max_page_bytes=1 << 20)
KEPT: dict[str, tuple[int, ...]] = {
    "readers": (1793, 4829, 7555, 8951),
    "extraction": (),
    "rules": (),
    "extras": (),
}
"""Cases that failed once, by target."""
COMPRESS: tuple[Callable[[bytes], bytes], ...] = (
    lambda data: data,
    lambda data: gzip.compress(data, mtime=0),
    zstandard.ZstdCompressor().compress,
    lz4.frame.compress,
    bz2.compress,
    lzma.compress,
)
TOKENS = (
    b"WARC/1.0\r\n", b"Content-Length: 99999999999\r\n", b"Content-Length: -1\r\n", b"\r\n\r\n", b"\n", b"\0", b"\xff\xfe",
    b"\xef\xbb\xbf", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: gzip\r\n", b'{"text": ', b'"', b"\\ud800", b"[" * 2000,
    b"1e999", b"9" * 400, b"NaN", b"{}", b"[]", b",", b"\t", b"<html>", b"<table>" * 300, b"</p>", b"<!--", b"<script>", b"&#x110000;",
    b"<math>", b"<pre>", b"charset=utf-16", b"\x1f\x8b\x08\0", b"PK\x03\x04", b"PAR1", b"\x28\xb5\x2f\xfd", "\u202e\u2028\ud7ff".encode(),
    "\u0600\u0300\u0e33\U0001f600".encode(), b"a" * 5000, b"\xe3\x81\x82" * 500,
)  # fmt: skip


# ---- seeds and damage -------------------------------------------------------------------------------------


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Small sound files of every format, by name."""
    crawl, source = ROOT / "examples" / "crawl", ROOT / "examples" / "source"
    files = {path.name: path.read_bytes() for path in sorted(crawl.iterdir())}
    warc = gzip.decompress(files["lessons.warc.gz"])[:30_000]
    rows = [{"text": f"Row {n} of some. It is text.", "n": n, "tags": ["a", {"b": n}]} for n in range(8)]
    lines = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
    page = files["water-cycle.html"][:6000]
    found = {
        "a.warc": warc,
        "a.jsonl": lines,
        "a.json": json.dumps(rows, indent=1).encode(),
        "a.utf16.json": json.dumps(rows).encode("utf-16"),
        "a.csv": b"id,text\n" + b"".join(b'%d,"text, of row %d"\n' % (n, n) for n in range(8)),
        "a.tsv": b"id\ttext\n" + b"".join(b"%d\ttext of row %d\n" % (n, n) for n in range(8)),
        "a.html": page,
        "a.txt": files["supply-and-demand.txt"][:3000],
        "a.arc": _arc(page),
        "a.parquet": _parquet(rows),
        "a.zip": _zip(source),
        "a.tar": _tar(source),
    }
    return tuple(found.items())


def _arc(page: bytes) -> bytes:
    head = b"1 0 Some\nURL IP-address Archive-date Content-type Archive-length\n"
    body = b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n" + page[:800]
    start = b"filedesc://a.arc 0.0.0.0 20080430204825 text/plain %d\n" % len(head) + head + b"\n"
    return start + (b"http://a.example/ 1.2.3.4 20080430204825 text/html %d\n" % len(body) + body + b"\n") * 4


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = BytesIO()
    table = pa.table({"text": [row["text"] for row in rows], "n": [row["n"] for row in rows]})
    pq.write_table(table, sink, row_group_size=3)
    return sink.getvalue()


def _members(source: Path) -> list[Path]:
    return [path for path in sorted(source.rglob("*")) if path.is_file() and path.stat().st_size < 4000][:6]


def _zip(source: Path) -> bytes:
    sink = BytesIO()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in _members(source):
            archive.writestr(zipfile.ZipInfo(path.relative_to(source).as_posix()), path.read_bytes())
    return sink.getvalue()


def _tar(source: Path) -> bytes:
    sink = BytesIO()
    with tarfile.open(fileobj=sink, mode="w") as archive:
        for path in _members(source):
            info = tarfile.TarInfo(path.relative_to(source).as_posix())
            info.size = path.stat().st_size
            archive.addfile(info, BytesIO(path.read_bytes()))
    return sink.getvalue()


def damage(data: bytes, rng: random.Random, n_most: int = 6) -> bytes:
    """Change, cut, repeat and mix in: a few times, anywhere."""
    out = bytearray(data)
    for _ in range(rng.randrange(n_most)):
        at = rng.randrange(len(out) + 1)
        n = min(rng.choice((1, 4, 40, 400, 4000)), len(out) - at)
        match rng.randrange(7):
            case 0 if out:
                out[rng.randrange(len(out))] = rng.randrange(256)
            case 1:
                del out[at : at + n]
            case 2:
                out[at:at] = rng.choice(TOKENS)
            case 3:
                out[at:at] = out[at : at + n] * rng.randrange(1, 4)
            case 4:
                out[at : at + n] = bytes(rng.randrange(256) for _ in range(n))
            case 5 if rng.random() < 0.3:
                del out[at:]
            case _:
                digits = [place for place, byte in enumerate(out[:20_000]) if 48 <= byte <= 57]
                if digits:
                    out[rng.choice(digits)] = rng.randrange(48, 58)
    return bytes(out)


# ---- targets ----------------------------------------------------------------------------------------------


def fuzz_readers(case: int, folder: Path) -> None:
    """Read a damaged file in every way that a run may."""
    rng = random.Random(case)
    name, data = rng.choice(seeds())
    data = damage(data, rng)
    if rng.random() < 0.4:
        data = damage(rng.choice(COMPRESS)(data), rng, 3)
    if rng.random() < 0.2:
        data += rng.choice(seeds())[1]
    path = folder / (name if rng.random() < 0.8 else rng.choice(seeds())[0])
    path.write_bytes(data)
    (split,) = plan_splits(find_files([str(path)]))
    whole = [_seen(chunk) for chunk in read_chunks(split, SMALL)]
    cursors = [chunk.cursor for chunk in read_chunks(split, SMALL)]
    starts = {cursor.chunk: cursor for cursor in cursors[:-1]}
    for ahead in (None, lambda i: starts.get(i + 1)):
        stripes = [
            _seen(chunk)
            for k in range(2)
            for chunk in read_chunks(split, SMALL, wanted=lambda i, k=k: i % 2 == k, ahead=ahead)
        ]
        assert sorted(stripes, key=lambda seen: seen[0]) == whole, "stripes differ from the whole"
    for n in {0, len(cursors) // 2, len(cursors) - 2} & set(range(len(cursors) - 1)):
        after = [_seen(chunk) for chunk in read_chunks(split, SMALL, start=cursors[n])]
        assert after == whole[n + 1 :], f"from chunk {n + 1} on other rows come"
    for _, rows, _, _, _, _, _ in whole:
        for row in rows:
            assert row["drop_reason"] or row["content"] is not None, "a row with neither content nor reason"


def _seen(chunk: Chunk) -> tuple[Any, ...]:
    return (
        chunk.index,
        chunk.pages.to_pylist(),
        chunk.skipped,
        chunk.problems,
        chunk.n_records,
        chunk.n_input_bytes,
        chunk.last,
    )


def fuzz_extraction(case: int, _folder: Path) -> None:
    """Extract damaged pages, together and each alone."""
    from curate.extract import extract_pages

    rng = random.Random(case)
    page = dict(seeds())["a.html"]
    pages = [damage(page, rng, 12) for _ in range(3)] + [b"".join(rng.choices(TOKENS, k=rng.randrange(40)))]
    charsets = pa.array(
        [rng.choice([None, "utf-8", "shift_jis", "utf-16", "x-none"]) for _ in pages], pa.string()
    )
    ways: tuple[dict[str, Any], ...]
    ways = ({"metadata": True}, {"text_format": "markdown"}, {"keep_links": True, "focus": "recall"})
    for options in ways:
        found = extract_pages(pa.array(pages, pa.binary()), charsets, **options)
        found.validate(full=True)
        for n, row in enumerate(found.to_pylist()):
            assert (row["text"] or None) is not None or row["extract_problem"], "neither a text nor a reason"
            alone = extract_pages(pa.array([pages[n]], pa.binary()), charsets.slice(n, 1), **options)
            assert alone.to_pylist()[0] == row, "a page is another one alone"


def fuzz_rules(case: int, _folder: Path) -> None:
    """Judge, key and score texts, together and each alone."""
    from curate.dedup import DedupPlan, compute_keys
    from curate.dedup.lines import distinct_lines, hash_lines, remove_lines
    from curate.language import identify_languages
    from curate.rules import RULE_SETS, apply_rules, clean_lines, line_rules_of, load_rules, redact_pii
    from curate.scoring import load_scorer
    from curate.signals import DEFAULT_SIGNALS, KIND_SIGNALS, compute_signals
    from curate.text.normalise import comparable, compose

    rng = random.Random(case)
    base = dict(seeds())["a.txt"]
    texts = [damage(base, rng, 12).decode("utf-8", "replace") for _ in range(3)]
    texts += [
        "",
        "".join(
            chr(rng.choice([rng.randrange(0xD800), rng.randrange(0xE000, 0x110000)])) for _ in range(200)
        ),
    ]
    names = [name for name in RULE_SETS if "@datatrove" not in name and "@dclm" not in name]
    rule_sets = load_rules([rng.choice(names)])
    signals = list(
        dict.fromkeys([*DEFAULT_SIGNALS, *KIND_SIGNALS, *(r.signal for s in rule_sets for r in s.rules)])
    )

    def judge(some: list[str]) -> list[Any]:
        array = compose(pa.array(some, pa.string()))
        cleaned, removed = clean_lines(array, line_rules_of(rule_sets))
        measured = compute_signals(cleaned, signals)
        verdict = apply_rules(measured, rule_sets)
        keys = compute_keys(comparable(array), DedupPlan())
        scores = load_scorer("edu").score(cleaned)
        assert ((scores >= 0) & (scores <= 1)).all(), "a score outside 0 to 1"
        lines = hash_lines(array)
        distinct_lines(lines)
        gone, _ = remove_lines(array, lines, [np.arange(len(lines.hashes)) % 7 == 0])
        for each in (cleaned, gone):
            each.validate(full=True)
        redact_pii(array)
        parts = (removed, measured, verdict, keys, identify_languages(array))
        rows = zip(
            *(part.to_pylist() if part.num_columns else [{}] * len(some) for part in parts), strict=True
        )
        return [(*row, float(score)) for row, score in zip(rows, scores, strict=True)]

    together = judge(texts)
    for n, text in enumerate(texts):
        assert repr(judge([text])[0]) == repr(together[n]), "a document's numbers depend on its neighbours"


def fuzz_extras(case: int, folder: Path) -> None:
    """Filter rows with columns of any kind; as many come out as went in."""
    import curate

    rng = random.Random(case)
    n_rows, n_lines = rng.randrange(1, 12), 0
    names = ["".join(rng.choices(string.printable + "éあ\u202e", k=rng.randrange(12))) for _ in range(4)]
    lines: list[bytes] = []
    for _ in range(n_rows):
        row = {rng.choice(names): _value(rng, 3) for _ in range(rng.randrange(5))}
        row["text"] = rng.choice(["A text of some words, and a few more.", "", None, 5, {"a": 1}])
        lines.append(json.dumps(row, ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass"))
    if rng.random() < 0.5:
        at = rng.randrange(n_rows)
        lines[at] = damage(lines[at], rng, 3).replace(b"\n", b" ").replace(b"\r", b" ")
    (folder / "a.jsonl").write_bytes(b"\n".join(lines))
    n_lines = sum(bool(line.strip(b" \t\r\x0b\x0c\xef\xbb\xbf")) for line in lines)
    n_parquet = _write_columns(folder / "b.parquet", rng) if rng.random() < 0.6 else 0
    settings: dict[str, Any] = {
        "scorer": "none",
        "rules": [],
        "language": ["any"],
        "chunk_bytes": 200,
        "workers": 1,
    }
    if rng.random() < 0.3:
        settings["dedup_lines"] = True
    funnel = curate.filter_crawl(folder, folder.parent / "out", progress=False, overwrite=True, **settings)
    rows = sum(pq.ParquetFile(path).metadata.num_rows for path in (folder.parent / "out").rglob("*.parquet"))
    assert rows == funnel.read.n_documents, f"{funnel.read.n_documents} read, {rows} written"
    blank = funnel.records["blank_line"]
    if not funnel.problems:
        assert rows + blank >= n_lines + n_parquet, (
            f"{n_lines + n_parquet} rows, {rows} written, {blank} blank"
        )


def _value(rng: random.Random, depth: int) -> Any:
    plain = (
        None, True, 0, -1, 2**63, -(2**70), 10**400, 1.5, 1e300, float("nan"), float("inf"), "", "a", "\ud800", "\0", "1" * 300,
    )  # fmt: skip
    if depth and rng.random() < 0.3:
        inner = [_value(rng, depth - 1) for _ in range(rng.randrange(4))]
        return inner if rng.random() < 0.5 else {str(n): each for n, each in enumerate(inner)}
    return rng.choice(plain)


def _write_columns(path: Path, rng: random.Random) -> int:
    n = rng.randrange(1, 9)
    kinds: tuple[tuple[pa.DataType, Callable[[], Any]], ...] = (
        (pa.int8(), lambda: rng.randrange(-128, 128)),
        (pa.uint64(), lambda: rng.randrange(2**64)),
        (pa.float16(), lambda: np.float16(rng.random())),
        (pa.decimal128(38, 4), lambda: rng.randrange(10**9)),
        (pa.timestamp("ns", "UTC"), lambda: rng.randrange(-(2**62), 2**62)),
        (pa.date32(), lambda: rng.randrange(-(10**5), 10**6)),
        (pa.duration("us"), lambda: rng.randrange(10**12)),
        (pa.binary(), lambda: bytes(rng.randrange(256) for _ in range(5))),
        (
            pa.list_(pa.struct([("a", pa.int64()), ("b", pa.string())])),
            lambda: [{"a": 1, "b": "x"}] * rng.randrange(3),
        ),
        (pa.map_(pa.string(), pa.float64()), lambda: [("k", rng.random())]),
        (pa.dictionary(pa.int32(), pa.string()), lambda: rng.choice("abc")),
        (pa.time64("us"), lambda: rng.randrange(10**9)),
    )
    columns: dict[str, pa.Array] = {"text": pa.array([f"Row {k} of the table." for k in range(n)])}
    for number in range(rng.randrange(5)):
        kind, make = rng.choice(kinds)
        values = [make() if rng.random() < 0.8 else None for _ in range(n)]
        columns[f"c{number}"] = pa.array(values, kind)
    pq.write_table(pa.table(columns), path, row_group_size=rng.randrange(1, 5))
    return n


TARGETS: dict[str, Callable[[int, Path], None]] = {
    "readers": fuzz_readers,
    "extraction": fuzz_extraction,
    "rules": fuzz_rules,
    "extras": fuzz_extras,
}


# ---- running ----------------------------------------------------------------------------------------------


def run_case(target: str, case: int) -> None:
    """Run one case in a folder of its own; raises what goes wrong, and where it took over ten seconds of CPU."""
    with tempfile.TemporaryDirectory() as folder:
        inner = Path(folder) / "in"
        inner.mkdir()
        began_s = time.process_time()
        TARGETS[target](case, inner)
        spent_s = time.process_time() - began_s
        assert spent_s < MOST_S, f"took {spent_s:.1f} s"


def _work(target: str, first: int, pipe: Any) -> None:
    import curate

    curate.warm()
    case = first
    while True:
        pipe.send(("begin", case, ""))
        try:
            run_case(target, case)
        except BaseException:  # noqa: BLE001  (whatever it is, it is a finding)
            pipe.send(("failed", case, traceback.format_exc(limit=-6)))
        case += 1


def _cpu_s(pid: int | None) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _hunt(target: str, first: int, seconds: float) -> dict[str, Any]:
    """Run cases from `first` on for so long; a worker that dies or stands still is a finding, and another goes on.

    Whether one stands still its own CPU time says: on a loaded machine time passes without it.
    """
    context = multiprocessing.get_context("spawn")
    until, n_cases, findings = float("inf"), 0, []  # the time begins with the second case: the first compiles
    case = first
    while time.monotonic() < until:
        mine, theirs = context.Pipe()
        worker = context.Process(target=_work, args=(target, case, theirs), daemon=True)
        worker.start()
        theirs.close()
        began_s, most_s = 0.0, _COMPILING_S
        while time.monotonic() < until:
            try:
                if not mine.poll(1.0):
                    if _cpu_s(worker.pid) - began_s > most_s:
                        findings.append({"case": case, "what": f"no end within {most_s:.0f} s of CPU"})
                        break
                    continue
                what, case, said = mine.recv()
            except EOFError:
                worker.join()
                findings.append({"case": case, "what": f"the process ended with {worker.exitcode}"})
                break
            n_cases += what == "begin"
            if n_cases == 2 and what == "begin":
                until = time.monotonic() + seconds
            began_s, most_s = _cpu_s(worker.pid), _COMPILING_S if n_cases < 2 else 3 * MOST_S
            if what == "failed":
                findings.append({"case": case, "what": said})
                print(f"{target} {case}: {said}", flush=True)
        worker.kill()
        worker.join()
        case += 1
    return {"target": target, "first": first, "cases": n_cases, "findings": findings}


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks fuzz")
    parser.add_argument("--minutes", type=float, default=10, help="in total, shared out over the targets")
    parser.add_argument("--first", type=int, default=1000, help="number of the first case")
    parser.add_argument("--targets", nargs="*", choices=list(TARGETS), default=list(TARGETS))
    options = parser.parse_args(args)
    seconds = 60 * options.minutes / len(options.targets)
    rows = [_hunt(target, options.first, seconds) for target in options.targets]
    for row in rows:
        print(f"{row['target']}: {row['cases']:,} cases, {len(row['findings'])} findings")
    return {"settings": {"minutes": options.minutes, "first": options.first}, "rows": rows}
