"""The main job on real files: fates, laws, resuming, and what a user sees."""

from __future__ import annotations

import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curate
from common import EXAMPLE_CRAWL, N_EXAMPLES_KEPT, ROOT, bytes_of, run_curate, start_curate
from curate.errors import ChangedSettingsError, SettingError
from curate.pipeline import decode_texts
from curate.scoring import load_scorer
from curate.work.files import read_arrow
from curate.work.folder import ChunkName, RunFolder
from curate.work.lock import locked


def rows_of(output: Path, kind: str) -> list[dict]:
    return pq.read_table(output / kind).to_pylist()


def write_documents(path: Path, n_documents: int, *, seed: int = 0, start: int = 0) -> None:
    """Write JSON lines of English-looking text that passes most rules, with some duplicates."""
    generator = random.Random(seed)
    words = (
        "the water of this river flows to sea and that is why people have built with stone bridge over it "
        "where light air plant cell energy force earth rain sun leaf root animal process system change part "
        "number value method result question answer reason example field paper science teacher student book"
    ).split()
    with path.open("w", encoding="utf-8") as file:
        for number in range(start, start + n_documents):
            if number % 10 == 9:
                generator.seed(f"{seed}-{number - 1}")  # a copy of the document before
            else:
                generator.seed(f"{seed}-{number}")
            sentences = [
                " ".join(generator.choices(words, k=generator.randint(8, 16))).capitalize() + "."
                for _ in range(generator.randint(6, 12))
            ]
            text = "\n".join(" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3))
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")


# ---- the golden crawl ------------------------------------------------------------------------------------


def example_fates() -> dict[str, str | None]:
    sys.path.insert(0, str(ROOT / "examples"))
    try:
        import build_crawl
    finally:
        sys.path.pop(0)
    return build_crawl.FATES


def test_every_page_of_the_example_meets_its_fate(curated: Path) -> None:
    fates = {row["url"] or row["source"]: None for row in rows_of(curated, "kept")}
    broken = [row for row in rows_of(curated, "dropped") if row["drop_reason"] == "json_invalid"]
    for row in rows_of(curated, "dropped"):
        if row not in broken:
            fates[row["url"] or row["source"]] = row["drop_reason"]
    assert fates == example_fates()
    assert sum(fate is None for fate in fates.values()) == N_EXAMPLES_KEPT
    assert len(broken) == 1


def test_the_example_crawl_is_what_its_script_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, ROOT / "examples" / "build_crawl.py", tmp_path], check=True)
    for path in EXAMPLE_CRAWL.iterdir():
        written = tmp_path / path.name
        if path.suffix == ".gz":  # compressors differ between builds of zlib
            assert gzip.decompress(written.read_bytes()) == gzip.decompress(path.read_bytes())
        else:
            assert written.read_bytes() == path.read_bytes()


def test_read_is_kept_plus_dropped_and_the_funnel_agrees_with_the_files(curated: Path) -> None:
    funnel = json.loads((curated / "manifest.json").read_text())["funnel"]
    counts = Counter(row["drop_reason"] for row in rows_of(curated, "dropped"))
    assert counts == {row["reason"]: row["n_documents"] for row in funnel["dropped"]}
    assert funnel["kept"]["n_documents"] == len(rows_of(curated, "kept"))
    assert funnel["read"]["n_documents"] == funnel["kept"]["n_documents"] + counts.total() == 25
    assert funnel["records_not_read"] == {
        "http_301": 1, "http_404": 1, "mime_image": 1, "robots_txt": 1, "warc_revisit": 1, "warc_warcinfo": 1,
    }  # fmt: skip


