"""The report of a finished run: its numbers are the run's, and nothing from the crawl can act in it."""

import base64
import hashlib
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import curate
from common import EXAMPLE_CRAWL, run_curate
from curate.bundled import classifiers_folder
from curate.errors import SettingError
from curate.results.compare import compare_runs
from curate.results.html import compare_words, render_page
from curate.results.overview import read_overview
from curate.results.page import bar, fill_page
from curate.run.funnel import Funnel, Tally

HOSTILE = '\u202e{{title}}<script>alert("x")</script><img src=x onerror=alert(1)> & </blockquote>'


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.opened: list[str] = []
        self.attributes: set[str] = set()
        self.targets: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.opened.append(tag)
        self.attributes.update(name for name, _ in attrs)
        self.targets += [value or "" for name, value in attrs if name == "href"]
        self.ids.update(value or "" for name, value in attrs if name == "id")


def tags_of(page: str) -> _Tags:
    found = _Tags()
    found.feed(page)
    return found


def test_the_numbers_are_those_of_the_run(curated: Path) -> None:
    overview, funnel = read_overview(curated), read_overview(curated).funnel
    scores = [
        *pq.read_table(curated / "kept")["edu_score"].to_pylist(),
        *pq.read_table(curated / "dropped")["edu_score"].drop_null().to_pylist(),
    ]
    assert sum(overview.histogram) == len(scores) == funnel.n_scored
    assert overview.histogram[-1] == sum(score >= 0.98 for score in scores)
    assert sum(group.n_kept for group in overview.lengths) == funnel.kept.n_documents
    assert sum(group.n_read for group in overview.sites.largest) <= funnel.read.n_documents
    whole = pq.read_table(curated / "kept")["text"].to_pylist()
    assert sum(group.n_kept_bytes for group in overview.lengths) == sum(len(text.encode()) for text in whole)
    kept_bytes = sum(n for n, low in zip(overview.text_bytes, range(50), strict=True) if low >= 25)
    assert kept_bytes == funnel.kept.n_text_bytes  # the cut of .5 is the edge of a bin


def test_every_reason_has_examples_of_its_own(curated: Path) -> None:
    overview = read_overview(curated)
    for (_, reason), examples in overview.reasons.items():
        assert examples, reason
        assert {each.reason for each in examples} == {reason}
    assert {key[1] for key in overview.reasons} == {reason for _, reason, _ in overview.funnel.reasons()}


def test_examples_stand_on_rungs_over_the_whole_range(curated: Path) -> None:
    ladder = read_overview(curated).ladder
    assert len(ladder) > 2
    for rung, example in ladder:
        assert example.score == pytest.approx(rung, abs=0.1)


def test_the_command_writes_the_same_page_again_and_it_loads_nothing(curated: Path, tmp_path: Path) -> None:
    done = run_curate("report", curated, "--to", tmp_path / "one.html")
    assert done.returncode == 0, done.stderr
    assert "holds texts and addresses" in done.stdout
    curate.write_report(curated, tmp_path / "two.html")
    page = (tmp_path / "one.html").read_text()
    assert page == (tmp_path / "two.html").read_text()
    tags = tags_of(page)
    assert not {"link", "img", "iframe", "object"} & set(tags.opened)
    assert tags.opened.count("script") == 1
    assert not {"src", "onerror", "onload", "onclick"} & tags.attributes
    assert all(target.startswith("#") for target in tags.targets)
    assert {target[1:] for target in tags.targets} <= tags.ids
    assert "url(" not in page.split("</style>")[0]


