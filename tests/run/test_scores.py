"""What scores decide in the main job: over rules that are not hard, by several scorers, by kind of document."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curate
from common import bytes_of, run_curate
from curate import pipeline
from curate.errors import SettingError, UnknownNameError
from curate.results.overview import read_overview
from curate.run.cut import LaneCut, Limit, decide_scored, find_least, undecided
from curate.run.funnel import Funnel
from curate.run.settings import FilterSettings

WORDS = "water river sea people built stone bridge light air plant cell energy force earth rain sun leaf root".split()
SENTENCE = "The {} of this {} is what the {} and the {} have with them, and that is why it matters."


class Marked:
    """Scores a document by the number that its text names behind '@' and the scorer's mark."""

    def __init__(self, name: str, mark: str) -> None:
        self.name, self.mark, self.fingerprint = name, mark, mark

    def score(self, texts: pa.Array) -> np.ndarray:
        found = [text.rpartition(f"@{self.mark}")[2].partition(" ")[0] for text in texts.to_pylist()]
        return np.array([float(number) for number in found], np.float32)


EDU, QUALITY = Marked("edu", "e"), Marked("quality", "q")


def page(seed: int, edu: float, quality: float = 0.5, *, sparable: bool = False, hard: bool = False) -> str:
    """English text with its scores in it; a hash sign a word fails a sparable rule, three words a hard one."""
    generator = random.Random(seed)
    lines = [SENTENCE.format(*generator.choices(WORDS, k=4)) for _ in range(12)]
    if sparable:
        lines = [line.replace(" ", " # ") for line in lines]
    marks = f"@e{edu} @q{quality} ."
    return marks if hard else "\n".join([*lines, marks])


RULES = """
name = "own"
[[rules]]
reason = "many_hashes"
signal = "hashes_per_word"
high = 0.1
[[rules]]
reason = "few_words"
signal = "n_words"
low = 10
hard = true
"""
SETTINGS = {"language": ["any"], "workers": 1, "progress": False}


def write(path: Path, pages: list[str], **columns: list) -> None:
    rows = [
        {"id": f"d{i}", "text": text} | {k: v[i] for k, v in columns.items()} for i, text in enumerate(pages)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def rows_of(output: Path, kind: str) -> dict[str, dict]:
    return {row["id"]: row for row in pq.read_table(output / kind).to_pylist()}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    path = tmp_path_factory.mktemp("rules") / "own.toml"
    path.write_text(RULES)
    return [str(path)]


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """d0 passes; d1 to d3 fail a sparable rule with scores .8, .3 and .01; d4 fails a hard one; d5 passes, low."""
    pages = [
        page(0, 0.9, 0.2),
        page(1, 0.8, 0.9, sparable=True),
        page(2, 0.3, 0.9, sparable=True),
        page(3, 0.01, 0.9, sparable=True),
        page(4, 0.95, 0.9, hard=True),
        page(5, 0.1, 0.9),
    ]
    path = tmp_path_factory.mktemp("crawl") / "in.jsonl"
    write(path, pages)
    return path


# ---- the score has a say ---------------------------------------------------------------------------------


def test_a_page_that_fails_sparable_rules_only_stays_where_its_score_is_high(
    crawl: Path, rules: list[str], tmp_path: Path
) -> None:
    funnel = curate.filter_crawl(str(crawl), tmp_path / "out", scorer=EDU, rules=rules, **SETTINGS)
    kept, dropped = rows_of(tmp_path / "out", "kept"), rows_of(tmp_path / "out", "dropped")
    assert set(kept) == {"d0", "d1"}
    assert kept["d0"]["spared_by"] is None
    assert (kept["d1"]["spared_by"], kept["d1"]["spared_limit"]) == ("many_hashes", 0.1)
    assert kept["d1"]["spared_value"] > 0.1
    assert {name: row["drop_reason"] for name, row in dropped.items()} == {
        "d2": "many_hashes", "d3": "many_hashes", "d4": "few_words", "d5": "below_threshold",
    }  # fmt: skip
    assert dropped["d2"]["edu_score"] == pytest.approx(0.3)
    assert dropped["d4"]["edu_score"] is None
    assert {reason: tally.n_documents for reason, tally in funnel.spared.items()} == {"many_hashes": 1}
    assert funnel.n_scored == 5


@pytest.mark.parametrize(
    ("spare_above", "threshold", "spared"),
    [("none", 0.0, set()), (0.05, 0.0, {"d1", "d2"}), (0.0, 0.0, {"d1", "d2", "d3"}), (0.8, 0.0, {"d1"}),
     (0.05, 0.8, {"d1"}), (0.05, 0.81, set()), ("0.300001", 0.2, {"d1"}), (1.0, 0.0, set())],
)  # fmt: skip
def test_the_score_must_reach_the_threshold_and_spare_above(
    crawl: Path, rules: list[str], tmp_path: Path, spare_above: object, threshold: float, spared: set[str]
) -> None:
    curate.filter_crawl(
        str(crawl),
        tmp_path / "out",
        scorer=EDU,
        rules=rules,
        threshold=threshold,
        spare_above=spare_above,
        **SETTINGS,
    )
    kept = rows_of(tmp_path / "out", "kept")
    assert {name for name, row in kept.items() if row["spared_by"]} == spared
    assert {name for name in ("d1", "d2", "d3") if name in kept} == spared


def test_without_a_scorer_rules_have_the_last_word(crawl: Path, rules: list[str], tmp_path: Path) -> None:
    curate.filter_crawl(str(crawl), tmp_path / "out", scorer="none", rules=rules, **SETTINGS)
    assert set(rows_of(tmp_path / "out", "kept")) == {"d0", "d5"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("high", "spare_above must be a number from 0 to 1, or 'none', not 'high'"),
        (1.5, "spare_above must be between 0 and 1, not 1.5"),
        ("-1", "spare_above must be between 0 and 1, not -1"),
        ("nan", "spare_above must be between 0 and 1, not nan"),
    ],
)
def test_a_wrong_spare_above_is_refused(value: object, message: str) -> None:
    with pytest.raises(SettingError, match=message):
        FilterSettings(input=("x",), spare_above=value)


