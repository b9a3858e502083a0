"""The review page: over HTTP, and in a real browser where there is one."""

from __future__ import annotations

import http.client
import json
import shutil
import urllib.error
import urllib.request

import pytest

from curate.annotate import read_labels
from curate.annotate.labels import append_label, write_labels
from curate.annotate.review import ReviewServer
from curate.errors import SettingError

HOSTILE = '<script>document.title = "taken"</script> & "quotes" <img src=x onerror="document.title=1">'
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --window-size=1000,800"
).split()


def label(number, level, **others):
    row = {"id": f"p{number}", "url": f"http://example.org/{number}", "text": f"Text of page {number}. " * 30}
    row |= {
        "edu_level": level,
        "reason": f"model says {level}",
        "annotator": "model",
        "prompt": "edu/1@0",
        "window_chars": 100,
        "draw": 0,
    }
    return row | others


@pytest.fixture
def labels(tmp_path):
    path = tmp_path / "labels.jsonl"
    write_labels(
        path,
        [
            label(0, 1),
            label(1, 4),
            label(2, None, problem="refused", reason=""),
            label(3, 2, text=HOSTILE, reason=HOSTILE),
        ],
    )
    return path


def ask(server, path, body=None, *, token=None, host=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    headers = {
        "X-Review-Token": server.token if token is None else token,
        "Host": host or f"127.0.0.1:{server.port}",
    }
    connection.request(
        "POST" if body is not None else "GET", path, None if body is None else json.dumps(body), headers
    )
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, data


def test_a_correction_stands_beside_the_label_of_the_model(labels):
    before = labels.read_bytes()
    with ReviewServer(labels, annotator="Kim") as server:
        status, _ = ask(server, "/label", {"number": 1, "level": 2, "reason": "mostly  adverts"})
    assert status == 200
    assert labels.read_bytes().startswith(before)
    added = read_labels(labels)[-1]
    assert (added["id"], added["edu_level"], added["annotator"]) == ("p1", 2, "human:Kim")
    assert added["reason"] == "mostly adverts"
    assert added["corrects"] == [{"annotator": "model", "level": 4.0}]


def test_corrections_survive_a_later_annotation_run(labels):
    with ReviewServer(labels) as server:
        ask(server, "/label", {"number": 0, "level": 5, "reason": ""})
    write_labels(labels, [label(0, 1), label(1, 3)])
    rows = read_labels(labels)
    assert [(row["id"], row["edu_level"], row["annotator"]) for row in rows] == [
        ("p0", 1, "model"), ("p1", 3, "model"), ("p2", None, "model"), ("p3", 2, "model"), ("p0", 5, "human")
    ]  # fmt: skip


def test_the_same_person_may_change_their_mind_and_the_last_word_is_shown(labels):
    with ReviewServer(labels) as server:
        for level in (3, 0):
            ask(server, "/label", {"number": 0, "level": level, "reason": ""})
        shown = json.loads(ask(server, "/page?number=0")[1])
    assert shown["human_level"] == 0
    assert [row["edu_level"] for row in read_labels(labels) if row["id"] == "p0"] == [1, 3, 0]


@pytest.mark.parametrize(
    "body",
    [{}, [], {"number": 99, "level": 1}, {"number": 0, "level": 6}, {"number": 0, "level": -1}, {"number": 0, "level": 1.5},
     {"number": 0, "level": True}, {"number": "0", "level": 1}, {"number": 0, "level": 1, "reason": 3}],
)  # fmt: skip
def test_what_is_no_label_is_not_written(labels, body):
    before = labels.read_bytes()
    with ReviewServer(labels) as server:
        assert ask(server, "/label", body)[0] == 400
    assert labels.read_bytes() == before


def test_other_sites_can_neither_read_nor_write(labels):
    before = labels.read_bytes()
    with ReviewServer(labels) as server:
        assert ask(server, "/label", {"number": 0, "level": 1, "reason": ""}, token="guess")[0] == 403
        assert ask(server, "/page?number=0", token="guess")[0] == 403
        assert ask(server, "/", host=f"evil.example:{server.port}")[0] == 403
        assert ask(server, "/label", {"number": 0, "level": 1}, host="evil.example")[0] == 403
    assert labels.read_bytes() == before


def test_the_page_brings_nothing_from_elsewhere(labels):
    with ReviewServer(labels) as server, urllib.request.urlopen(server.url, timeout=10) as response:
        html = response.read().decode()
        policy = response.headers["Content-Security-Policy"]
    assert "http://" not in html
    assert "https://" not in html
    assert policy.startswith("default-src 'none'")


def test_a_line_that_a_crash_left_unfinished_is_cut_before_the_next_is_added(labels):
    whole = labels.read_bytes()
    labels.write_bytes(whole + b'{"id": "p9", "text": "unfin')
    assert len(read_labels(labels)) == 4
    append_label(labels, label(7, 1))
    assert labels.read_bytes().startswith(whole)
    assert [row["id"] for row in read_labels(labels)] == ["p0", "p1", "p2", "p3", "p7"]


def test_a_last_line_without_newline_is_kept(labels):
    labels.write_bytes(labels.read_bytes().rstrip(b"\n"))
    append_label(labels, label(7, 1))
    assert [row["id"] for row in read_labels(labels)] == ["p0", "p1", "p2", "p3", "p7"]


def test_bad_settings_of_a_review_are_one_line(labels, tmp_path):
    with pytest.raises(SettingError, match="cannot be read"):
        ReviewServer(tmp_path / "none.jsonl")
    with pytest.raises(SettingError, match="low"):
        ReviewServer(labels, low=5, high=1)
    with pytest.raises(SettingError, match="name"):
        ReviewServer(labels, annotator="\n")


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    binary = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not binary or not driver:
        pytest.skip("there is no Chromium with its driver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    chrome = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield chrome
    chrome.quit()


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_person_reviews_with_the_keyboard_alone_in_a_real_browser(labels, browser):
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    from selenium.webdriver.support.wait import WebDriverWait

    def body():
        return browser.find_element(By.TAG_NAME, "body")

    def wait_for(number):
        WebDriverWait(browser, 20).until(lambda b: body().get_attribute("data-number") == str(number))

    def text(name):
        return browser.find_element(By.ID, name).text

    with ReviewServer(labels, annotator="Kim") as server:
        browser.get(server.url)
        wait_for(0)
        assert text("place") == "Page 1 of 4"
        assert "1 · model · model says 1" in text("labels")
        assert text("window").startswith("Text of page 0.")
        body().send_keys(Keys.ENTER)  # agree
        wait_for(1)
        body().send_keys("r")
        reason = browser.switch_to.active_element
        assert reason.get_attribute("id") == "reason"
        reason.send_keys("jk 4 reasons")  # keys are letters here, not commands
        reason.send_keys(Keys.ESCAPE)
        body().send_keys("2")
        wait_for(2)
        assert "refused · model" in text("labels")
        body().send_keys(Keys.ENTER)  # nothing to agree with
        WebDriverWait(browser, 20).until(lambda b: "no level to agree with" in text("notice"))
        body().send_keys("j")
        wait_for(3)
        assert text("window") == HOSTILE.strip()
        assert browser.title == "Review labels"
        body().send_keys("9")  # not on the scale
        body().send_keys("k")
        wait_for(2)
        body().send_keys(Keys.ARROW_LEFT)
        wait_for(1)
        body().send_keys("n")  # the next that is open
        wait_for(2)
        assert text("done") == "2 with a human label"
        browser.find_elements(By.CSS_SELECTOR, "#levels button")[3].click()
        wait_for(3)
        assert [e for e in browser.get_log("browser") if "favicon" not in e["message"]] == []
    human = [
        (row["id"], row["edu_level"], row["reason"])
        for row in read_labels(labels)
        if row["annotator"] == "human:Kim"
    ]
    assert human == [("p0", 1, ""), ("p1", 2, "jk 4 reasons"), ("p2", 3, "")]