def test_the_browser_runs_no_script_but_ours(curated: Path) -> None:
    page = render_page(read_overview(curated), "out")
    script = page.split("<script>")[1].split("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_text_of_the_crawl_is_shown_and_never_markup(tmp_path: Path) -> None:
    rows = [{"id": HOSTILE, "url": f"https://a.example/{HOSTILE}", "title": HOSTILE, "text": HOSTILE * 5}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", language=["any"], rules=[], threshold=0.0,
        workers=1, progress=False,
    )  # fmt: skip
    page = render_page(read_overview(tmp_path / "out"), HOSTILE)
    assert "&lt;script&gt;" in page
    tags = tags_of(page)
    assert "img" not in tags.opened
    assert tags.opened.count("script") == 1
    assert "\u202e" not in page


def test_a_run_without_scores_has_a_report_too(tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", scorer="none", workers=1, progress=False)
    overview = read_overview(tmp_path / "out")
    assert (overview.histogram, overview.ladder) == ([], [])
    assert "What a threshold means" not in curate.write_report(tmp_path / "out").read_text()


def test_another_cut_takes_the_old_report_away(tmp_path: Path) -> None:
    curate.filter_crawl(str(EXAMPLE_CRAWL), tmp_path / "out", workers=1, progress=False)
    report = curate.write_report(tmp_path / "out")
    assert report == tmp_path / "out" / "report.html"
    curate.rethreshold(tmp_path / "out", threshold=0.1)
    assert not report.exists()


def test_a_folder_without_a_finished_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no finished run"):
        read_overview(tmp_path)


# ---- what is told of rules, duplicates and lines ---------------------------------------------------------


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages of one rule file with two rules, one line rule, copies, and no score."""
    folder = tmp_path_factory.mktemp("strict")
    (folder / "own.toml").write_text(
        'name = "own"\nversion = "1"\n\n[[rules]]\nreason = "own_words"\nsignal = "n_words"\nlow = 20\nhard = true\n\n'
        '[[rules]]\nreason = "own_lines"\nsignal = "n_lines"\nlow = 2\nhard = true\n'
    )
    long = " ".join(f"word{n} and" for n in range(40))
    texts = [
        "few words",
        "few words\nin lines",
        long,
        f"{long}\n{long}.",
        f"{long}\n{long}.",
        f"{long} other\n{long}.",
    ]
    rows = [
        {"id": f"d{n}", "url": f"https://www.s{n % 2}.example/{n}", "text": text}
        for n, text in enumerate(texts)
    ]
    (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    curate.filter_crawl(
        str(folder / "in.jsonl"), folder / "out", rules=[str(folder / "own.toml")], language=["any"],
        scorer="none", workers=1, progress=False,
    )  # fmt: skip
    return folder / "out"


def test_a_rule_is_counted_first_in_all_and_alone(strict: Path) -> None:
    rules = {rule.reason: rule for rule in read_overview(strict).rules}
    words, lines = rules["own_words"], rules["own_lines"]
    assert (words.n_first, words.n_failing, words.n_alone) == (2, 2, 1)
    assert (lines.n_first, lines.n_failing, lines.n_alone) == (1, 2, 1)


def test_duplicates_are_shown_in_pairs_with_what_differs(strict: Path) -> None:
    found = read_overview(strict).duplicates
    assert (found.n_groups, found.n_groups_kept) == (1, 1)
    assert sum(n for *_, n in found.bins) == 2
    copy, twin, jaccard = found.pairs[0]
    assert copy.reason == "near_duplicate"
    assert twin.reason is None
    assert 0.8 <= jaccard < 1
    assert compare_words("a b c", "a x c") == ("a <del>b</del> c", "a <ins>x</ins> c")
    assert compare_words("<b>", "<i>") == ("<del>&lt;b&gt;</del>", "<ins>&lt;i&gt;</ins>")


def test_sites_are_those_that_fill_what_is_kept(strict: Path) -> None:
    sites = read_overview(strict).sites
    assert {site.name for site in (*sites.largest, *sites.lost)} == {"s0.example", "s1.example"}
    assert all(site.n_kept for site in sites.largest)
    assert not any(site.n_kept for site in sites.lost)


def test_lines_taken_out_are_told_in_funnel_report_and_explain(tmp_path: Path) -> None:
    sentence = "The light of the sun is taken up by the leaves of the plant, which make sugar of it."
    other = "The sugar that the leaves have made goes to the roots and to the fruits of the same plant."
    text = "\n".join(
        [
            *[sentence + f" It is the {n}th time that this is said here." for n in range(4)],
            other,
            "Materials",
            "Water",
        ]
    )
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": "one", "text": text}) + "\n")
    funnel = curate.filter_crawl(
        str(tmp_path / "in.jsonl"), tmp_path / "out", rules=["c4"], threshold=0.0, workers=1, progress=False
    )
    assert funnel.kept.n_documents == 1
    assert sum(funnel.lines_removed.values()) == 2
    lost = read_overview(tmp_path / "out").shortened
    assert (lost.n_documents, lost.n_kept, sum(lost.kept_lines.values())) == (1, 1, 2)
    (story,) = curate.explain(tmp_path / "out", "one")
    assert sum(story.lines_removed.values()) == 2
    assert (
        "lines     2 taken out before the text below" in run_curate("explain", tmp_path / "out", "one").stdout
    )
    assert "1 of the 1 kept ones lost 2" in curate.write_report(tmp_path / "out").read_text()
    again = curate.rethreshold(tmp_path / "out", threshold=0.0)
    assert again.lines_removed == funnel.lines_removed


def test_the_meaning_of_a_threshold_is_the_classifiers_own_figures(curated: Path) -> None:
    metrics = json.loads((classifiers_folder() / "edu" / "metrics.json").read_text())
    ours = {meaning.threshold: meaning for meaning in read_overview(curated).meanings}
    for theirs in metrics["thresholds"]:
        if theirs["keep_rate"]:
            meaning = ours[theirs["threshold"]]
            assert meaning.precision[0] == pytest.approx(theirs["precision"])
            assert meaning.recall[0] == pytest.approx(theirs["recall"])
            assert meaning.precision[1] <= theirs["precision"] <= meaning.precision[2]


# ---- how it looks ----------------------------------------------------------------------------------------


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """The contrast of two colours as WCAG 2 defines it, 1 to 21."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_texts_and_bars_have_contrast_by_day_by_night_and_in_print() -> None:
    style = fill_page("", "").split("<style>")[1].split("</style>")[0]
    palettes = [
        dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", root)) for root in re.findall(r":root \{[^}]*\}", style)
    ]
    palettes = [palette for palette in palettes if palette]
    assert len(palettes) == 3
    for palette in palettes:
        for ink in ("ink", "soft", "mark", "loss", "keep"):
            assert contrast(palette[ink], palette["page"]) >= 4.5, ink
        for ink in ("ink", "soft", "mark"):
            assert contrast(palette[ink], palette["panel"]) >= 4.5, ink
        for mark in ("gained", "lost"):
            assert contrast(palette["ink"], palette[mark]) >= 4.5, mark
        assert contrast(palette["keep"], palette["drop"]) >= 3
    assert "print-color-adjust: exact" in style
    assert "forced-color-adjust: none" in style


def test_kept_and_dropped_differ_by_more_than_colour(curated: Path) -> None:
    assert '<path class="hatch"' in bar(0.5, kept=False)
    assert "hatch" not in bar(0.5, kept=True)
    page = render_page(read_overview(curated), "out")
    assert '<span class="key yes">kept</span>' in page
    assert '<span class="key no">dropped</span>' in page


@pytest.fixture
def browser(tmp_path: Path):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("there is no Chromium with its driver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    for flag in [*flags, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_the_report_works_in_a_browser_at_every_width_and_in_print(
    browser, curated: Path, tmp_path: Path
) -> None:
    path = curate.write_report(curated, tmp_path / "report.html")
    for width in (390, 820, 1400):
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.get(path.as_uri())
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    ask = browser.execute_script
    ask("const s = document.getElementById('cut-slider'); s.value = 10; s.dispatchEvent(new Event('input'))")
    n_kept = sum(read_overview(curated).histogram[10:])
    assert ask("return document.getElementById('cut-told').textContent").startswith(f"{n_kept} of ")
    assert ask("return document.getElementById('cut-command').textContent").endswith("--threshold 0.20")
    ask("const f = document.getElementById('find'); f.value = 'zzzz'; f.dispatchEvent(new Event('input'))")
    assert ask("return [...document.querySelectorAll('#examples details')].every((each) => each.hidden)")
    ask("dispatchEvent(new Event('beforeprint'))")
    assert ask("return document.querySelectorAll('details:not([open])').length") == 0
    ask("dispatchEvent(new Event('afterprint'))")
    assert ask("return document.querySelectorAll('details[open]').length") == 0
    assert browser.get_log("browser") == []


# ---- two runs --------------------------------------------------------------------------------------------


def test_two_runs_are_compared_by_what_each_keeps(curated: Path, tmp_path: Path) -> None:
    curate.filter_crawl(
        str(EXAMPLE_CRAWL), tmp_path / "other", rules=[], threshold=0.05, workers=1, progress=False
    )
    found = compare_runs(curated, tmp_path / "other")
    ours, theirs = (
        set(pq.read_table(run / "kept")["id"].to_pylist()) for run in (curated, tmp_path / "other")
    )
    assert found.both.n_documents == len(ours & theirs)
    assert [part.n_documents for part in found.only] == [len(ours - theirs), len(theirs - ours)]
    assert sum(n for _, n in found.only[1].why) == len(theirs - ours) > 0
    assert {key for key, *_ in found.settings} >= {"rules", "threshold"}
    assert {each["id"] for each in found.only[1].examples} <= theirs - ours
    done = run_curate("report", curated, tmp_path / "other", "--to", tmp_path / "two.html")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "two.html").read_text()
    assert f"only {tmp_path / 'other'} keeps {len(theirs - ours)} " in page
    assert "script" not in tags_of(page).opened
    same = compare_runs(curated, curated)
    assert [part.n_documents for part in same.only] == [0, 0]
    assert same.settings == same.sites == []


def test_results_have_tables_of_their_own_in_a_notebook(curated: Path) -> None:
    overview = read_overview(curated)
    for shown in (overview.funnel, overview, curate.explain(curated, reason="kept", sample=1)[0]):
        page = shown._repr_html_()
        assert page.startswith(("<table>", "<pre"))
    assert "below_threshold" in overview.funnel._repr_html_()
    assert "<b>" not in Funnel(dropped={("read", "<b>"): Tally(1, 1)})._repr_html_()