def test_of_two_copies_the_one_that_passes_its_rules_stays(rules: list[str], tmp_path: Path) -> None:
    clean = page(7, 0.02)
    failing = clean.replace("\n", " #" * 60 + "\n")  # longer, so that it would stay by length
    write(tmp_path / "in.jsonl", [failing, clean])
    curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", scorer=EDU, rules=rules, threshold=0.0, **SETTINGS
    )
    assert set(rows_of(tmp_path / "out", "kept")) == {"d1"}
    assert rows_of(tmp_path / "out", "dropped")["d0"]["duplicate_of"] == "d1"


# ---- another cut -----------------------------------------------------------------------------------------


CUTS = [
    {"threshold": 0.2},
    {"threshold": 0.85},
    {"keep_fraction": 0.4},
    {"keep_fraction": 1.0},
    {"threshold": {"edu": 0.25, "quality": 0.3}},
    {"threshold": ["quality=0.5"]},
    {"keep_fraction": 0.4, "weights": {"edu": 0.7, "quality": 0.3}},
    {"target_tokens": "90"},
]


@pytest.fixture(scope="module", params=[(), ("quality=0.3",)], ids=["no floor", "floor"])
def runs(
    request: pytest.FixtureRequest, crawl: Path, rules: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict, list[tuple[Path, Funnel]]]:
    """The settings, and a finished run for each cut."""
    settings = SETTINGS | {"scorer": [EDU, QUALITY], "rules": rules, "floor": request.param}
    folders = [tmp_path_factory.mktemp("cut") / "out" for _ in CUTS]
    return settings, [
        (folder, curate.filter_crawl(str(crawl), folder, **settings, **cut))
        for folder, cut in zip(folders, CUTS, strict=True)
    ]


