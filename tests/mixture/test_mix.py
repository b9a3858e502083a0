"""The mixture folder: who is in, on which side, in which group."""

import json
import re
import sys

import pytest
from mixture_builders import (
    make_rows,
    make_text,
    read_removed,
    read_split,
    snapshot,
    write_lines,
    write_table,
)

from curate.dedup import find_duplicates
from curate.errors import ChangedSettingsError, SettingError
from curate.mixture import MixtureSettings, Source, mix
from curate.mixture import sources as sources_module


@pytest.fixture
def web(tmp_path):
    rows = make_rows(
        "web", 300, edu_score=lambda i: i / 300, topic=lambda i: ["Art & Design", "Maths"][i % 2]
    )
    return write_table(tmp_path / "curated" / "kept" / "part-0.parquet", rows)


def run(tmp_path, name="out", workers=1, **settings):
    made = MixtureSettings(**settings)
    return mix(made, tmp_path / name, workers=workers), tmp_path / name


def test_every_document_is_in_training_or_validation_or_removed(tmp_path, web):
    rows = [*make_rows("books", 40), {"id": "empty", "text": " . "}, {"id": "null", "text": None}, "not json"]
    books = write_lines(tmp_path / "books.jsonl.gz", rows)
    sources = (Source("web", (web,)), Source("books", (books,)))
    plan, folder = run(tmp_path, sources=sources, validation_fraction=0.2)
    train, validation, removed = (
        read_split(folder, "train"),
        read_split(folder, "validation"),
        read_removed(folder),
    )
    ids = [row["id"] for row in train + validation + removed]
    assert len(ids) == len(set(ids)) == 343
    assert {row["reason"] for row in removed} == {"no_text", "json_invalid"}
    assert plan["removed"] == {"no_text": {"books": 2}, "json_invalid": {"books": 1}}
    for split, rows in (("train", train), ("validation", validation)):
        assert sum(group[split]["n_documents"] for group in plan["groups"]) == len(rows)
        n_bytes = sum(len(row["text"].encode()) for row in rows)
        assert sum(group[split]["n_bytes"] for group in plan["groups"]) == n_bytes
    assert json.loads((folder / "plan.json").read_text()) == plan
    assert not (folder / "work").exists()


def test_groups_are_source_by_domain_by_bucket(tmp_path, web):
    sources = (
        Source("web", (web,)),
        Source("books", (write_lines(tmp_path / "b.jsonl", make_rows("b", 9)),), score=1.0, domain="book"),
    )
    plan, folder = run(tmp_path, sources=sources, bucket_edges=(0.25, 0.75), validation_fraction=0.1)
    assert [group["name"] for group in plan["groups"]] == [
        "books.book.q2",
        *(f"web.{domain}.q{i}" for domain in ("art-design", "maths") for i in range(3)),
    ]
    assert {group["domain"] for group in plan["groups"]} == {"Art & Design", "Maths", "book"}
    for row in read_split(folder, "train"):
        bucket = "q0" if row["score"] < 0.25 else "q1" if row["score"] < 0.75 else "q2"
        assert row["bucket"] == bucket
        assert row["group"].startswith(row["source"] + ".")
        assert row["group"].endswith(bucket)


def test_unset_weights_are_the_union_and_passes_are_one(tmp_path, web):
    plan, _ = run(tmp_path, sources=(Source("web", (web,)),), n_buckets=3)
    assert [group["passes"] for group in plan["groups"]] == pytest.approx([1] * 6, abs=0.001)
    sizes = [group["train"]["n_bytes"] for group in plan["groups"]]
    assert max(sizes) < 1.2 * min(sizes)


def test_weights_curves_caps_and_stages_meet_in_the_plan(tmp_path, web):
    books = write_lines(tmp_path / "b.jsonl", make_rows("b", 10))
    sources = (Source("web", (web,)), Source("books", (books,), weight=0.5, max_passes=3))
    plan, _ = run(tmp_path, sources=sources, n_buckets=3, upsample=(0.0, 1.0, 2.0), budget_tokens=20_000)
    passes = {group["name"]: group["passes"] for group in plan["groups"]}
    assert passes["books.none.unscored"] == pytest.approx(3, abs=0.01)
    assert passes["web.maths.q0"] == 0
    assert passes["web.maths.q2"] == pytest.approx(2 * passes["web.maths.q1"], rel=0.01)
    assert sum(sum(stage["n_tokens"].values()) for stage in plan["stages"]) == 20_000


def test_a_power_curve_weighs_buckets_by_their_place(tmp_path, web):
    plan, _ = run(
        tmp_path, sources=(Source("web", (web,)),), n_buckets=4, upsample_power=2.0, max_passes=None
    )
    assert plan["stages"][0]["upsample"] == {
        f"q{i}": pytest.approx(((i + 1) ** 3 - i**3) / 16, rel=0.05, abs=0.01) for i in range(4)
    }


