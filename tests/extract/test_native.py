"""The extractor as a whole: what is chosen and how it is written, hostile pages, and bounds of the kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.pages.notation import code_pages, formula_pages, score_code, score_formulas
from curate.errors import SettingError, UnknownNameError
from curate.extract import EXTRACTORS, extract_pages, extract_text
from curate.extract.features import FEATURES, N_FEATURES
from curate.extract.measure import C_CHARS
from curate.extract.model import export_trees, load_selector, save_selector, score_blocks
from curate.extract.select import LONG_CHARS, REACH, SLACK, choose_blocks, page_threshold
from curate.extract.workspace import describe_page, make_workspace, read_page

PROSE = [
    "Rivers carry more silt in spring, when the snow melts, than in the rest of the year.",
    "The silt settles where the water slows down, and over centuries it builds up a delta.",
    "Farmers prized such land, because a flood left a fresh layer of soil behind every year.",
    "Dams hold back the silt, so that deltas below them sink and the sea moves inland.",
]
MENU = "<nav><ul>" + "".join(f"<li><a href='/{n}'>Section {n}</a></li>" for n in range(8)) + "</ul></nav>"
FOOTER = "<footer><a href='/imprint'>Imprint</a> <a href='/privacy'>Privacy</a><p>© A. Writer</p></footer>"


def page(body: str) -> str:
    paragraphs = "".join(f"<p>{sentence}</p>" for sentence in PROSE)
    return (
        "<!doctype html><html lang=en><head><title>On silt</title></head><body>"
        f"{MENU}<article class='post-content'><h1>On silt</h1>{paragraphs}{body}{paragraphs}</article>{FOOTER}"
    )


def test_the_article_is_kept_and_the_rest_is_not():
    text = extract_text(page(""))
    assert text == "\n\n".join(["On silt", *PROSE, *PROSE])


@pytest.mark.parametrize(
    ("body", "written"),
    [
        ("<p>Three things matter, as everybody knows who has seen a delta:</p><ul><li>water that comes down the river<li>silt that the water carries<li>time, which is the most patient of all</ul>",
         "- water that comes down the river\n- silt that the water carries\n- time, which is the most patient of all\n\n"),
        ("<p>The program below adds up the silt of a year, month by month:</p><pre><code>total = 0\nfor month in year:\n    total += silt(month)\n</code></pre>",
         "\n\ntotal = 0\nfor month in year:\n    total += silt(month)\n\n"),
        ("<p>The load of a river, in tonnes of silt a year, was measured at two places:</p><table><tr><th>Place</th><th>Tonnes a year</th></tr><tr><td>Upper bridge</td><td>120,000</td></tr><tr><td>Lower bridge</td><td>90,000</td></tr></table>",
         "Place | Tonnes a year\nUpper bridge | 120,000\nLower bridge | 90,000\n\n"),
        ("<p>The load is the product of concentration and discharge, <script type='math/tex'>Q_s = c \\cdot Q</script>, at every moment.</p>",
         "discharge, $Q_s = c \\cdot Q$, at every moment."),
        ("<p>A line<br>and another line, as poets write them, of water and of silt.</p>", "A line\nand another line, as poets"),
    ],
)  # fmt: skip
def test_lists_code_tables_formulas_and_line_breaks_are_kept(body, written):
    assert written in extract_text(page(body))


def test_markdown_and_links_are_written_on_demand():
    body = (
        "<h2>What dams do</h2><p>They hold back <a href='https://e.org/silt'>the silt</a>, which fills the lake.</p>"
        "<ol><li>The lake fills up over the years.</li></ol><pre>silt = load * time\nprint(silt)</pre>"
    )
    text = extract_text(page(body), text_format="markdown", keep_links=True)
    assert "# On silt\n\n" in text
    assert "## What dams do\n\nThey hold back [the silt](https://e.org/silt), which" in text
    assert "\n\n1. The lake fills up over the years.\n\n" in text
    assert "```\nsilt = load * time\nprint(silt)\n```" in text
    assert "](" not in extract_text(page(body), text_format="markdown")


def test_recall_keeps_at_least_what_precision_keeps():
    body = "<div class='box'><p>Short remark.</p></div><p>See also: <a href=/x>other rivers</a></p>"
    lines = {
        focus: extract_text(page(body), focus=focus).split("\n")
        for focus in ("precision", "balanced", "recall")
    }
    assert set(lines["precision"]) <= set(lines["balanced"]) <= set(lines["recall"])


def test_an_unknown_focus_is_an_error():
    with pytest.raises(UnknownNameError, match="Did you mean 'recall'"):
        extract_text("", focus="recal")


def test_metadata_comes_from_what_the_page_states():
    head = (
        "<link rel='canonical' href='https://e.org/silt'><meta property='article:published_time' content='2021-03-04T05:06:07Z'>"
        '<script type=\'application/ld+json\'>{"@graph": [{"author": [{"name": "Ann  Lee"}, "Bo"], "datePublished": "2020"}]}</script>'
    )
    pages = [
        page("").replace("<title>", head + "<title>").encode(),
        b"<p>nothing stated",
        None,
        b"<script type='application/ld+json'>{]",
    ]
    batch = extract_pages(pa.array(pages, pa.binary()), metadata=True)
    columns = ["page_language", "canonical_url", "published", "author"]
    assert [batch[name][0].as_py() for name in columns] == [
        "en",
        "https://e.org/silt",
        "2021-03-04T05:06:07Z",
        "Ann Lee, Bo",
    ]
    assert all(batch[name].to_pylist()[1:] == [None, None, None] for name in columns)


@pytest.mark.parametrize("n", range(1995, 2003))
def test_a_title_that_is_too_long_is_cut_between_characters(n):
    batch = extract_pages(pa.array([("<title>" + "x" * n + "中文" * 9 + "</title><p>text").encode()]))
    batch.validate(full=True)
    assert batch["title"][0].as_py() == ("x" * n + "中文" * 9).encode()[:2000].decode(errors="ignore")


def test_batches_sliced_and_large_give_what_pages_alone_give():
    pages = pa.array(
        [
            b"x",
            page("").encode(),
            None,
            page("<p>Gr\xfc\xdfe".encode("latin-1").decode("latin-1")).encode("latin-1"),
            b"\xef\xbb\xbf" + page("").encode(),
        ]
    )
    sliced = pages.slice(1)
    for contents in (sliced, sliced.cast(pa.large_binary())):
        assert extract_pages(contents)["text"].to_pylist() == [
            extract_text(p.as_py()) if p.is_valid else None for p in sliced
        ]


@pytest.mark.parametrize(
    ("unit", "n"),
    [
        ("<div>", 1_000_000), ("<p>a", 500_000), ("<b>", 1_000_000), ("<table><tr><td>", 300_000), ("<ul><li>a", 300_000),
        ("<a href=x>y", 300_000), ("<!--", 1_000_000), ("<math>", 500_000), ("<math alttext='", 200_000), ("&", 2_000_000),
        ("<script>", 500_000), ("<annotation encoding=tex>", 200_000), ("</div></p></b>", 300_000), ("<br>x", 500_000),
        ("<a b='", 500_000), ("<h1>", 500_000), ("<pre>", 500_000), ("<svg><title>", 300_000), ("<dd><dt>", 400_000),
        ("<noscript>", 400_000), ("<select>", 400_000), ("<span hidden>", 400_000), ("\n<pre>\n", 300_000),
    ],
)  # fmt: skip
def test_hostile_pages_are_read_to_their_end(unit, n):
    # Pages of megabytes: a pass that were not linear would take hours.
    batch = extract_pages(pa.array([(unit * n + "<!-- --></script><p>The end of it all.").encode()]))
    assert batch.num_rows == 1
    assert (batch["text"][0].as_py() is None) == (batch["extract_problem"][0].as_py() is not None)


def test_an_attribute_of_ten_megabytes_is_read_over():
    text = extract_text(page("").replace("<h1>", '<h1 title="' + "x" * 10_000_000 + '">'))
    assert text.startswith("On silt")


def test_pages_beyond_the_limit_get_a_reason():
    batch = extract_pages(pa.array([b"<p>" + b"x" * (33 * 2**20), b"\0\1\2" * 99]))
    assert batch["extract_problem"].to_pylist() == ["html_too_large", "undecodable"]


@pytest.mark.parametrize("extractor", sorted(EXTRACTORS))
@settings(deadline=None, max_examples=30)
@given(html=st.text(st.sampled_from("<>/=\"'&;#!- abpdivtd0é\n\0"), max_size=80))
def test_no_markup_raises_and_text_is_valid(html, extractor):
    batch = extract_pages(pa.array([html.encode()]), extractor=extractor)
    batch.validate(full=True)
    assert (batch["text"][0].as_py() is None) == (batch["extract_problem"][0].as_py() is not None)


def test_trees_score_as_scikit_learn_does(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, N_FEATURES)).astype(np.float32).round(1)
    model = HistGradientBoostingClassifier(max_iter=5, random_state=0).fit(x, x[:, 3] + x[:, 7] ** 2 > 0.7)
    selector = export_trees(model, np.zeros(8192, np.int16))
    save_selector(selector, tmp_path / "s.safetensors")
    scores = np.zeros(len(x), np.float32)
    row = np.empty(N_FEATURES, np.int32)
    score_blocks(x, len(x), load_selector(str(tmp_path / "s.safetensors")), row, scores)
    np.testing.assert_allclose(scores, model.decision_function(x), atol=1e-5)


def test_weights_that_are_missing_or_of_other_features_are_refused(tmp_path):
    from safetensors.numpy import save_file

    with pytest.raises(SettingError, match="no extraction weights"):
        load_selector(str(tmp_path / "none.safetensors"))
    save_file({"table": np.zeros(3, np.int16)}, tmp_path / "old.safetensors")
    with pytest.raises(SettingError, match="fit it again"):
        load_selector(str(tmp_path / "old.safetensors"))


def test_every_feature_is_finite_and_named():
    raw = page("<ul><li>x<li>y</ul>").encode()
    workspace = make_workspace(len(raw))
    n = read_page(np.frombuffer(raw, np.uint8), workspace)
    describe_page(workspace, load_selector().table)
    assert n > 10
    assert np.isfinite(workspace.features[:n]).all()
    assert len(set(FEATURES)) == workspace.features.shape[1]


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-6, 6, width=32), st.integers(1, 200)), min_size=1, max_size=8))
def test_the_bar_is_lowered_only_on_pages_of_low_scores(blocks):
    workspace = make_workspace(4096)
    for b, (score, n_chars) in enumerate(blocks):
        workspace.scores[b] = score
        workspace.counts[b, C_CHARS] = n_chars
    long = sorted((s for s, n in blocks if n >= LONG_CHARS), reverse=True)[:3]
    while 0 < len(long) < 3:
        long.append(sum(long) / len(long))
    best = sum(long) / 3 if long else max(s for s, _ in blocks)
    expected = min(-0.2, max(best - REACH, -0.2 - SLACK))
    assert page_threshold(len(blocks), -0.2, workspace) == pytest.approx(expected, abs=1e-5)


def scored(body: str, scores: float):
    """A page's workspace with the same score for all blocks, its number of blocks and its best container."""
    raw = np.frombuffer(f"<html><body>{body}</body></html>".encode(), np.uint8)
    workspace = make_workspace(raw.size)
    n = read_page(raw, workspace)
    top = describe_page(workspace, load_selector().table)
    workspace.scores[:n] = scores
    return workspace, n, top