@pytest.mark.parametrize("start", [0, 6])
@pytest.mark.parametrize("number", range(len(CUTS)))
def test_rethreshold_decides_over_spared_pages_and_several_scores_as_a_run_would(
    crawl: Path, runs: tuple[dict, list[tuple[Path, Funnel]]], tmp_path: Path, start: int, number: int
) -> None:
    settings, finished = runs
    cut, (direct, funnel) = CUTS[number], finished[number]
    shutil.copytree(finished[start][0], tmp_path / "moved")
    assert curate.rethreshold(tmp_path / "moved", **cut) == funnel
    assert bytes_of(tmp_path / "moved") == bytes_of(direct)
    manifests = [
        json.loads((folder / "manifest.json").read_text()) for folder in (tmp_path / "moved", direct)
    ]
    assert manifests[0]["score"] == manifests[1]["score"]
    assert curate.filter_crawl(str(crawl), tmp_path / "moved", **settings, **cut) == funnel


def test_the_share_to_keep_counts_scored_pages_and_passes_over_what_cannot_be_spared(
    crawl: Path, rules: list[str], tmp_path: Path
) -> None:
    funnel = curate.filter_crawl(
        str(crawl), tmp_path / "out", scorer=EDU, rules=rules, keep_fraction=1.0, **SETTINGS
    )
    assert (funnel.kept.n_documents, funnel.n_scored, funnel.cut) == (4, 5, pytest.approx(0.1))


@pytest.mark.parametrize("tokenizer", [False, True])
def test_a_target_of_tokens_keeps_the_fewest_of_the_best_that_reach_it(
    crawl: Path, rules: list[str], tmp_path: Path, tokenizer: bool
) -> None:
    from curate.tokens import train_encoder

    settings = SETTINGS | {"scorer": EDU, "rules": rules, "bytes_per_token": 2.0}
    encoder = train_encoder(["a few words to cut"], 300)
    encoder.tokenizer.save(str(tmp_path / "tokenizer.json"))
    if tokenizer:
        settings |= {"tokenizer": str(tmp_path / "tokenizer.json")}
    curate.filter_crawl(str(crawl), tmp_path / "all", threshold=0.0, **settings)
    scored = sorted(rows_of(tmp_path / "all", "kept").values(), key=lambda row: -row["edu_score"])
    counts = [
        len(encoder.encode([row["text"]])[0]) if tokenizer else len(row["text"].encode()) / 2
        for row in scored
    ]
    assert [row.get("n_tokens") for row in scored] == (counts if tokenizer else [None] * len(scored))
    for target in (1, int(counts[0]), int(counts[0]) + 1, int(sum(counts[:2])), 10**6):
        funnel = curate.filter_crawl(
            str(crawl), tmp_path / "out", target_tokens=target, overwrite=True, **settings
        )
        kept = rows_of(tmp_path / "out", "kept")
        n_wanted = next((n for n in range(1, len(scored)) if sum(counts[:n]) >= target), len(scored))
        least = scored[n_wanted - 1]["edu_score"]
        assert set(kept) == {row["id"] for row in scored if row["edu_score"] >= least}
        assert funnel.cut == pytest.approx(least)


@given(
    st.lists(st.tuples(st.floats(0, 1, width=32), st.booleans()), min_size=1),
    st.floats(0, 1, exclude_min=True),
)
def test_the_least_value_keeps_at_least_the_share_of_all_and_no_more_but_for_ties(
    rows: list[tuple[float, bool]], share: float
) -> None:
    values, lost = np.array([v for v, _ in rows], np.float32), np.array([gone for _, gone in rows])
    eligible = values[~lost]
    least = find_least(np.sort(eligible)[::-1], int(np.ceil(share * len(values))))
    kept = eligible >= np.float32(least)
    wanted = min(max(1, int(np.ceil(share * len(values)))), len(eligible))
    assert kept.sum() >= wanted
    if wanted:
        assert (eligible > np.float32(least)).sum() < wanted


# ---- several scorers -------------------------------------------------------------------------------------