def test_the_split_depends_on_the_words_and_the_seed_alone(tmp_path, web):
    rows = make_rows("x", 200)
    loud = [{"id": row["id"] + "-loud", "text": row["text"].upper().replace(" ", "  ")} for row in rows]
    one = Source("one", (write_lines(tmp_path / "one.jsonl", rows),))
    two = Source("two", (write_lines(tmp_path / "two.jsonl", loud[::-1]),))
    held = []
    for name, sources, seed in (("a", (one,), 0), ("b", (two, one), 0), ("c", (one,), 1)):
        _, folder = run(tmp_path, name, sources=sources, validation_fraction=0.2, seed=seed)
        held.append({row["id"] for row in read_split(folder, "validation")})
    assert 20 < len(held[0]) < 65
    assert {name for name in held[1] if "loud" not in name} == held[0]
    assert {name.removesuffix("-loud") for name in held[1]} == held[0]
    assert held[2] != held[0]


def test_of_each_seed_the_best_scored_passages_stay(tmp_path):
    scores = {"a0": 0.1, "a1": 0.9, "a2": None, "b0": 0.5, "a3": 0.9, "a4": 0.9}
    rows = [
        {"id": name, "text": make_text(name, 40), "seed_id": name[0], "edu_score": score}
        for name, score in scores.items()
    ]
    loose = [{"id": f"x{i}", "text": make_text(f"x{i}", 40)} for i in range(3)]
    files = (
        write_lines(tmp_path / "one.jsonl", rows[:3]),
        write_lines(tmp_path / "two.jsonl", rows[3:] + loose),
    )
    capped = Source("crafted", files, max_per_seed=2)
    _, folder = run(tmp_path, sources=(capped,), validation_fraction=0)
    assert {row["id"] for row in read_split(folder, "train")} == {"a1", "a3", "b0", "x0", "x1", "x2"}
    assert {row["id"]: row["reason"] for row in read_removed(folder)} == dict.fromkeys(
        ("a0", "a2", "a4"), "over_seed_cap"
    )


def test_a_cap_by_seed_needs_the_column(tmp_path):
    path = write_table(tmp_path / "x.parquet", make_rows("x", 3, page=str))
    source = Source("x", (path,), max_per_seed=1)
    with pytest.raises(SettingError, match=r"no column 'seed_id'.*seed_column in \[sources.x\]"):
        run(tmp_path, sources=(source,))


def test_near_duplicates_of_validation_documents_leave_training(tmp_path):
    rows = make_rows("x", 150)
    near = [
        {"id": row["id"] + "-near", "text": row["text"].replace(".", f" so{i}.")}
        for i, row in enumerate(rows)
    ]
    far = [
        {"id": row["id"] + "-far", "text": make_text(row["id"], 20) + make_text(f"{row['id']}?", 60)}
        for row in rows
    ]
    source = Source("x", (write_lines(tmp_path / "x.jsonl", rows + near + far),))
    _, folder = run(tmp_path, sources=(source,), validation_fraction=0.2)
    train, validation, removed = (
        read_split(folder, "train"),
        read_split(folder, "validation"),
        read_removed(folder),
    )
    held = {row["id"] for row in validation}
    gone = {row["id"]: row for row in removed}
    assert {row["reason"] for row in removed} == {"near_validation"}
    twins = {name: name.removesuffix("-near") if name.endswith("-near") else name + "-near" for name in held}
    for name, twin in twins.items():
        if not name.endswith("-far") and twin not in held:
            assert gone[twin]["kept_id"] == name
            assert gone[twin]["jaccard"] >= 0.8
    # Nothing else left, and what stays has no twin in validation.
    assert len(gone) == sum(
        1 for name, twin in twins.items() if not name.endswith("-far") and twin not in held
    )
    assert (
        len(find_duplicates([row["text"] for row in train]).to_pylist()) > 0
    )  # training itself is not deduplicated
    pairs = find_duplicates([row["text"] for row in validation + train]).to_pylist()
    assert not [pair for pair in pairs if pair["kept_id"] < len(validation) <= pair["removed_id"]]


def test_near_duplicates_of_validation_may_stay_when_wanted(tmp_path):
    rows = make_rows("x", 50)
    near = [{"id": row["id"] + "-near", "text": row["text"].replace(".", " so.")} for row in rows]
    source = Source("x", (write_lines(tmp_path / "x.jsonl", rows + near),))
    plan, _ = run(tmp_path, sources=(source,), validation_fraction=0.2, keep_near_validation=True)
    assert plan["removed"] == {}