@pytest.mark.parametrize(
    ("around", "scores", "kept"),
    [
        ("article", -1.5, True),  # nothing passes: the best container's prose stays
        ("nav", -1.5, False),
        ("div class='comments'", -1.5, True),  # a thread without an article is the page
        ("article", -4.0, False),  # ruled out
    ],
)
def test_a_page_gives_no_less_than_its_best_container(around, scores, kept):
    body = f"<{around}>{''.join(f'<p>{sentence}</p>' for sentence in PROSE)}</{around.split()[0]}>"
    workspace, n, top = scored(body, scores)
    keep = np.zeros(n, np.uint8)
    choose_blocks(n, top, -0.2, workspace, keep)
    assert keep.tolist() == [kept] * len(PROSE)


def test_a_list_of_teasers_is_no_container_to_fall_back_on():
    teasers = "".join(f"<li><a href='/{n}'>{s}</a> {s[:25]}</li>" for n, s in enumerate(PROSE))
    workspace, n, top = scored(f"<div><ul>{teasers}</ul></div>", -1.5)
    keep = np.ones(n, np.uint8)
    choose_blocks(n, top, -0.2, workspace, keep)
    assert not keep.any()


def test_menus_get_no_lower_bar_on_pages_of_low_scores():
    prose = "".join(f"<p>{sentence}</p>" for sentence in PROSE)
    workspace, n, top = scored(f"<div role='navigation'><p>{PROSE[0]}</p></div><div>{prose}</div>", -0.8)
    keep = np.zeros(n, np.uint8)
    choose_blocks(n, top, -0.2, workspace, keep)
    assert keep.tolist() == [False] + [True] * len(PROSE)


