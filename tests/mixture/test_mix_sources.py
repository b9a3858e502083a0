"""Files of every kind that a source may be: labelled, synthetic, curated, damaged, missing."""

import json

import pytest
from mixture_builders import make_rows, read_split, write_lines, write_table

from common import N_EXAMPLES_KEPT
from curate.errors import CurateError, SettingError
from curate.mixture import MixtureSettings, Source, mix, mixture_settings_from


def train_rows(tmp_path, *sources, **settings):
    made = MixtureSettings(sources=sources, validation_fraction=0.0, **settings)
    mix(made, tmp_path / "out", workers=1)
    return {row["id"]: row for row in read_split(tmp_path / "out", "train")}


def test_synthetic_text_keeps_how_it_was_made(tmp_path):
    rows = make_rows("s", 3, model=lambda _: "some-model", prompt=lambda i: f"Explain {i}.", seed=int)
    rows[2] = {"id": "s-2", "text": "A row that says nothing of itself."}
    source = Source("synthetic", (write_lines(tmp_path / "s.jsonl.gz", rows),), score=1.0, domain="lesson")
    found = train_rows(tmp_path, source)
    assert json.loads(found["s-1"]["provenance"]) == {"model": "some-model", "prompt": "Explain 1."}
    assert found["s-2"]["provenance"] is None
    assert {(row["source"], row["domain"], row["score"]) for row in found.values()} == {
        ("synthetic", "lesson", 1.0)
    }


def test_labels_of_annotate_are_a_source_by_level(tmp_path):
    """The columns of the file that `curate annotate` writes; see docs/annotation.md."""
    label = {
        "reason": "clear",
        "annotator": "some-model",
        "prompt": "edu/1@0a",
        "window_chars": 1600,
        "draw": 0,
        "problem": None,
        "select": "random",
        "propensity": 0.1,
        "stratum": None,
        "score": None,
    }
    rows = make_rows("p", 6, edu_level=lambda i: i if i < 5 else None, url=lambda i: f"https://x.example/{i}")
    source = Source("labels", (write_lines(tmp_path / "labels.jsonl", [row | label for row in rows]),))
    found = train_rows(tmp_path, source, score_column="edu_level", bucket_edges=(3,))
    assert [found[f"p-{i}"]["bucket"] for i in (2, 3, 5)] == ["q0", "q1", "unscored"]
    assert json.loads(found["p-0"]["provenance"]) == {
        "url": "https://x.example/0",
        "annotator": "some-model",
        "prompt": "edu/1@0a",
    }


def test_curated_parquet_is_a_source_with_its_addresses(tmp_path, curated):
    found = train_rows(tmp_path, Source("web", (f"{curated}/kept",)), bucket_edges=(0.8,))
    assert len(found) == N_EXAMPLES_KEPT
    urls = [json.loads(row["provenance"])["url"] for row in found.values() if row["provenance"]]
    assert "https://lessons.example/vaccines" in urls
    assert {row["bucket"] for row in found.values()} == {"q0", "q1"}


@pytest.mark.parametrize("write", [write_lines, write_table])
def test_provenance_is_of_the_columns_that_are_named(tmp_path, write):
    rows = make_rows("s", 2, teacher=lambda i: i, model=lambda _: "x")
    path = write(tmp_path / ("s.jsonl" if write is write_lines else "s.parquet"), rows)
    found = train_rows(tmp_path, Source("s", (path,), provenance=("teacher",)))
    assert found["s-1"]["provenance"] == '{"teacher": 1}'


def test_a_column_named_for_provenance_must_be_in_a_parquet_file(tmp_path):
    path = write_table(tmp_path / "s.parquet", make_rows("s", 2))
    with pytest.raises(SettingError, match=r"no column 'teacher', which provenance of \[sources.s\] names"):
        train_rows(tmp_path, Source("s", (path,), provenance=("teacher",)))
    with pytest.raises(SettingError, match="must be a list of strings or left out, not 3"):
        mixture_settings_from({"sources": {"s": {"path": "x", "provenance": 3}}})


def write_damaged(folder, kind):
    path = folder / ("x.jsonl.gz" if "gzip" in kind else "x.parquet")
    rows = make_rows("x", 200)
    (write_lines if "gzip" in kind else write_table)(path, rows)
    data = bytearray(path.read_bytes())
    if "cut" in kind:
        data = data[: len(data) // 2]
    else:
        data[len(data) // 4 : len(data) // 2] = b"\0" * (len(data) // 2 - len(data) // 4)
    path.write_bytes(bytes(data))
    return str(path)


@pytest.mark.parametrize("kind", ["cut Parquet", "overwritten Parquet", "cut gzip", "overwritten gzip"])
def test_a_damaged_file_ends_the_run_with_its_name_and_no_mixture(tmp_path, kind):
    good = Source("good", (write_lines(tmp_path / "good.jsonl", make_rows("good", 20)),))
    path = write_damaged(tmp_path, kind)
    with pytest.raises(CurateError, match=r"x\.(parquet|jsonl\.gz) .*Replace or remove it\.$"):
        train_rows(tmp_path, good, Source("bad", (path,)))
    assert not (tmp_path / "out" / "plan.json").exists()
    # Once it is replaced, the same folder is refused, as the files changed, and can be begun again.
    write_lines(tmp_path / "x.jsonl.gz", make_rows("x", 20))
    fixed = Source("bad", (str(tmp_path / "x.jsonl.gz"),))
    made = MixtureSettings(sources=(good, fixed), validation_fraction=0.0)
    mix(made, tmp_path / "out", workers=1, overwrite=True)
    assert len(read_split(tmp_path / "out", "train")) == 40


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("edu_score", "high", r"has for the score holds no numbers \(string\).*column under \[quality\]"),
        ("topic", ["a"], r"has for the domain holds no text .*column under \[domains\]"),
    ],
)
def test_a_column_of_another_kind_is_named(tmp_path, column, value, message):
    path = write_table(tmp_path / "x.parquet", [{"text": "one two", column: value}])
    with pytest.raises(SettingError, match=message):
        train_rows(tmp_path, Source("x", (path,)))


def test_a_missing_file_is_an_error_that_names_it(tmp_path):
    with pytest.raises(SettingError, match=r"none.jsonl' does not exist"):
        train_rows(tmp_path, Source("x", (str(tmp_path / "none.jsonl"),)))
    with pytest.raises(SettingError, match=r"give '.*/kept' to read it"):
        (tmp_path / "run" / "kept").mkdir(parents=True)
        (tmp_path / "run" / "manifest.json").write_text("{}")
        train_rows(tmp_path, Source("x", (str(tmp_path / "run"),)))