def test_duplicates_over_sources_leave_the_better_one(tmp_path):
    rows = make_rows("x", 30)
    again = [row | {"id": row["id"] + "-again", "text": row["text"].upper()} for row in rows[:10]]
    sources = (
        Source("plain", (write_lines(tmp_path / "plain.jsonl", rows),), score=0.1),
        Source("good", (write_lines(tmp_path / "good.jsonl", again),), score=0.9),
    )
    plan, folder = run(tmp_path, sources=sources, dedup="near", validation_fraction=0.0)
    removed = read_removed(folder)
    assert plan["removed"] == {"duplicate": {"plain": 10}}
    assert {(row["id"], row["kept_id"]) for row in removed} == {(f"x-{i}", f"x-{i}-again") for i in range(10)}


def test_documents_that_quote_a_benchmark_are_removed(tmp_path):
    question = make_text("question", 20)
    rows = make_rows("x", 20)
    rows[3]["text"] += " " + question.upper()
    rows[4]["text"] += " " + " ".join(question.split()[:12])  # one word short of a run
    benchmark = write_lines(tmp_path / "quiz.jsonl", [{"question": question}, {"question": "Too short."}])
    source = Source("x", (write_lines(tmp_path / "x.jsonl", rows),))
    plan, folder = run(tmp_path, sources=(source,), decontaminate=(benchmark,), validation_fraction=0.0)
    first = " ".join(question.lower().split()[:13])
    assert [(row["id"], row["detail"]) for row in read_removed(folder)] == [("x-3", f"quiz: {first}")]
    assert plan["removed"] == {"contaminated": {"x": 1}}


def test_benchmarks_that_cannot_be_read_are_setting_errors(tmp_path, web):
    source = Source("web", (web,))
    with pytest.raises(SettingError, match="does not exist"):
        run(tmp_path, sources=(source,), decontaminate=(str(tmp_path / "none.jsonl"),))
    short = write_lines(tmp_path / "short.jsonl", [{"question": "Too short."}])
    with pytest.raises(SettingError, match="has 13 words"):
        run(tmp_path, "again", sources=(source,), decontaminate=(short,))


def test_bytes_are_the_same_for_any_number_of_workers_and_after_a_stop(tmp_path, web, monkeypatch):
    monkeypatch.setattr(sources_module, "PIECE_BYTES", 10_000)
    rows = make_rows("books", 120)
    books = [write_lines(tmp_path / f"books{i}.jsonl", rows[i * 30 : i * 30 + 30]) for i in range(4)]
    near = write_lines(
        tmp_path / "near.jsonl",
        [row | {"id": f"n{i}", "text": row["text"] + " so"} for i, row in enumerate(rows)],
    )
    settings = {
        "sources": (Source("web", (web,)), Source("books", tuple(books)), Source("near", (near,))),
        "validation_fraction": 0.2,
        "n_buckets": 2,
    }
    _, one = run(tmp_path, "one", **settings)
    _, two = run(tmp_path, "two", workers=2, **settings)
    assert snapshot(one) == snapshot(two)
    assert len(list(one.glob("train/books.*/part-*.parquet"))) > 1

    module = sys.modules["curate.mixture.run"]  # the package's function of that name hides it
    written = []
    original = module.write_piece

    def stop_in_the_middle(task, **rest):
        if len(written) == 3:
            raise KeyboardInterrupt
        written.append(task)
        original(task, **rest)

    monkeypatch.setattr(module, "write_piece", stop_in_the_middle)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, "three", **settings)
    assert not (tmp_path / "three" / "plan.json").exists()
    monkeypatch.setattr(module, "write_piece", original)
    _, three = run(tmp_path, "three", **settings)
    assert snapshot(three) == snapshot(one)


def test_row_groups_in_pieces_give_what_the_whole_file_gives(tmp_path, monkeypatch):
    rows = make_rows("x", 90, edu_score=lambda i: i / 90)
    source = Source("x", (write_table(tmp_path / "x.parquet", rows, row_group_size=7),))
    plan, whole = run(tmp_path, "whole", sources=(source,), n_buckets=2, validation_fraction=0.2)
    monkeypatch.setattr(sources_module, "PIECE_BYTES", 4_000)
    cut_plan, cut = run(tmp_path, "cut", sources=(source,), n_buckets=2, validation_fraction=0.2)
    assert len(sources_module.list_pieces(MixtureSettings(sources=(source,)))) > 5
    assert plan["groups"] == cut_plan["groups"]
    for split in ("train", "validation"):
        assert read_split(whole, split) == read_split(cut, split)


def test_a_plan_alone_writes_nothing(tmp_path, web):
    seen = []
    plan = mix(MixtureSettings(sources=(Source("web", (web,)),)), None, workers=1, on_plan=seen.append)
    assert seen == [plan]
    assert {path.name for path in tmp_path.iterdir()} == {"curated"}


