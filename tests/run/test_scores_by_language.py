"""A scorer that names its languages is asked for no page of another one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import curate
from common import run_curate
from curate.results.render import describe_cut
from curate.scoring import load_scorer

ENGLISH = (
    "The light of the sun falls on the green leaf number {n} of the tree, and the plant makes sugar from water and air "
    "with it. This is how most of the life on earth gets its energy, and it is also where the oxygen that we breathe "
    "comes from. In the night the plant rests and the leaf breathes as we do, which is why forests cool the land."
)
FRENCH = (
    "La lumière du soleil tombe sur la feuille verte numéro {n} de l'arbre, et la plante fabrique du sucre avec l'eau et "
    "l'air. C'est ainsi que la plus grande partie de la vie sur terre reçoit son énergie, et c'est aussi de là que vient "
    "l'oxygène que nous respirons. Pendant la nuit la plante se repose et la feuille respire comme nous le faisons."
)


class English:
    """Scores by the number in the page; for English alone."""

    name = "reader"
    languages = ("en",)

    def score(self, texts: pa.Array) -> np.ndarray:
        return np.array(
            [int("".join(filter(str.isdigit, text))) / 10 for text in texts.to_pylist()], np.float32
        )


@pytest.fixture
def crawl(tmp_path: Path) -> Path:
    pages = [ENGLISH.format(n=n) for n in range(1, 9)] + [FRENCH.format(n=n) for n in range(1, 9)]
    path = tmp_path / "crawl.jsonl"
    path.write_text("".join(json.dumps({"id": str(i), "text": text}) + "\n" for i, text in enumerate(pages)))
    return path


def run(crawl: Path, output: Path, **settings) -> tuple[curate.Funnel, dict, dict]:
    settings = {"language": ("en", "fr"), "rules": (), "dedup": "none", "code_scorer": "none"} | settings
    funnel = curate.filter_crawl(str(crawl), output, scorer=English(), progress=False, workers=1, **settings)
    kept, dropped = (
        {row["id"]: row for row in pq.read_table(output / kind).to_pylist()} for kind in ("kept", "dropped")
    )
    return funnel, kept, dropped


def test_pages_in_other_languages_get_no_score_and_a_reason_of_their_own(crawl: Path, tmp_path: Path) -> None:
    funnel, kept, dropped = run(crawl, tmp_path / "out")
    french = [dropped[str(i)] for i in range(8, 16)]
    assert {row["drop_reason"] for row in french} == {"score_other_language"}
    assert {row["reader_score"] for row in french} == {None}
    assert funnel.n_scored == 8
    assert set(kept) == {"4", "5", "6", "7"}


def test_pages_without_a_score_may_stay_and_the_summary_tells_them_apart(crawl: Path, tmp_path: Path) -> None:
    funnel, kept, _ = run(crawl, tmp_path / "out", unscored="keep")
    assert set(kept) == {"4", "5", "6", "7"} | {str(i) for i in range(8, 16)}
    assert (funnel.n_kept_scored, funnel.n_scored) == (4, 8)
    assert "4 of 8 scored documents" in describe_cut(funnel)
    assert "8 more are kept" in describe_cut(funnel)


def test_who_asks_for_it_gets_a_score_for_every_page(crawl: Path, tmp_path: Path) -> None:
    funnel, kept, _ = run(crawl, tmp_path / "out", unscored="score")
    assert funnel.n_scored == 16
    assert len(kept) == 8


@pytest.mark.parametrize("unscored", ["drop", "keep"])
def test_the_share_to_keep_is_one_of_scored_pages_also_where_a_finished_run_is_cut_again(
    crawl: Path, tmp_path: Path, unscored: str
) -> None:
    funnel, kept, _ = run(crawl, tmp_path / "a", threshold=None, keep_fraction=0.25, unscored=unscored)
    assert funnel.n_kept_scored == 2
    assert {"6", "7"} <= set(kept)
    run(crawl, tmp_path / "b", unscored=unscored)
    again = curate.rethreshold(tmp_path / "b", keep_fraction=0.25)
    assert again.counts() == funnel.counts()
    for kind in ("kept", "dropped"):
        assert pq.read_table(tmp_path / "a" / kind).equals(pq.read_table(tmp_path / "b" / kind))


@pytest.mark.parametrize("name", ["edu", "quality", "topic:Health"])
def test_bundled_classifiers_say_that_they_are_for_english(name: str) -> None:
    assert load_scorer(name).languages == ("en",)


def run_command(crawl: Path, output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return run_curate("filter", "--input", str(crawl), "--output", str(output), "--workers", "1", *options)


def test_a_run_that_could_keep_nothing_is_refused_before_anything_is_read(
    crawl: Path, tmp_path: Path
) -> None:
    done = run_command(crawl, tmp_path / "out", "--language", "fr")
    assert done.returncode == 2
    assert "edu was made for en" in done.stderr
    assert "--unscored keep" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_line_before_reading_says_what_does_not_fit_and_what_to_type(crawl: Path, tmp_path: Path) -> None:
    done = run_command(crawl, tmp_path / "out", "--language", "en", "--language", "fr", "--threshold", "0.01")
    assert "pages in fr get no score and are dropped. To keep them: --unscored keep" in done.stderr
    assert "Rules that do not judge pages in fr: curate_stop_words." in done.stderr


def test_an_english_run_says_nothing_of_languages(crawl: Path, tmp_path: Path) -> None:
    done = run_command(crawl, tmp_path / "out", "--threshold", "0.01")
    assert "The scorer" not in done.stderr
    assert "Rules that" not in done.stderr