def test_dropped_rows_carry_value_limit_and_the_twin_that_stays(curated: Path) -> None:
    dropped = {row["url"]: row for row in rows_of(curated, "dropped")}
    bullets = dropped["https://notes.example/bullets"]
    assert (bullets["drop_stage"], bullets["drop_value"], bullets["drop_limit"]) == (
        "rules",
        pytest.approx(4.5, abs=0.05),
        5.3,
    )
    kept_ids = {row["id"] for row in rows_of(curated, "kept")}
    for url, jaccard in (
        ("https://mirror.example/vaccines", 1.0),
        ("https://copy.example/photosynthesis", 0.8),
    ):
        assert dropped[url]["duplicate_of"] in kept_ids
        assert dropped[url]["jaccard"] >= jaccard
    assert dropped["https://diary.example/lake"]["drop_value"] == pytest.approx(
        dropped["https://diary.example/lake"]["edu_score"]
    )


def test_text_id_and_own_columns_pass_through(curated: Path) -> None:
    forum = {row["id"]: row for row in rows_of(curated, "dropped") if row["source"] == "forum.jsonl"}
    assert forum["forum-5"]["likes"] == 15
    assert forum["forum-5"]["url"] == "https://notes.example/bullets"
    assert pq.read_schema(curated / "kept" / "part-00000.parquet").field("likes").type == pa.int64()


# ---- laws ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One larger file and several small ones."""
    folder = tmp_path_factory.mktemp("corpus")
    write_documents(folder / "big.jsonl", 600)
    for number in range(4):
        write_documents(folder / f"small-{number}.jsonl", 20, seed=number + 1, start=1000 * (number + 1))
    shutil.copy(EXAMPLE_CRAWL / "lessons.warc.gz", folder)
    return folder


SMALL_CHUNKS = {"chunk_bytes": 40_000, "threshold": 0.01, "progress": False}


@pytest.fixture(scope="module")
def reference(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("reference") / "out"
    curate.filter_crawl(str(corpus), output, workers=1, **SMALL_CHUNKS)
    return output


def test_two_workers_write_the_same_bytes_as_one(corpus: Path, reference: Path, tmp_path: Path) -> None:
    curate.filter_crawl(str(corpus), tmp_path / "out", workers=2, **SMALL_CHUNKS)
    assert bytes_of(tmp_path / "out") == bytes_of(reference)


def test_order_and_place_of_the_files_do_not_matter(corpus: Path, reference: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(corpus, elsewhere)
    files = [str(path) for path in elsewhere.iterdir()]
    random.Random(3).shuffle(files)
    curate.filter_crawl(files, tmp_path / "out", workers=1, **SMALL_CHUNKS)
    assert bytes_of(tmp_path / "out") == bytes_of(reference)


def test_a_large_single_file_is_read_by_both_workers(corpus: Path, tmp_path: Path) -> None:
    from curate.crawl import ReadOptions, find_files, plan_splits
    from curate.run.reading import ReadTask, read_stripe

    folder = RunFolder(tmp_path)
    (split,) = plan_splits(find_files([str(corpus / "big.jsonl")]))
    for stripe in range(2):
        options = ReadOptions(chunk_bytes=40_000)
        read_stripe(ReadTask(_only_count, options, folder, split, stripe, 2))
        done = {name.chunk for name in folder.chunk_names()}
        assert {chunk for chunk in done if chunk % 2 == stripe}
    assert done == set(range(max(done) + 1))
    assert len(done) > 4


def test_a_worker_does_not_read_what_another_one_has_read(corpus: Path, tmp_path: Path) -> None:
    from curate.crawl import ReadOptions, find_files, plan_splits
    from curate.run.reading import ReadTask, read_stripe

    path, folders = tmp_path / "big.jsonl", [RunFolder(tmp_path / name) for name in ("whole", "shared")]
    data = (corpus / "big.jsonl").read_bytes()
    path.write_bytes(data)
    (split,) = plan_splits(find_files([str(path)]))

    def read(folder: RunFolder, stripe: int, n_stripes: int) -> list[ChunkName]:
        return read_stripe(
            ReadTask(_only_pages, ReadOptions(chunk_bytes=40_000), folder, split, stripe, n_stripes)
        )

    whole, shared = folders
    names = read(whole, 0, 1)
    read(shared, 1, 2)
    starts = {name: json.loads(shared.cursor(name).read_bytes())["mark"]["offset"] for name in names[2:-1:2]}
    # The second half of a chunk that the other worker has read is gone: its lines, and where they end.
    middle = starts[names[4]] - 20_000
    path.write_bytes(data[:middle] + b"x" * 20_000 + data[starts[names[4]] :])
    read(shared, 0, 2)
    for name in names:
        assert read_arrow(shared.documents(name)).equals(read_arrow(whole.documents(name)))


def _only_pages(chunk: object) -> tuple[pa.Table, dict]:
    return pa.Table.from_batches([chunk.pages]), {"cpu_s": {}}


def _only_count(chunk: object) -> tuple[pa.Table, dict]:
    return pa.table({"n": [chunk.n_records]}), {
        "cursor": {"chunk": 0, "file": 0, "position": 0, "mark": {"offset": 0, "position": 0}},
        "last": chunk.last, "cpu_s": {}, "n_documents": chunk.n_records,
    }  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.none() | st.text(alphabet="a\0é", max_size=4), max_size=6), st.integers(0, 6))