def test_the_plan_is_told_before_anything_is_written(tmp_path, web):
    def look(_plan):
        assert {path.name for path in (tmp_path / "out").iterdir()} == {"settings.json", "work"}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mix(MixtureSettings(sources=(Source("web", (web,)),)), tmp_path / "out", workers=1, on_plan=look)


def test_a_finished_mixture_is_left_as_it_is(tmp_path, web):
    settings = MixtureSettings(sources=(Source("web", (web,)),))
    plan = mix(settings, tmp_path / "out", workers=1)
    before = snapshot(tmp_path / "out")
    assert mix(settings, tmp_path / "out", workers=1) == plan
    assert snapshot(tmp_path / "out") == before


def test_other_settings_or_files_for_a_folder_are_refused(tmp_path, web):
    settings = {"sources": (Source("web", (web,)),)}
    run(tmp_path, **settings)
    with pytest.raises(ChangedSettingsError, match="seed"):
        run(tmp_path, seed=1, **settings)
    write_table(tmp_path / "curated" / "kept" / "part-0.parquet", make_rows("new", 20))
    with pytest.raises(ChangedSettingsError, match="files of the sources"):
        run(tmp_path, **settings)
    plan = mix(MixtureSettings(**settings), tmp_path / "out", workers=1, overwrite=True)
    assert plan["groups"][0]["name"] == "web.none.unscored"


def test_a_folder_with_something_else_is_not_written_to(tmp_path, web):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("precious")
    with pytest.raises(SettingError, match="is not empty"):
        mix(MixtureSettings(sources=(Source("web", (web,)),)), tmp_path / "out", workers=1, overwrite=True)


def test_documents_without_an_id_get_one_from_their_text(tmp_path):
    rows = [{"text": make_text(i), "url": None} for i in range(5)]
    _, folder = run(
        tmp_path, sources=(Source("x", (write_lines(tmp_path / "x.jsonl", rows),)),), validation_fraction=0.0
    )
    ids = [row["id"] for row in read_split(folder, "train")]
    assert len(set(ids)) == 5
    assert all(len(name) == 32 for name in ids)


def test_a_domain_column_of_addresses_is_an_error_that_names_it(tmp_path):
    rows = make_rows("x", 5000, host=lambda i: f"host{i}.org")
    for row in rows:
        row["text"] = row["id"] + " is short"
    source = Source("x", (write_lines(tmp_path / "x.jsonl", rows),))
    with pytest.raises(SettingError, match=r"5,000 groups.*'host' has 5,000 values"):
        run(tmp_path, sources=(source,), domain_column="host", validation_fraction=0.0)


def test_scores_that_are_all_equal_cannot_be_cut_into_buckets(tmp_path):
    source = Source("x", (write_lines(tmp_path / "x.jsonl", make_rows("x", 9)),), score=0.5)
    with pytest.raises(SettingError, match=r"quality.buckets = 3"):
        run(tmp_path, sources=(source,), n_buckets=3)


def test_a_source_without_text_files_is_an_error(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.txt").write_text("Hello.")
    with pytest.raises(SettingError, match=r"Source 'x' has no Parquet or JSON lines files"):
        run(tmp_path, sources=(Source("x", (str(tmp_path / "notes"),)),))


def test_a_parquet_file_without_a_text_column_names_its_columns(tmp_path):
    source = Source("x", (write_table(tmp_path / "x.parquet", [{"id": "a", "words": "b"}]),))
    with pytest.raises(SettingError, match=r"no text column.*\[sources.x\]; its columns: id, words"):
        run(tmp_path, sources=(source,))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (
            {"score_column": "edu_scor", "bucket_edges": (0.5,), "upsample": (0, 4)},
            "no document has a number in the column",
        ),
        (
            {"score_column": "edu_scor", "n_buckets": 3},
            "'edu_scor'. Name the column of scores as quality.column",
        ),
        ({"domain_column": "topik"}, "domains.column names 'topik', which no document has"),
        ({"domain_weights": {"Mathematics": 1.0}}, "there are: Art & Design, Maths"),
    ],
)
def test_settings_that_would_have_no_effect_are_refused(tmp_path, web, settings, said):
    with pytest.raises(SettingError, match=re.escape(said)):
        run(tmp_path, sources=(Source("web", (web,)),), **settings)


def test_a_mixture_is_no_source_but_its_training_text_is(tmp_path, web):
    _, first = run(tmp_path, sources=(Source("web", (web,)),))
    with pytest.raises(SettingError, match="validation text in it. Give .*/train"):
        run(tmp_path, "again", sources=(Source("web", (str(first),)),))
    plan, _ = run(tmp_path, "again", sources=(Source("web", (str(first / "train"),)),))
    assert sum(group["train"]["n_documents"] for group in plan["groups"]) > 200
