"""The address over a socket of this machine: the library's numbers, limits, counters, and who is let in."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip("uvicorn")
pytest.importorskip("prometheus_client")

from common import run_curate
from curate.scoring import load_scorer
from curate.serve.app import make_app
from curate.serve.settings import ServeSettings

TEXTS = ["Photosynthesis is how plants make sugar from light.", "Buy shoes now!", "", "half a pair \ud83d"]


@contextmanager
def serving(scorers, **settings):
    """The port of a server in a thread."""
    import uvicorn

    made = make_app(scorers, ServeSettings(port=0, **settings))
    server = uvicorn.Server(uvicorn.Config(made, log_level="error", lifespan="off", ws="none"))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]})
        thread.start()
        try:
            yield bound.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def ask(port, body, *, path="/score", method="POST", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        given = {"Content-Type": "application/json"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method, path, data, given)
        reply = connection.getresponse()
        return reply.status, reply.read().decode(), reply.headers
    finally:
        connection.close()


@pytest.fixture(scope="module")
def port():
    with serving([load_scorer("edu"), load_scorer("topic:Health")], max_texts=5, max_body_bytes=1000) as port:
        yield port


def test_the_answer_is_what_the_library_says(port):
    status, body, _ = ask(port, {"texts": [*TEXTS, None]})
    answer = json.loads(body)
    levels, scores = load_scorer("edu").score_levels(TEXTS)
    assert (status, answer["scorer"], answer["fingerprint"]) == (200, "edu", load_scorer("edu").fingerprint)
    np.testing.assert_array_equal(np.array(answer["scores"][:4], np.float32), scores)
    np.testing.assert_array_equal(np.array(answer["levels"][:4], np.float32), levels)
    assert answer["scores"][4] is answer["levels"][4] is answer["n_bytes_read"][4] is None
    assert answer["n_bytes_read"][1] == len(TEXTS[1])


def test_a_request_names_one_of_the_scorers(port):
    _, body, _ = ask(port, {"texts": TEXTS[:1], "scorer": "topic:Health"})
    found = np.array(json.loads(body)["scores"], np.float32)
    np.testing.assert_array_equal(found, load_scorer("topic:Health").score(TEXTS[:1]))
    assert "levels" not in json.loads(body)
    status, body, _ = ask(port, {"texts": [], "scorer": "edo"})
    assert (status, "edu, topic:Health" in body) == (404, True)
    assert json.loads(ask(port, {"texts": []})[1])["scores"] == []


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"{", 400, "no JSON"),
        (b"\xff\xfe", 400, "no JSON"),
        (b"[" * 900, 400, "no JSON"),
        ([1], 400, "a list of texts"),
        ({"texts": "one"}, 400, "a list of texts"),
        ({"texts": {"a": "b"}}, 400, "a list of texts"),
        ({"texts": [1]}, 400, "Texts must be strings; number 0 is of type int"),
        ({"texts": [["a"]]}, 400, "Texts must be strings"),
        ({"texts": [], "scorers": "edu"}, 400, "no more"),
        ({"texts": [], "scorer": 5}, 400, "no more"),
        ({"texts": ["a"] * 6}, 413, "may have 5 texts, not 6"),
        ({"texts": ["a" * 1000]}, 413, "may have 1000 bytes"),
    ],
)
def test_what_is_no_request_is_refused_in_a_line(port, body, status, message):
    found, answer, _ = ask(port, body)
    assert (found, message in json.loads(answer)["error"]) == (status, True), answer


def test_a_body_of_unknown_length_is_read_no_further_than_allowed(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    parts = (b" " * 400 for _ in range(4))
    connection.request("POST", "/score", parts, {"Content-Type": "application/json"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_page_in_a_browser_cannot_ask(port):
    assert ask(port, {"texts": []}, Content_Type="text/plain")[0] == 415
    assert ask(port, {"texts": []}, Content_Encoding="gzip")[0] == 415
    assert ask(port, {"texts": []}, Host="attacker.example")[0] == 400
    assert ask(port, None, method="GET")[0] == 405


def test_health_and_metrics_tell_what_was_done():
    with serving([load_scorer("edu")]) as port:
        status, body, _ = ask(port, None, path="/health", method="GET")
        assert (status, json.loads(body)["status"], json.loads(body)["scorers"]) == (200, "ok", ["edu"])
        ask(port, {"texts": TEXTS})
        ask(port, b"{")
        status, body, headers = ask(port, None, path="/metrics", method="GET")
        assert headers["Content-Type"].startswith("text/plain")
    assert 'curate_requests_total{status="200"} 1.0' in body
    assert 'curate_requests_total{status="400"} 1.0' in body
    assert 'curate_texts_total{scorer="edu"} 4.0' in body
    assert "curate_requests_waiting 0.0" in body
    assert "curate_score_seconds_count 1.0" in body


class Slow:
    name, fingerprint = "slow", "1"

    def __init__(self):
        self.begun, self.may_end = threading.Event(), threading.Event()

    def score(self, texts):
        self.begun.set()
        self.may_end.wait(60)
        return np.zeros(len(texts), np.float32)


def test_too_many_at_a_time_are_told_to_come_again():
    slow = Slow()
    with serving([slow], max_waiting=1) as port:
        found = []
        first = threading.Thread(target=lambda: found.append(ask(port, {"texts": ["a"]})[0]))
        first.start()
        assert slow.begun.wait(60)
        status, body, headers = ask(port, {"texts": ["b"]})
        assert (status, headers["Retry-After"]) == (503, "1"), body
        assert ask(port, None, path="/health", method="GET")[0] == 200
        slow.may_end.set()
        first.join()
        assert found == [200]
        assert ask(port, {"texts": ["b"]})[0] == 200


def test_the_command_serves_this_machine_alone_until_it_is_told_to_stop():
    command = [sys.executable, "-m", "curate", "serve", "--scorer", "edu", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            port = int(re.fullmatch(r"Serving edu at http://127\.0\.0\.1:(\d+)\n", line)[1])
            assert ask(port, {"texts": TEXTS[:1]})[0] == 200
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert "Traceback" not in errors, errors


def test_a_wrong_setting_or_a_port_in_use_ends_in_a_line():
    done = run_curate("serve", "--scorer", "edo")
    assert (done.returncode, "Did you mean 'edu'" in done.stderr) == (2, True)
    done = run_curate("serve", "--port", "70000")
    assert done.returncode == 2
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run_curate("serve", "--port", taken.getsockname()[1])
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "Name another --port" in done.stderr