def test_each_scorer_has_its_columns_and_its_threshold(crawl: Path, rules: list[str], tmp_path: Path) -> None:
    funnel = curate.filter_crawl(
        str(crawl), tmp_path / "out", scorer=[EDU, QUALITY], rules=rules,
        threshold={"edu": 0.05, "quality": 0.4}, spare_above="none", **SETTINGS,
    )  # fmt: skip
    kept, dropped = rows_of(tmp_path / "out", "kept"), rows_of(tmp_path / "out", "dropped")
    assert set(kept) == {"d5"}
    assert (dropped["d0"]["drop_reason"], dropped["d0"]["drop_limit"]) == ("quality_below_threshold", 0.4)
    assert dropped["d0"]["drop_value"] == pytest.approx(0.2)
    assert kept["d5"]["edu_score"] == pytest.approx(0.1)
    assert kept["d5"]["quality_score"] == pytest.approx(0.9)
    assert funnel.cut == 0.05


def test_a_bare_number_is_the_first_scorers(crawl: Path, rules: list[str], tmp_path: Path) -> None:
    for threshold in (0.05, ["0.05"], ["edu=0.05"]):
        curate.filter_crawl(
            str(crawl), tmp_path / "out", scorer=[EDU, QUALITY], rules=rules, threshold=threshold, overwrite=True,
            **SETTINGS,
        )  # fmt: skip
        assert set(rows_of(tmp_path / "out", "kept")) == {"d0", "d1", "d2", "d5"}
        assert "below_threshold" not in {
            row["drop_reason"] for row in rows_of(tmp_path / "out", "dropped").values()
        }


def test_a_weighted_mean_ranks_what_is_kept(crawl: Path, rules: list[str], tmp_path: Path) -> None:
    funnel = curate.filter_crawl(
        str(crawl), tmp_path / "out", scorer=[EDU, QUALITY], rules=rules, keep_fraction=0.2,
        weights={"edu": 1, "quality": 9}, **SETTINGS,
    )  # fmt: skip
    assert set(rows_of(tmp_path / "out", "kept")) == {"d1"}
    assert funnel.cut == pytest.approx(0.1 * 0.8 + 0.9 * 0.9)
    dropped = rows_of(tmp_path / "out", "dropped")["d5"]
    assert dropped["drop_value"] == pytest.approx(0.1 * 0.1 + 0.9 * 0.9)


@pytest.mark.parametrize("cut", [{"threshold": 0.05}, {"keep_fraction": 1.0}])
def test_a_page_below_a_floor_stays_under_no_cut(
    crawl: Path, rules: list[str], tmp_path: Path, cut: dict
) -> None:
    settings = SETTINGS | {"scorer": [EDU, QUALITY], "rules": rules}
    curate.filter_crawl(str(crawl), tmp_path / "without", **settings, **cut)
    curate.filter_crawl(str(crawl), tmp_path / "with", floor={"quality": 0.3}, **settings, **cut)
    without, kept, dropped = (
        rows_of(tmp_path / run, kind)
        for run, kind in (("without", "kept"), ("with", "kept"), ("with", "dropped"))
    )
    assert kept.keys() == {name for name, row in without.items() if row["quality_score"] >= 0.3}
    assert 0 < len(kept) < len(without)
    gone = [dropped[name] for name in without.keys() - kept.keys() if without[name]["spared_by"] is None]
    assert gone
    assert {(row["drop_reason"], row["drop_limit"]) for row in gone} == {("quality_below_floor", 0.3)}


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"floor": ["0.5"]}, SettingError, "floor '0.5' needs the name of a scorer: floor edu=0.5"),
        ({"floor": ["edu=1.5"]}, SettingError, "floor must be between 0 and 1, not 1.5"),
        ({"floor": ["edo=0.5"]}, UnknownNameError, "Unknown scorer of this run 'edo'. Did you mean 'edu'"),
        (
            {"threshold": {"edo": 0.5}},
            UnknownNameError,
            "Unknown scorer of this run 'edo'. Did you mean 'edu'",
        ),
        ({"threshold": ["edu=1.5"]}, SettingError, "threshold must be between 0 and 1, not 1.5"),
        ({"threshold": 80}, SettingError, "not 80. Did you mean 0.8?"),
        ({"threshold": ["80"]}, SettingError, "not 80. Did you mean 0.8?"),
        ({"threshold": ["much"]}, SettingError, "threshold must be a number, or NAME=NUMBER, not 'much'"),
        ({"threshold": ["0.5", "0.6"]}, SettingError, "threshold is given twice"),
        ({"threshold": ["=0.6"]}, SettingError, "no name before the '='"),
        ({"threshold": 0.5, "keep_fraction": 0.5}, SettingError, "Give either threshold or keep_fraction"),
        ({"threshold": 0.5, "weights": {"edu": 1}}, SettingError, "weights rank documents for keep_fraction"),
        (
            {"keep_fraction": 0.5, "weights": {"edu": 0}},
            SettingError,
            "The weight of 'edu' must be above 0, not 0",
        ),
        ({"keep_fraction": 0.5, "weights": ["2"]}, SettingError, "A weight needs the name of a scorer"),
        ({"keep_fraction": 0.5, "weights": {"x": 1}}, UnknownNameError, "Unknown scorer of this run 'x'"),
        ({"scorer": ["edu", "none"]}, SettingError, "scorer 'none' stands alone"),
        ({"scorer": []}, SettingError, "scorer is empty"),
        ({"scorer": ["edu", "edu"]}, SettingError, "named twice"),
        ({"scorer": ["edu", EDU, QUALITY]}, SettingError, "named twice"),
    ],
)
def test_a_wrong_cut_is_one_line_and_nothing_is_written(
    crawl: Path, tmp_path: Path, settings: dict, error: type, message: str
) -> None:
    with pytest.raises(error) as caught:
        curate.filter_crawl(str(crawl), tmp_path / "out", **SETTINGS | {"scorer": [EDU, QUALITY]} | settings)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "cut",
    [(["0.5"], 0.5), (["edu=0.5"], ("edu=0.5",)), (["quality=0.4,edu=0.5"], ("edu=0.5", "quality=0.4"))],
)
def test_a_threshold_has_one_form_however_it_is_written(cut: tuple) -> None:
    assert (
        FilterSettings(input=("x",), scorer=("edu", "quality"), threshold=tuple(cut[0])).threshold == cut[1]
    )