def test_a_nul_in_a_plain_text_becomes_a_replacement_character(texts: list[str | None], skipped: int) -> None:
    contents = pa.array([None if text is None else text.encode() for text in texts], pa.binary())[skipped:]
    decoded = decode_texts(contents, pa.nulls(len(contents), pa.string()))
    assert decoded.to_pylist() == [text and text.replace("\0", "\ufffd") for text in texts[skipped:]]


def test_filtering_what_was_kept_keeps_all(reference: Path, tmp_path: Path) -> None:
    funnel = curate.filter_crawl(
        str(reference / "kept"), tmp_path / "out", workers=1, threshold=0.01, progress=False
    )
    assert funnel.dropped == {}
    before, after = (pq.read_table(f / "kept").column("text") for f in (reference, tmp_path / "out"))
    assert after.equals(before)


def test_no_two_kept_documents_share_their_words(reference: Path) -> None:
    texts = [" ".join(row["text"].lower().split()) for row in rows_of(reference, "kept")]
    assert len(set(texts)) == len(texts)


def test_every_removed_duplicate_has_a_twin_that_was_not_removed_as_one(reference: Path) -> None:
    files = f"'{reference}/dropped/*.parquet'"
    query = f"""
        SELECT count(*) FROM {files} AS removed
        LEFT JOIN (SELECT id, drop_stage FROM {files} UNION ALL
                   SELECT id, NULL FROM '{reference}/kept/*.parquet') AS twin ON removed.duplicate_of = twin.id
        WHERE removed.drop_stage = 'dedup' AND (twin.id IS NULL OR twin.drop_stage = 'dedup' OR removed.jaccard < 0.8)
    """
    assert duckdb.sql(query).fetchall() == [(0,)]
    ((n_removed,),) = duckdb.sql(f"SELECT count(*) FROM {files} WHERE drop_stage = 'dedup'").fetchall()
    assert n_removed > 50


# ---- another cut -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [{"threshold": 0.3}, {"keep_fraction": 0.25}])
def test_rethreshold_writes_what_a_run_with_that_cut_writes(
    corpus: Path, reference: Path, tmp_path: Path, cut: dict
) -> None:
    settings = {name: value for name, value in SMALL_CHUNKS.items() if name != "threshold"}
    direct = curate.filter_crawl(str(corpus), tmp_path / "direct", workers=1, **settings, **cut)
    shutil.copytree(reference, tmp_path / "moved")
    moved = curate.rethreshold(tmp_path / "moved", **cut)
    assert bytes_of(tmp_path / "moved") == bytes_of(tmp_path / "direct")
    assert moved == direct
    # The folder now counts as the result of these settings.
    again = curate.filter_crawl(str(corpus), tmp_path / "moved", workers=1, **settings, **cut)
    assert again == direct


