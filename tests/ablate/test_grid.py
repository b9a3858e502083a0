"""Weights proposed from small models: the curve, the weights that are tried, the proposal and its check."""

import json
import tomllib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_ablate_command import EASY, HARD, texts

from common import run_curate
from curate.ablate import AblateSettings, find_weights
from curate.ablate.curve import fit_curve, rank_correlation, refit
from curate.ablate.grid import OTHERS, draw_weights, with_weights, write_grid
from curate.ablate.result import conclude
from curate.errors import SettingError
from curate.mixture import read_mixture_settings

SMALL = {"tokens": 4_000, "vocabulary": 400, "seeds": 2, "mixtures": 12}


@given(
    st.lists(st.floats(0.01, 1), min_size=2, max_size=8),
    st.lists(st.floats(1.0, 5.0), min_size=8, max_size=8),
    st.integers(0, 99),
)
def test_weights_that_are_tried_are_shares_and_none_is_above_its_cap(sizes, room, seed):
    natural = np.array(sizes) / sum(sizes)
    caps = natural * np.array(room[: len(sizes)])
    drawn = draw_weights(np.random.default_rng(seed), natural, caps, 50)
    assert np.allclose(drawn.sum(axis=1), 1)
    assert (drawn >= 0).all()
    assert (drawn <= caps + 1e-9).all()


def drawn(n, k=3, seed=0):
    return np.random.default_rng(seed).dirichlet(np.ones(k), n)


def test_what_a_curve_says_of_left_out_points_is_what_a_fit_without_them_says():
    weights = drawn(20)
    values = np.random.default_rng(1).normal(size=20)
    curve = fit_curve(weights, values)
    for i in range(20):
        others = np.arange(20) != i
        # The centre is of all points: a mean moves by one part in twenty.
        near = refit(curve, weights[others], values[others]).predict(weights[i : i + 1])[0]
        assert curve.left_out[i] == pytest.approx(near, abs=0.5 / 20 * np.ptp(values))


def test_a_curve_finds_the_best_point_inside_and_a_plane_stays_a_plane():
    weights = drawn(60)
    best = np.array([0.5, 0.3, 0.2])
    bowl = ((weights - best) ** 2).sum(axis=1)
    curve = fit_curve(weights, bowl)
    assert curve.quadratic
    places = drawn(5_000, seed=2)
    assert np.abs(places[curve.predict(places).argmin()] - best).max() < 0.1
    plane = fit_curve(weights, weights @ [1.0, 2.0, 4.0] + np.random.default_rng(0).normal(0, 0.05, 60))
    assert rank_correlation(plane.predict(places), places @ [1.0, 2.0, 4.0]) > 0.99


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Two thirds of hard words, a third of easy ones, and a domain too small to be weighed alone."""
    folder = tmp_path_factory.mktemp("grid")
    rows = [{"text": text, "topic": "hard"} for text in texts(HARD, 240, 1)]
    rows += [{"text": text, "topic": "easy"} for text in texts(EASY, 240, 2)]
    rows += [{"text": text, "topic": f"small{i}"} for i in range(2) for text in texts(EASY[::-1], 2, 8 + i)]
    (folder / "pages.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "goal.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts(EASY, 20, 4)))
    (folder / "mixture.toml").write_text(
        f'[sources.web]\npath = "{folder}/pages.jsonl"\n[domains]\ncolumn = "topic"\n[quality]\ncolumn = "mine"\n'
    )
    return folder


def test_weights_move_to_what_the_evaluation_text_is_like_and_the_check_shows_it(pages, tmp_path):
    mixture = tomllib.loads((pages / "mixture.toml").read_text())
    said = []
    settings = AblateSettings(**SMALL, least_share=0.05)
    found = find_weights(mixture, {"goal": texts(EASY, 20, 4)}, settings, report=said.append)
    assert sorted(found.names) == ["easy", "hard", OTHERS]
    easy = found.names.index("easy")
    assert found.proposed[easy] > found.natural[easy] + 0.1
    assert found.low[easy] <= found.proposed[easy] <= found.high[easy]
    assert found.proposed.sum() == pytest.approx(1)
    gap = found.check.gaps()[0]
    assert gap.clear
    assert gap.gap < 0
    assert any("12 mixtures of 3 domains, then 4 runs to check" in line and " s" in line for line in said)
    assert "proposed is better than by size" in conclude(found.check)[0]
    write_grid(found, mixture, tmp_path)
    settings = read_mixture_settings(tmp_path / "mix.toml")
    assert settings.score_column == "mine"
    assert settings.domain_weights == {
        name: pytest.approx(share, abs=1e-4)
        for name, share in zip(found.names, found.proposed, strict=True)
        if name != OTHERS
    }


def test_where_all_text_is_alike_nothing_is_told_apart_and_sources_stand_for_domains(tmp_path):
    tables = {}
    for i, name in enumerate(("a", "b")):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts(EASY, 200, i)))
        tables[name] = {"path": str(path), "weight": 0.1}
    found = find_weights({"sources": tables}, {"goal": texts(EASY, 20, 4)}, AblateSettings(**SMALL))
    assert found.axis == "sources"
    assert not found.check.gaps()[0].clear
    assert "not told apart" in conclude(found.check)[0]
    weighed = with_weights({"sources": tables}, found)["sources"]
    assert sum(source["weight"] for source in weighed.values()) == pytest.approx(1, abs=1e-3)


def test_a_grid_on_the_command_line_writes_a_mixture_that_can_be_mixed_and_goes_on(pages, tmp_path):
    command = [
        "ablate",
        "--grid",
        pages / "mixture.toml",
        "--eval",
        f"goal={pages}/goal.jsonl",
        "--output",
        tmp_path,
    ]
    command += [f"--{name}={value}" for name, value in SMALL.items()]
    done = run_curate(*map(str, command), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "grid.md").read_text() in done.stdout
    assert json.loads((tmp_path / "grid.json").read_text())["mixtures"][0]["weights"]
    again = run_curate(*map(str, command), cwd=tmp_path)
    assert again.stdout == done.stdout
    mixed = run_curate(
        "mix", "--config", tmp_path / "mix.toml", "--plan", "--budget-tokens", "3K", cwd=tmp_path
    )
    assert mixed.returncode == 0, mixed.stderr
    assert "Training: 3" in mixed.stdout


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mixtures": 8}, "8 mixtures tell little of 4 domains"),
        ({"tokens": 100}, "2,000 are the least"),
    ],
)
def test_too_little_to_weigh_is_said(pages, changes, message):
    mixture = tomllib.loads((pages / "mixture.toml").read_text())
    settings = AblateSettings(**(SMALL | {"least_share": 0.0} | changes))
    with pytest.raises(SettingError, match=message):
        find_weights(mixture, {"goal": texts(EASY, 20, 4)}, settings)


def test_one_domain_is_nothing_to_weigh(pages):
    mixture = {"sources": {"web": {"path": str(pages / "goal.jsonl")}}}
    with pytest.raises(SettingError, match="nothing to weigh. Name another source, or a column"):
        find_weights(mixture, {"goal": texts(EASY, 20, 4)}, AblateSettings(**SMALL))