def test_the_name_of_a_class_may_hold_commas_and_equals_signs() -> None:
    cut = FilterSettings(input=("x",), threshold=("topic:Arts, Crafts=0.5",)).cut
    assert cut.thresholds == {"topic:Arts, Crafts": 0.5}


# ---- laws of the decision --------------------------------------------------------------------------------


def table_of(rows: list[tuple[float, float, bool, str]]) -> pa.Table:
    n = len(rows)
    sparable = pa.array([row[2] for row in rows], pa.bool_())
    nothing = {
        "drop_stage": pa.string(), "drop_reason": pa.string(), "drop_value": pa.float64(), "drop_limit": pa.float64(),
    }  # fmt: skip
    return pa.table(
        {
            "kind": pa.array([row[3] for row in rows], pa.string()),
            "edu_score": pa.array([row[0] if row[3] != "code" else None for row in rows], pa.float32()),
            "quality_score": pa.array([row[1] if row[3] != "code" else None for row in rows], pa.float32()),
            "code_score": pa.array([row[0] if row[3] == "code" else None for row in rows], pa.float32()),
            "spared_by": pa.array(["rule" if row[2] else None for row in rows], pa.string()),
            "spared_value": pa.array(np.ones(n), mask=~np.array([row[2] for row in rows], bool)),
            "spared_limit": pa.array(np.zeros(n), mask=~np.array([row[2] for row in rows], bool)),
        }
        | {name: pa.nulls(len(sparable), kind) for name, kind in nothing.items()}
    )


NUMBERS = st.sampled_from([0.0, 0.05, 0.25, 0.5, 0.75, 1.0])
ROWS = st.lists(
    st.tuples(NUMBERS, NUMBERS, st.booleans(), st.sampled_from(["page", "text", "code"])), min_size=1
)


def cuts_of(edu: float, quality: float, code: float, spare: float) -> list[LaneCut]:
    prose = (
        Limit("edu_below_threshold", {"edu_score": 1.0}, edu),
        Limit("quality_below_threshold", {"quality_score": 1.0}, quality),
    )
    return [
        LaneCut(("page", "text"), ("edu_score", "quality_score"), prose, spare),
        LaneCut(("code",), ("code_score",), (Limit("below_threshold", {"code_score": 1.0}, code),), spare),
    ]