@pytest.mark.parametrize("style", sorted(code_pages()))
def test_code_keeps_its_lines_and_indentation_however_it_is_highlighted(style):
    assert score_code(extract_text(code_pages()[style])) == (1.0, True)


@pytest.mark.parametrize("style", sorted(formula_pages()))
def test_formulas_are_kept_once_however_they_are_typeset(style):
    assert score_formulas(extract_text(formula_pages()[style])) == (1.0, True)


@pytest.mark.slow
@pytest.mark.timeout(1800)  # compiles every kernel with bounds checks first
def test_kernels_stay_within_their_arrays(tmp_path):
    fuzz = Path(__file__).with_name("fuzz_extract.py")
    root = fuzz.parents[2]
    path = os.pathsep.join([str(root), str(root / "classifiers" / "extraction"), *filter(None, sys.path)])
    environment = os.environ | {
        "NUMBA_BOUNDSCHECK": "1",
        "NUMBA_CACHE_DIR": str(tmp_path),
        "PYTHONPATH": path,
    }
    n_pages = "4000" if os.environ.get("CI") else "600"
    done = subprocess.run(
        [sys.executable, str(fuzz), n_pages], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_markdown_has_levels_numbers_tables_and_fences_and_plain_text_the_same_words():
    body = (
        "<h2>What dams do</h2><p>They hold back the silt, which fills the lake behind them in the course of the years.</p>"
        "<ol start='3'><li>The lake fills up over the years.<ul><li>First with water from the hills.</li></ul></li>"
        "<li>Then it fills up with silt.</li></ol>"
        "<table><tr><th>Place</th><th></th><th>Tonnes|year</th></tr><tr><td>Upper bridge</td><td>old</td><td>120,000</td></tr>"
        "<tr><td>Lower bridge</td><td></td><td>90,000</td></tr></table>"
        "<p>The program below adds up the silt of a year, month by month, and prints it at the end:</p>"
        "<pre><code class='language-Python'>total = 0\nfor month in year:\n    total += silt(month)\n</code></pre>"
    )
    marked = extract_text(page(body), text_format="markdown")
    assert "\n\n## What dams do\n\nThey hold back" in marked
    assert (
        "\n\n3. The lake fills up over the years.\n  - First with water from the hills.\n4. Then it fills up with silt.\n\n"
        in marked
    )
    assert (
        "\n\n| Place |  | Tonnes\\|year |\n| --- | --- | --- |\n| Upper bridge | old | 120,000 |\n| Lower bridge |  | 90,000 |\n\n"
        in marked
    )
    assert "\n\n```python\ntotal = 0\nfor month in year:\n    total += silt(month)\n```\n\n" in marked
    plain = extract_text(page(body))
    assert (
        "\n\n3. The lake fills up over the years.\n- First with water from the hills.\n4. Then it fills up with silt.\n"
        in plain
    )
    assert "\nPlace | | Tonnes|year\nUpper bridge | old | 120,000\nLower bridge | | 90,000\n\n" in plain
    assert "#" not in plain
    assert "`" not in plain


@pytest.mark.parametrize(
    ("attributes", "numbers"),
    [
        ("type='a'", ["a", "b", "c"]), ("type='A' start='26'", ["Z", "AA", "AB"]), ("type='i' start='8'", ["viii", "ix", "x"]),
        ("type='I' start='1944'", ["MCMXLIV", "MCMXLV", "MCMXLVI"]), ("reversed", ["3", "2", "1"]), ("type='i' start='0'", ["0", "i", "ii"]),
    ],
)  # fmt: skip
def test_items_are_numbered_as_their_list_says(attributes, numbers):
    items = [f"{sentence[:-1]} here" for sentence in PROSE[:3]]
    text = extract_text(page(f"<ol {attributes}>{''.join(f'<li>{item}' for item in items)}</ol>"))
    assert "\n".join(f"{number}. {item}" for number, item in zip(numbers, items, strict=True)) in text


def test_an_unknown_text_format_is_an_error():
    with pytest.raises(UnknownNameError, match="Did you mean 'markdown'"):
        extract_text("", text_format="markdwn")


def test_what_code_printed_is_kept_and_line_numbers_are_not():
    intro = (
        "<p>Typed at the prompt, the sum of the two loads is printed on the line below, as it should be:</p>"
    )
    text = extract_text(
        page(f"{intro}<pre>&gt;&gt;&gt; load(1) + load(2)</pre><pre>42</pre><pre>&gt;&gt;&gt; load(3)</pre>")
    )
    assert ">>> load(1) + load(2)\n\n42\n\n>>> load(3)" in text
    text = extract_text(page(f"{intro}<table><tr><td><pre>1\n2</pre><td><pre>load(1)\nload(2)</pre></table>"))
    assert "\n\nload(1)\nload(2)\n\n" in text
    assert "1\n2" not in text
