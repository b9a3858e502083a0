"""What is removed has a kept twin, what is alike does not stay, and order never matters."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from curate.dedup import (
    DedupPlan,
    TextShard,
    compute_keys,
    exchange,
    find_duplicates,
    resolve,
    resolve_duplicates,
    steps,
)
from curate.errors import RunError, SettingError
from curate.work.local import LocalEngine
from planted import exact_sets, plant_texts, similar_pairs, similarity

PLAN = DedupPlan()
STORY = [
    "the",
    "old",
    "mill",
    "by",
    "the",
    "river",
    "stands",
    "idle",
    "now",
    "and",
    "only",
    "an",
    "owl",
    "keeps",
    "watch",
    "over",
    "its",
    "broken",
    "wheel",
    "while",
    "the",
    "water",
    "runs",
    "past",
    "without",
    "a",
    "sound",
]


def shard_of(texts, name="a", ids=None, **columns):
    array = pa.array(texts, pa.string())
    ids = pa.array([f"{name}{i:05d}" for i in range(len(texts))] if ids is None else ids)
    columns = {key: pa.array(values) for key, values in columns.items()}
    return TextShard(array, compute_keys(array, PLAN), ids=ids, name=name, **columns)


def shards_of(texts, n=300):
    """Shards of `n` texts, one after the other."""
    return [shard_of(texts[begin : begin + n], f"{begin:05d}") for begin in range(0, len(texts), n)]


def removed_by(ledger) -> dict[tuple[int, int], tuple]:
    return {
        (row["shard"], row["row"]): (row["kept_shard"], row["kept_row"], row["jaccard"], row["method"])
        for row in ledger.to_pylist()
    }


def pairs_of(texts, **settings):
    table = find_duplicates(texts, **settings)
    return list(zip(table["removed_id"].to_pylist(), table["kept_id"].to_pylist(), strict=True))


@pytest.fixture(scope="module")
def planted():
    texts = plant_texts(1500, seed=5)
    return texts, exact_sets(pa.array(texts))


@pytest.mark.parametrize("jaccard", [0.5, 0.8, 0.95])
def test_every_removed_document_has_a_kept_twin_and_no_similar_pair_stays(planted, jaccard):
    texts, sets = planted
    found = find_duplicates(texts, jaccard=jaccard).to_pylist()
    removed = {row["removed_id"] for row in found}
    assert len(removed) == len(found) > 100
    for row in found:
        assert row["kept_id"] not in removed
        exact = similarity(sets[row["removed_id"]], sets[row["kept_id"]])
        assert exact >= jaccard
        assert row["jaccard"] == np.float32(exact)
    truth = similar_pairs(sets, jaccard)
    missed = [pair for pair in truth if not removed & set(pair)]
    assert len(missed) <= max(1, 0.001 * len(truth))


def test_the_ledger_does_not_depend_on_the_order_or_number_of_shards(planted, tmp_path):
    texts, _ = planted
    ids = [f"id-{i * 7919 % 1500:04d}" for i in range(1500)]

    def resolve_by_ids(order, n_shards):
        rows = np.array_split(np.array(order), n_shards)
        shards = [
            shard_of([texts[i] for i in some], f"s{k}", [ids[i] for i in some]) for k, some in enumerate(rows)
        ]
        ledger = resolve_duplicates(shards, PLAN, tmp_path / "scratch")
        return {
            (
                ids[rows[r["shard"]][r["row"]]],
                ids[rows[r["kept_shard"]][r["kept_row"]]],
                r["jaccard"],
                r["method"],
            )
            for r in ledger.to_pylist()
        }

    first = resolve_by_ids(range(1500), 1)
    shuffled = np.random.default_rng(0).permutation(1500)
    assert resolve_by_ids(shuffled, 4) == first
    assert resolve_by_ids(range(1499, -1, -1), 7) == first


def test_shards_in_another_order_give_the_same_ledger_even_without_telling_ids(planted, tmp_path):
    texts, _ = planted
    shards = [shard_of(texts[i::3], f"s{i}", ids=["same"] * 500) for i in range(3)]
    one = removed_by(resolve_duplicates(shards, PLAN, tmp_path / "x"))
    other = removed_by(resolve_duplicates(shards[::-1], PLAN, tmp_path / "x"))
    assert {(2 - s, r): (2 - ks, kr, j, m) for (s, r), (ks, kr, j, m) in other.items()} == one


def test_little_memory_gives_the_same_ledger(planted, tmp_path, monkeypatch):
    texts, _ = planted
    shards = [shard_of(texts[:700], "a"), shard_of(texts[700:], "b")]
    in_memory = resolve_duplicates(shards, PLAN, tmp_path / "x")
    monkeypatch.setattr(resolve, "MIN_MEMORY_BYTES", 0)
    monkeypatch.setattr(exchange, "BUFFER_BYTES", 3000)
    monkeypatch.setattr(steps, "SLICE_DOCUMENTS", 100)
    monkeypatch.setattr(steps, "FETCH_BYTES", 5000)
    monkeypatch.setattr(steps, "MAP_BYTES", 20_000)
    for memory_bytes in (1_000_000, 100_000):
        out_of_core = resolve_duplicates(shards, PLAN, tmp_path / "x", memory_bytes=memory_bytes)
        assert out_of_core.equals(in_memory)
    assert not (tmp_path / "x").exists()


def test_workers_that_share_the_steps_give_the_same_ledger(planted, tmp_path, monkeypatch):
    texts, _ = planted
    shards = shards_of(texts)
    alone = resolve_duplicates(shards, PLAN, tmp_path / "x")
    monkeypatch.setattr(resolve, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(resolve, "KEYS_A_RANGE", 5000)
    monkeypatch.setattr(resolve, "GROUP_BYTES", 50_000)
    with LocalEngine(2) as engine:
        assert resolve_duplicates(shards, PLAN, tmp_path / "x", engine=engine).equals(alone)


class EngineThatTriesAgain:
    """Runs each task a second time when the first has ended, and breaks that try off: what it wrote is cut in half."""

    is_local, n_workers = False, 2

    def __init__(self, folder):
        self.folder = folder

    def state(self):
        return {path: path.stat().st_mtime_ns for path in self.folder.iterdir()}

    def map(self, function, tasks, /):
        for task in tasks:
            yield function(task)
            before = self.state()
            function(task)
            for path, written_ns in self.state().items():
                if before.get(path) != written_ns:
                    with path.open("rb+") as file:
                        file.truncate(path.stat().st_size // 2)


def test_a_try_that_is_broken_off_after_another_ended_changes_nothing(planted, tmp_path, monkeypatch):
    texts, _ = planted
    shards = shards_of(texts)
    alone = resolve_duplicates(shards, PLAN, tmp_path / "x")
    monkeypatch.setattr(resolve, "_WORTH_WORKERS", 0)
    monkeypatch.setattr(resolve, "KEYS_A_RANGE", 5000)
    monkeypatch.setattr(steps, "MAP_BYTES", 20_000)
    engine = EngineThatTriesAgain(tmp_path / "x")
    assert resolve_duplicates(shards, PLAN, tmp_path / "x", engine=engine).equals(alone)


@pytest.mark.parametrize("name", ["keys-*", "buckets-*"])
def test_a_file_between_two_steps_that_was_cut_short_ends_the_run(planted, tmp_path, monkeypatch, name):
    texts, _ = planted

    class Damaging(EngineThatTriesAgain):
        def map(self, function, tasks, /):
            results = [function(task) for task in tasks]
            for path in self.folder.glob(name):
                with path.open("rb+") as file:
                    file.truncate(path.stat().st_size // 2)
            return iter(results)

    monkeypatch.setattr(resolve, "_WORTH_WORKERS", 0)
    with pytest.raises(RunError, match=r"is shorter than it was written. Run the same command again"):
        resolve_duplicates([shard_of(texts)], PLAN, tmp_path / "x", engine=Damaging(tmp_path / "x"))


def test_the_longest_stays_then_the_smallest_id():
    texts = [" ".join(STORY), " ".join([*STORY, "at", "all"]), " ".join([*STORY, "at", "alL"])]
    table = pa.table({"id": ["a", "z", "y"], "text": texts})
    found = find_duplicates(table).to_pylist()
    assert [(row["removed_id"], row["kept_id"], row["method"]) for row in found] == [
        ("a", "y", "near"),
        ("z", "y", "exact"),
    ]


def test_a_higher_score_beats_a_longer_text_and_no_score_is_the_lowest():
    texts = [" ".join(STORY), " ".join([*STORY, "at", "all"]), " ".join([*STORY, "at"])]
    table = pa.table({"id": [3, 1, 2], "text": texts, "score": [0.9, 0.1, None]})
    found = find_duplicates(table).to_pylist()
    assert {(row["removed_id"], row["kept_id"]) for row in found} == {(1, 3), (2, 3)}
    table = pa.table({"id": [3, 1, 2], "text": texts, "score": [None, 0.1, None]})
    assert {row["kept_id"] for row in find_duplicates(table).to_pylist()} == {1}


def test_no_chain_removes_a_document_without_a_kept_twin():
    words = [str(n) for n in range(400)]
    texts = [  # each is near the one before, the last far from the first
        " ".join([f"w{word}" if n < step * 8 else word for n, word in enumerate(words)]) for step in range(12)
    ]
    sets = exact_sets(pa.array(texts))
    found = find_duplicates(texts).to_pylist()
    assert 1 < len(texts) - len(found) < len(texts)
    for row in found:
        assert similarity(sets[row["removed_id"]], sets[row["kept_id"]]) >= 0.8


def test_a_copy_of_a_document_that_fell_points_to_the_one_that_stays():
    longer, shorter = " ".join([*STORY, "at", "all"]), " ".join(STORY)
    found = find_duplicates([shorter, shorter.upper(), longer]).to_pylist()
    assert [(row["removed_id"], row["kept_id"], row["method"]) for row in found] == [
        (0, 2, "near"),
        (1, 2, "near"),
    ]
    assert found[0]["jaccard"] == found[1]["jaccard"] < 1


def test_documents_without_words_are_copies_only_byte_for_byte_and_empty_ones_never():
    assert pairs_of(["", "", None, None, " ", "!!!", "???", "!!!"]) == [(7, 5)]
    assert pairs_of([" ", " ", "\n"]) == [(1, 0)]


def test_documents_under_five_words_are_copies_only_of_the_same_words():
    texts = ["log in", "Log in!", "log out", "sign up now please", "sign up now", "hello", "hello hello"]
    assert pairs_of(texts) == [(0, 1)]


def test_a_repeated_word_is_a_set_of_one_shingle():
    texts = ["spam " * 50, "spam " * 900, "spam " * 900 + "eggs", "spam " * 4]
    assert pairs_of(texts) == [(0, 1)]


def test_right_to_left_and_spaceless_scripts_are_compared_like_any_other():
    arabic = (
        "في قرية صغيرة عند سفح الجبل عاشت عجوز وحيدة تحكي للأطفال حكايات عن القمر والنجوم كل مساء قبل النوم"
    )
    chinese = "山脚下的小村里住着一位老人每天晚上给孩子们讲月亮和星星的故事直到他们睡着为止从来没有停过一天"
    texts = [arabic, arabic + "!", chinese, chinese[:-1], chinese[::-1], arabic[: len(arabic) // 2]]
    assert pairs_of(texts) == [(0, 1), (3, 2)]


def test_a_hundred_thousand_identical_pages_leave_one():
    found = find_duplicates(pa.table({"text": [" ".join(STORY)] * 100_000}))
    assert found.num_rows == 99_999
    assert set(found["kept_id"].unique().to_pylist()) == {0}


def test_twenty_thousand_nearly_identical_pages_are_not_compared_pair_by_pair():
    base = " ".join(str(n) for n in range(120))
    texts = [f"{base} {n}" for n in range(20_000)]
    found = find_duplicates(texts)
    assert found.num_rows == 19_999


def test_a_boilerplate_family_below_the_threshold_stays():
    frame = [f"menu{n}" for n in range(120)]
    rng = np.random.default_rng(1)
    texts = [" ".join([*frame, *map(str, rng.integers(0, 10**9, 60))]) for _ in range(3000)]
    sets = exact_sets(pa.array(texts))
    assert similarity(sets[0], sets[1]) < 0.6
    assert find_duplicates(texts).num_rows == 0


def test_copies_within_a_family_of_one_template_are_found():
    frame = [f"menu{n}" for n in range(170)]
    own = [[f"{n}x{i}" for i in range(30)] for n in range(1200)]
    texts = [" ".join(frame + words) for words in own]
    copies = [" ".join([*frame, *words[:-2], "at", f"last{n}"]) for n, words in enumerate(own[:300])]
    sets = exact_sets(pa.array([*texts[:2], copies[0]]))
    assert similarity(sets[0], sets[1]) < 0.8 < similarity(sets[0], sets[2])
    found = pairs_of(texts + copies)
    assert len(found) >= 299
    assert all({one, other} == {min(one, other), min(one, other) + 1200} for one, other in found)


def test_pages_of_one_address_leave_one_when_asked():
    texts = ["one page with some words", "quite another text is here", "and a third one is there"]
    urls = ["http://www.example.org/a/", "https://example.org/a#top", "https://example.org/b"]
    table = pa.table({"text": texts, "url": urls})
    assert find_duplicates(table).num_rows == 0
    found = find_duplicates(table, by_url=True).to_pylist()
    assert [(r["removed_id"], r["kept_id"], r["jaccard"], r["method"]) for r in found] == [
        (0, 1, None, "url")
    ]


def test_a_page_whose_namesake_falls_goes_with_it_to_the_one_that_stays():
    texts = ["short text of five words", " ".join(STORY), " ".join([*STORY, "at", "all"])]
    table = pa.table({"text": texts, "url": ["http://a.org", "http://a.org", "http://b.org"]})
    found = find_duplicates(table, by_url=True).to_pylist()
    assert [(r["removed_id"], r["kept_id"], r["method"]) for r in found] == [(0, 2, "url"), (1, 2, "near")]


def test_deduplication_by_url_without_urls_says_what_is_missing():
    with pytest.raises(SettingError, match="no column 'url'"):
        find_duplicates(["a text"], by_url=True)


def test_earlier_documents_stay_and_later_ones_go(tmp_path):
    story = " ".join(STORY)
    earlier = [shard_of([story, story, "short one"], "old")]
    shards = [shard_of([story + " at all", "a new page with its own words", "Short one", story], "new")]
    ledger = removed_by(resolve_duplicates(shards, PLAN, tmp_path / "x", earlier=earlier))
    assert set(ledger) == {(0, 0), (0, 2), (0, 3)}
    assert all(kept[0] == 1 for kept in ledger.values())
    assert ledger[0, 2][1:] == (2, 1.0, "exact")


def test_nothing_in_gives_an_empty_ledger_of_the_schema(tmp_path):
    ledger = resolve_duplicates([], PLAN, tmp_path / "x")
    assert (ledger.num_rows, ledger.schema) == (0, resolve.LEDGER_SCHEMA)
    assert resolve_duplicates([shard_of([])], PLAN, tmp_path / "x").num_rows == 0


def test_keys_of_another_plan_and_shards_of_one_name_are_refused(tmp_path):
    with pytest.raises(SettingError, match="18 bands, the plan"):
        resolve_duplicates([shard_of(["a b c"])], DedupPlan(jaccard=0.5), tmp_path / "x")
    with pytest.raises(SettingError, match="same name"):
        resolve_duplicates([shard_of(["a"]), shard_of(["b"])], PLAN, tmp_path / "x")
    with pytest.raises(SettingError, match="64MB"):
        resolve_duplicates([shard_of(["a"])], PLAN, tmp_path / "x", memory_bytes=1)
    with pytest.raises(SettingError, match="no column 'text'"):
        find_duplicates(pa.table({"body": ["a"]}))


@pytest.mark.slow
def test_a_document_of_a_hundred_megabytes_is_compared_like_any_other():
    rng = np.random.default_rng(0)
    words = rng.integers(0, 10**6, 15_000_000).astype("U6")
    whole = " ".join(words)
    found = find_duplicates(
        [whole, whole[: int(len(whole) * 0.9)], whole.upper() + ".", whole[: len(whole) // 2]]
    )
    assert [(r["removed_id"], r["kept_id"]) for r in found.to_pylist()] == [(0, 2), (1, 2)]
