"""Texts that a run is judged on as it trains, and the page of its curves."""

import json
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from curate.errors import SettingError
from curate.results.training import render_training, write_training_report

torch = pytest.importorskip("torch")

SMALL = {
    "n_layers": 1,
    "width": 32,
    "n_heads": 2,
    "context": 16,
    "batch_windows": 2,
    "steps": 6,
    "warmup_steps": 1,
    "dtype": "float32",
    "eval_every": 2,
    "progress": False,
}


WORDS = "water river sea people built stone bridge light air plant cell energy".split()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    from curate.tokens import train_encoder, write_tokens

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 20)) for _ in range(60)]
    splits = {"train": {"web": texts[:50]}, "validation": {"web": texts[50:]}}
    return write_tokens(tmp_path_factory.mktemp("data") / "tokens", splits, train_encoder(texts, 300)).path


def lines_of(folder):
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_named_texts_are_judged_in_bits_per_byte_as_transformers_would_judge_them(tokens, tmp_path):
    from curate.train import export, train

    texts = [
        "water river",
        "stone bridge light",
    ]  # pieces shorter than the context, so that each is judged alone
    (tmp_path / "books.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    named = (f"books={tmp_path}/books.jsonl",)
    result = train(tokens, tmp_path / "run", eval_texts=named, **SMALL)
    judged = [line["bits_per_byte"] for line in lines_of(tmp_path / "run") if "bits_per_byte" in line]
    assert len(judged) == 3
    assert set(judged[0]) == {"all", "domain/all", "source/web", "text/books"}
    assert result.bits_per_byte == judged[-1]
    assert {line["stage"] for line in lines_of(tmp_path / "run")} == {"main"}

    transformers = pytest.importorskip("transformers")
    export(tmp_path / "run", tmp_path / "theirs")
    model = transformers.PhiForCausalLM.from_pretrained(tmp_path / "theirs", torch_dtype=torch.float32)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "theirs")
    nats = 0.0
    with torch.no_grad():
        for text in texts:
            ids = [
                *tokenizer(text)["input_ids"],
                0,
            ]  # begins with the end token, as in training; 0 ends the text
            logits = model(torch.tensor([ids])).logits[0].log_softmax(-1)
            nats -= sum(logits[i, ids[i + 1]].item() for i in range(len(ids) - 1))
    n_bytes = sum(len(text.encode()) for text in texts)
    assert result.bits_per_byte["text/books"] == pytest.approx(nats / math.log(2) / n_bytes, rel=1e-4)


def test_named_texts_change_nothing_in_the_weights(tokens, tmp_path):
    from curate.train import train

    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "water river sea " * 40}) + "\n")
    for name, texts in (("with", (f"a={tmp_path}/a.jsonl",)), ("without", ())):
        train(tokens, tmp_path / name, eval_texts=texts, **SMALL)
    losses = [[line["loss"] for line in lines_of(tmp_path / name)] for name in ("with", "without")]
    assert losses[0] == losses[1]


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("books", "is not NAME=PATH"),
        ("books=none.jsonl", "does not exist"),
        ("a={here}/empty.jsonl", "holds no text"),
    ],
)
def test_a_named_text_that_cannot_be_read_is_said_before_the_first_step(tokens, tmp_path, named, message):
    from curate.train import train

    (tmp_path / "empty.jsonl").write_text("")
    with pytest.raises(SettingError, match=message):
        train(tokens, tmp_path / "run", eval_texts=(named.format(here=tmp_path),), **SMALL)
    assert not (tmp_path / "run" / "metrics.jsonl").exists()


def steps(n, names=("all", "text/books")):
    for i in range(1, n + 1):
        yield {
            "step": i,
            "loss": 5.0 - i / n,
            "learning_rate": 1e-3,
            "stage": "base" if i <= n // 2 else "<last>",
            "passes": {"web": i / n},
        } | ({"bits_per_byte": dict.fromkeys(names, 2.0 - i / n)} if i % 10 == 0 else {})


def test_the_page_shows_curves_stages_and_what_was_judged_and_loads_nothing():
    page = render_training(list(steps(1000)), "run & co")
    assert "run &amp; co" in page
    assert "&lt;last&gt;" in page
    assert "<last>" not in page
    for told in ("501 to 1,000", "text/books", "web 1.00", "Step 1,000: loss 4.0000", "mean of 5 steps"):
        assert told in page
    assert "http" not in page.replace("http-equiv", "")
    assert "<script" not in page
    for svg in page.split("<svg")[1:]:
        ET.fromstring("<svg" + svg.split("</svg>")[0] + "</svg>")


@pytest.mark.parametrize("n", [1, 2, 239, 240, 241])
def test_every_number_of_steps_makes_a_page(n):
    page = render_training(list(steps(n)), "run")
    assert f"Step {n:,}" in page
    assert "nan" not in page


def test_a_run_at_work_has_a_page_and_half_a_line_is_no_step(tmp_path):
    lines = [json.dumps(step) for step in steps(20)]
    (tmp_path / "metrics.jsonl").write_text("\n".join(lines) + '\n{"step": 21, "lo')
    path = write_training_report(tmp_path)
    assert "Step 20" in path.read_text()
    first = path.read_bytes()
    assert write_training_report(tmp_path).read_bytes() == first
    (tmp_path / "metrics.jsonl").write_text("")
    with pytest.raises(SettingError, match="no step of a training run yet"):
        write_training_report(tmp_path)


def test_a_curve_of_many_steps_keeps_its_least_and_most():
    rng = np.random.default_rng(0)
    some = [
        step | {"loss": float(loss)} for step, loss in zip(steps(5000), rng.uniform(1, 9, 5000), strict=True)
    ]
    from curate.results.training import _points

    points = _points(some, "loss")
    assert len(points) <= 240
    assert min(point.low for point in points) == min(step["loss"] for step in some)
    assert max(point.high for point in points) == max(step["loss"] for step in some)