def test_keep_fraction_keeps_that_share_of_the_scored(corpus: Path, tmp_path: Path) -> None:
    settings = {name: value for name, value in SMALL_CHUNKS.items() if name != "threshold"}
    funnel = curate.filter_crawl(str(corpus), tmp_path / "out", workers=1, keep_fraction=0.1, **settings)
    n_wanted = -(-funnel.n_scored // 10)
    assert n_wanted <= funnel.kept.n_documents <= n_wanted + 2  # ties stay
    assert min(row["edu_score"] for row in rows_of(tmp_path / "out", "kept")) == pytest.approx(funnel.cut)


def test_a_killed_swap_is_completed_by_the_next_call(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference, tmp_path / "a")
    shutil.copytree(reference, tmp_path / "b")
    curate.rethreshold(tmp_path / "b", threshold=0.3)
    # As after a kill in the middle: the new files wait, and 'kept' has been moved already.
    swap = tmp_path / "a" / ".curate-swap"
    shutil.copytree(tmp_path / "b" / "dropped", swap / "dropped")
    shutil.copy(tmp_path / "b" / "manifest.json", swap)
    shutil.rmtree(tmp_path / "a" / "kept")
    shutil.copytree(tmp_path / "b" / "kept", tmp_path / "a" / "kept")
    key = rows_of(tmp_path / "b", "kept")[0]["id"]
    before = {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    assert (
        curate.explain(tmp_path / "a", key)[0].fate == "kept"
    )  # a reader sees through it, and moves nothing
    assert before == {path: path.read_bytes() for path in (tmp_path / "a").rglob("*") if path.is_file()}
    curate.rethreshold(tmp_path / "a", threshold=0.3)
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")
    assert not swap.exists()


# ---- resuming --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_committed", [1, 6])
def test_a_run_killed_at_any_moment_goes_on_to_the_same_bytes(
    corpus: Path, reference: Path, tmp_path: Path, n_committed: int
) -> None:
    output = tmp_path / "out"
    script = (
        f"import sys, curate; curate.filter_crawl(sys.argv[1], sys.argv[2], workers=2, **{SMALL_CHUNKS!r})"
    )
    process = subprocess.Popen([sys.executable, "-c", script, corpus, output], start_new_session=True)
    deadline = time.monotonic() + 120
    while len(RunFolder(output).chunk_names()) < n_committed:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (output / "manifest.json").exists()
    curate.filter_crawl(str(corpus), output, workers=1, **SMALL_CHUNKS)
    assert bytes_of(output) == bytes_of(reference)
    assert not list(output.rglob(".tmp-*"))


def test_committed_chunks_are_not_made_again(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import curate.pipeline as pipeline

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "score_survivors", stop)
        with pytest.raises(KeyboardInterrupt):
            curate.filter_crawl(str(corpus), tmp_path / "out", workers=1, **SMALL_CHUNKS)
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, "add_text", stop)  # pass 1 would call it
        curate.filter_crawl(str(corpus), tmp_path / "out", workers=1, **SMALL_CHUNKS)


def test_a_finished_run_tells_its_funnel_again_and_leaves_nothing_else(
    corpus: Path, reference: Path, tmp_path: Path
) -> None:
    shutil.copytree(reference, tmp_path / "out")
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    again = curate.filter_crawl(str(corpus), tmp_path / "out", workers=1, **SMALL_CHUNKS)
    assert again.kept.n_documents == len(rows_of(reference, "kept"))
    assert before == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert before == ["dropped", "kept", "manifest.json"]


def test_changed_settings_are_named_and_not_mixed_in(corpus: Path, reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference, tmp_path / "out")
    with pytest.raises(ChangedSettingsError, match=r"jaccard was 0\.8, now 0\.7"):
        curate.filter_crawl(str(corpus), tmp_path / "out", jaccard=0.7, **SMALL_CHUNKS)
    assert bytes_of(tmp_path / "out") == bytes_of(reference)


def test_other_input_is_named_as_a_change(reference: Path, tmp_path: Path) -> None:
    shutil.copytree(reference, tmp_path / "out")
    with pytest.raises(ChangedSettingsError, match="the input was 6 files, now 4"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", **SMALL_CHUNKS)


def test_a_folder_with_other_files_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("years of work")
    with pytest.raises(SettingError, match="not empty"):
        curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", progress=False)
    assert os.listdir(tmp_path / "out") == ["thesis.tex"]


def test_overwrite_replaces_an_earlier_result(tmp_path: Path) -> None:
    first = curate.filter_crawl(
        str(EXAMPLE_CRAWL), tmp_path / "out", scorer="none", workers=1, progress=False
    )
    second = curate.filter_crawl(
        str(EXAMPLE_CRAWL), tmp_path / "out", threshold=0.9, workers=1, overwrite=True, progress=False
    )
    assert second.kept.n_documents < first.kept.n_documents == len(example_fates()) - 12
    assert len(rows_of(tmp_path / "out", "kept")) == second.kept.n_documents


# ---- scorers of the user's own ---------------------------------------------------------------------------


class LengthScorer:
    """Longer is better; states no level."""

    name = "length"

    def score(self, texts: object, /) -> object:
        import numpy as np

        lengths = np.array([len(str(text)) for text in texts], np.float32)
        return lengths / (lengths + np.float32(1000))


def test_an_object_of_the_users_own_scores(tmp_path: Path) -> None:
    funnel = curate.filter_crawl(
        str(EXAMPLE_CRAWL), tmp_path / "out", scorer=LengthScorer(), threshold=0.55, workers=2, progress=False
    )
    rows = rows_of(tmp_path / "out", "kept")
    assert len(rows) == funnel.kept.n_documents > 0
    assert all(row["length_score"] >= 0.55 for row in rows)
    assert not {"length_level", "length_n_bytes_read"} & set(rows[0])


class Constant:
    """One score for every document, with a fingerprint or without."""

    name = "mine"

    def __init__(self, score: float, fingerprint: str | None = None) -> None:
        self.value, self.fingerprint = score, fingerprint

    def score(self, texts: Any, /) -> Any:
        import numpy as np

        return np.full(len(texts), self.value, np.float32)


def filter_with(scorer: Any, output: Path, **settings: Any) -> Any:
    return curate.filter_crawl(
        str(EXAMPLE_CRAWL), output, scorer=scorer, workers=1, progress=False, **settings
    )


def test_another_scorer_of_one_name_never_gets_the_earlier_ones_result(tmp_path: Path) -> None:
    assert filter_with(Constant(0.9, "a"), tmp_path / "stated").kept.n_documents > 0
    assert filter_with(Constant(0.9, "a"), tmp_path / "stated").kept.n_documents > 0
    with pytest.raises(ChangedSettingsError, match="the scorer mine has changed"):
        filter_with(Constant(0.1, "b"), tmp_path / "stated")

    filter_with(Constant(0.9), tmp_path / "unstated")
    for scorer in (Constant(0.1), Constant(0.9), Constant(0.9, "a")):
        with pytest.raises(
            ChangedSettingsError, match="the scorer mine (states no fingerprint|has changed)"
        ) as caught:
            filter_with(scorer, tmp_path / "unstated")
        assert "\n" not in str(caught.value)
    assert filter_with(Constant(0.1), tmp_path / "unstated", overwrite=True).kept.n_documents == 0


def test_rows_say_how_many_bytes_were_scored(tmp_path: Path) -> None:
    scorer = load_scorer("edu").with_window(600)  # type: ignore[attr-defined]
    curate.filter_crawl(
        str(EXAMPLE_CRAWL), tmp_path / "out", scorer=scorer, threshold=0.5, workers=1, progress=False
    )
    rows = [row for kind in ("kept", "dropped") for row in rows_of(tmp_path / "out", kind)]
    scored = [row for row in rows if row["edu_score"] is not None]
    for row in scored:
        n_bytes = len(row["text"].encode())
        read = row["edu_n_bytes_read"]
        assert read == n_bytes if n_bytes <= 600 else 600 - 64 < read <= 600
    assert any(row["edu_n_bytes_read"] < len(row["text"].encode()) for row in scored)
    assert all(row["edu_n_bytes_read"] is None for row in rows if row["edu_score"] is None)


# ---- the command -----------------------------------------------------------------------------------------


def test_the_command_prints_the_funnel_and_what_the_cut_means(tmp_path: Path) -> None:
    done = start_curate(
        "filter", "--input", EXAMPLE_CRAWL, "--output", tmp_path / "out", "--threshold", "0.8"
    )
    assert done.returncode == 0, done.stderr
    assert "curate_word_entropy" in done.stdout
    assert "at least 80% likely" in done.stdout
    assert "Reading: 100%, 25 documents" in done.stderr


def test_the_readme_shows_what_the_demo_prints(tmp_path: Path) -> None:
    done = run_curate(
        "filter", "--input", "examples/crawl", "examples/source", "--output", tmp_path / "demo-out", cwd=ROOT
    )
    printed = [
        line.strip() for line in done.stdout.replace(str(tmp_path / "demo-out"), "demo-out").splitlines()
    ]
    lines = [line.strip() for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines()]
    begin = lines.index("documents   share     text")
    shown = lines[begin : lines.index("", begin)]
    assert {"read", "rules", "dedup", "score", "kept", "..."} <= {line.split(" ")[0] for line in shown}
    printed = [line for line in printed if not line.startswith("Took ")]  # the machine's speed
    # Nothing but what "..." stands for is left out.
    lines_of = "".join("(?:.*\n)+?" if line == "..." else re.escape(line) + "\n" for line in shown)
    assert re.fullmatch(lines_of, "".join(line + "\n" for line in printed))
    # What its first query prints.
    (asked,) = re.findall(
        r'duckdb\.sql\(\n    "(.*)"\n\)\.show\(\)', (ROOT / "README.md").read_text(encoding="utf-8")
    )
    found = duckdb.sql(asked.replace("demo-out", str(tmp_path / "demo-out")))
    assert [line for line in str(found).splitlines() if line not in lines] == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--threshold", "1.5"], "threshold must be between 0 and 1, not 1.5."),
        (["--threshold", "nan"], "threshold must be between 0 and 1, not nan."),
        (
            ["--threshold", "0.5", "--keep-fraction", "0.1"],
            "Give either threshold or keep_fraction, not both.",
        ),
        (["--rules", "gophr"], "Unknown rule set 'gophr'. Did you mean 'gopher'?"),
        (["--language", "klingon"], "Unknown language 'klingon'."),
        (["--scorer", "eduu"], "Unknown scorer 'eduu'. Did you mean 'edu'?"),
        (["--extractor", "resiliparser"], "Unknown extractor 'resiliparser'. Did you mean 'resiliparse'?"),
        (["--dedup", "fuzzy"], "Unknown dedup 'fuzzy'."),
        (["--workers", "0"], "workers must be between 1 and 4096, not 0."),
        (["--text-column", "body_text"], "body_text"),
        (["--input", "/no/such/place"], "/no/such/place"),
        (["--config", "/no/such.toml"], "Cannot read the settings file /no/such.toml"),
        (["--thresold", "0.5"], "No such option"),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = run_curate("filter", "--input", EXAMPLE_CRAWL, "--output", tmp_path / "out", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_settings_come_from_a_file_and_flags_go_before(tmp_path: Path) -> None:
    assert run_curate("init-config", tmp_path / "curate.toml").returncode == 0
    text = (tmp_path / "curate.toml").read_text()
    text = text.replace('input = ["crawl/"]', f'input = ["{EXAMPLE_CRAWL}"]').replace(
        "jaccard = 0.8", "jaccard = 0.99"
    )
    (tmp_path / "curate.toml").write_text(text)
    done = run_curate(
        "filter", "--config", tmp_path / "curate.toml", "--output", tmp_path / "out", "--scorer", "none"
    )
    assert done.returncode == 0, done.stderr
    settings = json.loads((tmp_path / "out" / "manifest.json").read_text())["settings"]
    assert (settings["jaccard"], settings["scorer"]) == (0.99, "none")
    assert "near_duplicate" not in done.stdout


def test_nothing_kept_is_said_and_not_exit_code_0(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Too short to keep.")
    done = run_curate("filter", "--input", tmp_path / "in.txt", "--output", tmp_path / "out")
    assert done.returncode == 4
    assert "Nothing was kept" in done.stdout
    assert pq.read_table(tmp_path / "out" / "kept").num_rows == 0


def test_input_that_could_not_be_read_is_named_and_not_exit_code_0(tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE_CRAWL, tmp_path / "crawl")
    whole = (EXAMPLE_CRAWL / "lessons.warc.gz").read_bytes()
    (tmp_path / "crawl" / "clipped.warc.gz").write_bytes(whole[: len(whole) // 2])
    done = run_curate("filter", "--input", tmp_path / "crawl", "--output", tmp_path / "out", "--workers", "1")
    assert done.returncode == 3
    assert "Could not read clipped.warc.gz" in done.stdout
    assert len(rows_of(tmp_path / "out", "kept")) == N_EXAMPLES_KEPT


@pytest.mark.parametrize("flags", [(), ("--overwrite",)])
def test_a_second_process_may_not_write_to_the_same_folder(tmp_path: Path, flags: tuple[str, ...]) -> None:
    work = tmp_path / "out" / ".curate" / "documents"
    with locked(tmp_path / "out"):
        work.mkdir(parents=True)
        (work / "00000-000000.arrow").write_text("a chunk of the other process")
        done = run_curate("filter", "--input", EXAMPLE_CRAWL, "--output", tmp_path / "out", *flags)
    assert done.returncode == 2
    assert "Another process is writing" in done.stderr
    assert (work / "00000-000000.arrow").read_text() == "a chunk of the other process"


def test_explain_tells_the_story_by_id_and_by_url(curated: Path) -> None:
    done = run_curate("explain", curated, "https://notes.example/bullets")
    assert done.returncode == 0, done.stderr
    assert "rules: curate_word_entropy: 4.5" in done.stdout
    assert "FAIL curate_word_entropy" in done.stdout
    kept = next(row for row in rows_of(curated, "kept") if row["url"] == "https://lessons.example/vaccines")
    story = run_curate("explain", curated, kept["id"]).stdout
    assert "copy of this one, removed: forum-0 https://mirror.example/vaccines (Jaccard 1.000)" in story
    removed = run_curate("explain", curated, "forum-0").stdout
    assert f"copy of   {kept['id']} https://lessons.example/vaccines" in removed


def test_explain_of_an_unknown_document_is_exit_code_2(curated: Path) -> None:
    done = run_curate("explain", curated, "nobody")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_ctrl_c_stops_cleanly_and_the_run_goes_on(corpus: Path, reference: Path, tmp_path: Path) -> None:
    command = [
        sys.executable, "-m", "curate", "filter", "--input", corpus, "--output", tmp_path / "out", "--workers", "2",
        "--threshold", "0.01", "--config", tmp_path / "c.toml",
    ]  # fmt: skip
    (tmp_path / "c.toml").write_text("chunk_bytes = 40000\n")
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    while not RunFolder(tmp_path / "out").chunk_names():
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to go on" in stderr
    assert "Traceback" not in stderr
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
    assert bytes_of(tmp_path / "out") == bytes_of(reference)