@given(ROWS, NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_a_row_stays_if_and_only_if_it_reaches_its_limits_and_to_be_spared_spare_above_too(
    rows: list[tuple], edu: float, quality: float, code: float, spare: float
) -> None:
    decided = decide_scored(table_of(rows), cuts_of(edu, quality, code, spare)).to_pylist()
    for (first, second, sparable, kind), row in zip(rows, decided, strict=True):
        passes = first >= code if kind == "code" else first >= edu and second >= quality
        stays = passes and (not sparable or first >= spare)
        assert (row["drop_reason"] is None) == stays
        assert (row["spared_by"] is not None) == (stays and sparable)
        if not stays and sparable:
            assert (row["drop_stage"], row["drop_reason"], row["drop_value"]) == ("rules", "rule", 1.0)
        elif not stays:
            assert row["drop_stage"] == "score"
            assert row["drop_value"] < row["drop_limit"]


@given(ROWS, NUMBERS, NUMBERS, NUMBERS)
def test_what_was_decided_can_be_taken_back(
    rows: list[tuple], edu: float, quality: float, spare: float
) -> None:
    cuts = cuts_of(edu, quality, edu, spare)
    table = table_of(rows)
    assert undecided(decide_scored(table, cuts), cuts).equals(table)


# ---- kinds -----------------------------------------------------------------------------------------------


@pytest.fixture
def code_crawl(crawl: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The crawl, whose documents d3 to d5 a reader of program files has read."""
    start = pipeline.start_documents

    def start_with_code(pages: pa.RecordBatch) -> pa.Table:
        kinds = ["code" if i in {"d3", "d4", "d5"} else "text" for i in pages["id"].to_pylist()]
        table = pa.Table.from_batches([pages])
        table = table.set_column(table.column_names.index("kind"), "kind", pa.array(kinds, pa.string()))
        stated = {
            "program_language": pa.array(["Python" if k == "code" else None for k in kinds]),
            "path": table["source"],
        }
        for name, values in stated.items():
            table = table.set_column(table.column_names.index(name), name, values)
        return start(table.combine_chunks().to_batches()[0])

    monkeypatch.setattr(pipeline, "start_documents", start_with_code)
    return crawl


def test_each_kind_has_its_rules_and_its_scorer(code_crawl: Path, rules: list[str], tmp_path: Path) -> None:
    code = Marked("code", "q")
    funnel = curate.filter_crawl(
        str(code_crawl),
        tmp_path / "out",
        scorer=EDU,
        code_scorer=code,
        rules=rules,
        code_rules=[],
        **SETTINGS,
    )
    kept, dropped = rows_of(tmp_path / "out", "kept"), rows_of(tmp_path / "out", "dropped")
    assert set(kept) == {"d0", "d1", "d3", "d4", "d5"}
    assert [kept[name]["kind"] for name in ("d0", "d3")] == ["text", "code"]
    assert kept["d3"]["program_language"] == "Python"
    assert kept["d3"]["code_score"] == pytest.approx(0.9)
    assert kept["d3"]["edu_score"] is None
    assert kept["d3"]["language"] is None
    assert kept["d0"]["code_score"] is None
    assert dropped["d2"]["drop_reason"] == "many_hashes"
    assert {kind: own.read.n_documents for kind, own in funnel.kinds.items()} == {"text": 3, "code": 3}
    assert sum(own.kept.n_documents for own in funnel.kinds.values()) == funnel.kept.n_documents
    moved = curate.rethreshold(tmp_path / "out", threshold={"code": 0.95})
    assert moved.kinds["code"].kept.n_documents == 0
    assert moved.kinds["text"].kept.n_documents == 2  # of which no scorer is named: 0.5
    story = curate.explain(tmp_path / "out", "d3")[0]
    assert (story.score_column, story.cut) == ("code_score", 0.95)
    page = curate.write_report(tmp_path / "out").read_text()
    assert "code: code_score &gt;= 0.95" in page


def test_program_files_are_left_out_where_no_scorer_of_theirs_is_named(
    code_crawl: Path, rules: list[str], tmp_path: Path
) -> None:
    curate.filter_crawl(
        str(code_crawl), tmp_path / "out", scorer=EDU, code_scorer="none", rules=rules, **SETTINGS
    )
    dropped = rows_of(tmp_path / "out", "dropped")
    assert {dropped[name]["drop_reason"] for name in ("d3", "d4", "d5")} == {"code_left_out"}
    curate.filter_crawl(
        str(code_crawl), tmp_path / "all", scorer="none", rules=rules, code_rules=[], **SETTINGS
    )
    assert {"d3", "d4", "d5"} <= set(rows_of(tmp_path / "all", "kept"))


# ---- what a user sees ------------------------------------------------------------------------------------


def test_funnel_explain_and_report_show_what_was_spared(rules: list[str], tmp_path: Path) -> None:
    lesson = (
        "Photosynthesis is how green plants make sugar from light, water and carbon dioxide. Chlorophyll in the "
        "leaves absorbs light, and its energy splits water into oxygen and hydrogen."
    )
    write(tmp_path / "in.jsonl", ["\n".join(f"{lesson} # # # # # # # Step {i}." for i in range(4)), lesson])
    done = run_curate(
        "filter", "--input", tmp_path / "in.jsonl", "--output", tmp_path / "out", "--rules", *rules,
        "--threshold", "0.02", "--workers", "1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "of these spared by their score" in done.stdout
    assert "1 of these fail a rule that their score overrules" in done.stdout
    story = run_curate("explain", tmp_path / "out", "d0").stdout
    assert "spared    fails many_hashes (value" in story
    assert "reaches 0.05" in story
    assert list(read_overview(tmp_path / "out").spared) == ["many_hashes"]
    assert "spared by their score: many_" in curate.write_report(tmp_path / "out").read_text()


def test_two_bundled_scorers_go_through_one_command(crawl: Path, tmp_path: Path) -> None:
    shutil.copy(crawl, tmp_path / "other.jsonl")
    done = run_curate(
        "filter", "--input", crawl, "--output", tmp_path / "out", "--scorer", "edu", "--scorer", "topic:Health",
        "--threshold", "0.0", "--threshold", "topic:Health=0.0", "--rules", "none", "--language", "any",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "edu_score >= 0 and topic:Health_score >= 0" in done.stdout
    kept = pq.read_table(tmp_path / "out" / "kept")
    assert kept["topic:Health_score"].null_count == 0
    moved = run_curate("rethreshold", tmp_path / "out", "--threshold", "topic:Health=1")
    assert moved.returncode == 4, moved.stderr
    assert "topic:Health_score" in curate.write_report(tmp_path / "out").read_text()


def test_the_class_of_every_survivor_is_a_column_whatever_its_score_and_of_no_other(tmp_path):
    rows = [{"id": str(i), "text": page(i, edu=i / 3)} for i in range(4)] + [{"id": "short", "text": "Buy."}]
    lines = "".join(json.dumps(row | {"topic": "mine"}) + "\n" for row in rows)
    (tmp_path / "pages.jsonl").write_text(lines)
    (tmp_path / "own.toml").write_text(RULES)
    for scorer, folder in ((EDU, "scored"), ("none", "unscored")):
        settings = SETTINGS | {"scorer": scorer, "label": ("topic",), "rules": (str(tmp_path / "own.toml"),)}
        curate.filter_crawl(tmp_path / "pages.jsonl", tmp_path / folder, **settings)
        kept, dropped = (pq.read_table(tmp_path / folder / part) for part in ("kept", "dropped"))
        below = dropped.filter(pc.equal(dropped["drop_stage"], "score")).to_pylist()
        survivors = kept.to_pylist() + below
        assert len(survivors) >= 3
        assert bool(below) == (scorer is EDU)
        topics = curate.scoring.load_classifier("topic").label([row["text"] for row in survivors])
        assert [row["topic"] for row in survivors] == topics.to_pylist()
        assert {row["input_topic"] for row in survivors} == {"mine"}
        lost = dropped.filter(pc.not_equal(dropped["drop_stage"], "score"))
        assert len(lost)
        assert lost["topic"].null_count == len(lost)
