"""Scorers side by side: quality on pages that none was fitted on, and documents per CPU second.

All are fitted on the same annotated pages, `edu_val` left out (MiniLM on 1,000 of them), and measured on it.
The time is of scoring Arrow strings (the peers take Python strings, made beforehand and not counted), one
thread, in turns. "curate edu" is the bundled recipe fitted without `edu_val`; the bundled weights saw it.

By domain stands what the fit of the bundled weights measured out of fold: no page by a fit that saw its site, package
or book. Textbooks that neither was fitted on are scored by the bundled weights. The published FineWeb-Edu classifier
cannot be run here: no package holds its weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.harness import DATA, RESULTS, ROOT, Spent, alternate, measured, read_jsonl

Predict = Callable[[list[str]], np.ndarray]
Known = dict[str, np.ndarray]


def run(args: list[str]) -> dict[str, Any]:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scoring")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--encoder-pages", type=int, default=200, help="pages that the encoder is timed on")
    parser.add_argument("--no-encoder", action="store_true")
    parser.add_argument(
        "--only-bundled",
        action="store_true",
        help="the bundled weights alone: by domain, on other textbooks, their speed; no peer, and nothing is fitted",
    )
    options = parser.parse_args(args)
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    from classifiers.recipe.bundled_pages import read_edu

    if options.only_bundled:
        return _bundled(options.rounds) | {"beside_peers": _earlier()}
    fit, test = read_edu(DATA).without_val(), _read_test()
    texts, levels = [row["text"] for row in test], np.array([row["edu_level"] for row in test], float)
    timed = [row["text"] for row in read_jsonl(DATA / "annotations" / "edu_student_scored.jsonl.gz")]
    known = _known_classes(fit)
    scorers, fit_s = _fit_all(fit, known, encoder=not options.no_encoder)
    contenders: dict[str, Callable[[], Spent]] = {}
    n_timed: dict[str, int] = {}
    for name, predict in scorers.items():
        n_timed[name] = options.encoder_pages if "MiniLM" in name else len(timed)
        sample = timed[: n_timed[name]]
        batch = pa.array(sample) if name.startswith("curate edu") else sample
        predict(batch[:8])
        contenders[name] = lambda predict=predict, batch=batch: _spend(predict, batch)
    spent = alternate(contenders, options.rounds)
    rows = [
        _row(name, spent[name], timed[: n_timed[name]], predict(texts), levels)
        | {"fit_s": round(fit_s[name], 1)}
        for name, predict in scorers.items()
    ]
    ours = rows[0]["documents_per_cpu_s"]
    for row in rows:
        row["curate_is_faster_by"] = round(ours / row["documents_per_cpu_s"], 1)
    _plot(rows, ROOT / "docs" / "img" / "scoring.png")
    return {
        "settings": {"rounds": options.rounds, "threads": 1, "fitted_on": len(fit), "tested_on": len(test)},
        "documents": len(timed),
        "bytes": sum(len(text.encode()) for text in timed),
        "start": _measure_start(),
        "artefact_bytes": _artefact_bytes(),
        "rows": rows,
        **_bundled(options.rounds),
        "learning_curve": _learning_curve(fit, known, texts, levels),
    }


def _bundled(n_rounds: int) -> dict[str, Any]:
    """Quality and speed of the bundled weights."""
    timed = [row["text"] for row in read_jsonl(DATA / "annotations" / "edu_student_scored.jsonl.gz")]
    spent = alternate(_both_scorers(timed), n_rounds)
    return {
        "library_call": _measure_call(),
        "bundled_documents_per_cpu_s": {
            name: round(len(timed) / float(np.median([s.cpu_s for s in times])), 1)
            for name, times in spent.items()
        },
        "second_scorer_costs_more_by": _second_scorer(spent),
        "domains": _domains(),
        "textbooks_not_fitted_on": _score_textbooks(),
    }


def _earlier() -> dict[str, Any]:
    """The last comparison with peers, with its own commit."""
    found = json.loads((RESULTS / "scoring.json").read_text("utf-8"))
    return found.get("beside_peers", found)


def _measure_call() -> dict[str, float]:
    """CPU seconds of one library call on a list of str in a fresh process, start-up included; numba's cache is filled."""
    code = (
        "import sys, json, gzip, time\n"
        "texts = [json.loads(line)['text'] for name in sys.argv[1:] for line in gzip.open(name, 'rt', encoding='utf-8')]\n"
        "began = time.process_time()\n"
        "import curate\n"
        "curate.load_scorer('edu').score(texts)\n"
        "print(json.dumps({'documents': len(texts), 'bytes': sum(len(t.encode()) for t in texts), "
        "'cpu_s': time.process_time() - began}))\n"
    )
    names = sorted(str(path) for path in (DATA / "web").glob("weborganizer-*.jsonl.gz"))
    runs = [json.loads(subprocess.check_output([sys.executable, "-c", code, *names])) for _ in range(3)]
    best = min(runs, key=lambda run: run["cpu_s"])
    return best | {"documents_per_cpu_s": round(best["documents"] / best["cpu_s"], 1)}


_TEST_BOOKS = ("calculus", "world-history", "business-ethics", "microbiology")


def _domains() -> dict[str, Any]:
    """What the fit of the bundled weights measured of both scorers by domain, out of fold; and the strictness it found."""
    from curate.bundled import classifiers_folder

    metrics = {
        name: json.loads((classifiers_folder() / name / "metrics.json").read_text("utf-8"))
        for name in ("edu", "quality")
    }
    found: dict[str, Any] = {
        name: {
            "domains": each["by_domain"],
            "beside_readers": each["beside_readers"],
            "strictness": each["strictness"]["annotators"],
        }
        for name, each in metrics.items()
    }
    figures = [
        {"scorer": name, "pages": pages}
        | {what: measured_on[what] for what in _FIGURES}
        | {"average_precision_3": measured_on["average_precision"]["3"]}
        for name, pages, measured_on in (
            ("edu", "cross-validated", metrics["edu"]),
            ("edu", "edu_val, not fitted on", metrics["edu"]["held_out"]),
            ("quality", "cross-validated", metrics["quality"]),
        )
    ]
    return found | {
        "figures": figures,
        "rates_by_topic": metrics["edu"]["rates_by_topic"],
        "quality_beside_edu": metrics["quality"]["beside_edu"],
    }


_FIGURES = ("n_pages", "spearman", "macro_f1", "calibration_error", "calibration_error_if_perfect")


def _score_textbooks() -> dict[str, dict[str, float]]:
    """Score the modules of textbooks that were left out of every fit, with the bundled weights."""
    from curate.extract import extract_text
    from curate.scoring import load_scorer

    found: dict[str, dict[str, float]] = {}
    for book in _TEST_BOOKS:
        texts = [
            extract_text(row["html"]) for row in read_jsonl(DATA / "textbooks" / f"{book}.html.jsonl.gz")
        ]
        found[book] = {"n_modules": len(texts)}
        for name in ("edu", "quality"):
            scores = load_scorer(name).score(texts)
            found[book][f"{name}_at_half_or_more"] = round(float((scores >= 0.5).mean()), 3)
    return found


def _both_scorers(timed: list[str]) -> dict[str, Callable[[], Spent]]:
    """Time the bundled `edu`, and `edu` with `quality` on what it has computed of the pages."""
    from curate.scoring import load_scorer
    from curate.scoring.features import Pages

    batch = pa.array(timed, pa.large_string())
    scorers = [load_scorer(name) for name in ("edu", "quality")]

    def spend(n: int, texts: pa.Array) -> Spent:
        with measured() as spent:
            for start in range(0, len(texts), 2048):
                pages = Pages(texts.slice(start, 2048), scorers[0].window_bytes)
                for scorer in scorers[:n]:
                    scorer.predict_raw(pages)
        return spent

    spend(2, batch.slice(0, 8))
    return {"bundled edu": lambda: spend(1, batch), "bundled edu and quality": lambda: spend(2, batch)}


def _second_scorer(spent: dict[str, list[Spent]]) -> float:
    one, two = (
        float(np.median([s.cpu_s for s in spent[name]]))
        for name in ("bundled edu", "bundled edu and quality")
    )
    return round(two / one - 1, 3)


def _read_test() -> list[dict[str, Any]]:
    return read_jsonl(DATA / "annotations" / "edu_val.jsonl.gz")


def _spend(predict: Predict, batch: Any) -> Spent:
    with measured() as spent:
        predict(batch)
    return spent


def _row(
    name: str, spent: list[Spent], timed: list[str], predicted: np.ndarray, levels: np.ndarray
) -> dict[str, Any]:
    cpu_s = float(np.median([s.cpu_s for s in spent]))
    return {
        "name": name,
        "cpu_s": [round(s.cpu_s, 3) for s in spent],
        "documents_per_cpu_s": round(len(timed) / cpu_s, 1),
        "mb_per_cpu_s": round(sum(len(t.encode()) for t in timed) / 1e6 / cpu_s, 3),
        **_quality(predicted, levels),
    }


def _quality(predicted: np.ndarray, levels: np.ndarray) -> dict[str, dict[str, float]]:
    from curate.fit.metrics import average_precision, bootstrap, spearman

    n, ones, truth = len(levels), np.ones(len(levels)), levels >= 3
    ap = bootstrap(lambda r: average_precision(predicted[r], truth[r], ones[r]), n, 0)
    ranks = bootstrap(lambda r: spearman(predicted[r], levels[r], ones[r]), n, 0)
    return {
        "average_precision": {k: round(v, 3) for k, v in ap.items()},
        "spearman": {k: round(v, 3) for k, v in ranks.items()},
    }


def _learning_curve(fit: Any, known: Known, texts: list[str], levels: np.ndarray) -> list[dict[str, Any]]:
    """Fit on ever more readings by large models, drawn once; at last on all pages."""
    from classifiers.recipe.bundled_pages import BOOK_LABELS

    student, weak = "fineweb-edu-classifier", BOOK_LABELS
    by_llm = np.flatnonzero([student not in name and name != weak for name in fit.annotators])
    drawn = np.random.default_rng(0).permutation(by_llm)
    rows = [drawn[:n] for n in (400, 850, 1700, len(drawn))] + [np.arange(len(fit))]
    curve = []
    for taken in rows:
        predict = _fit_ours(fit.take(taken), {name: columns[taken] for name, columns in known.items()})
        curve.append({"n_pages": len(taken), **_quality(predict(texts), levels)})
    return curve


def _artefact_bytes() -> int:
    """What `edu` needs in the wheel."""
    from curate.bundled import classifiers_folder

    names = ("static", "lsa", "topic", "format", "edu")
    return sum(f.stat().st_size for name in names for f in (classifiers_folder() / name).glob("*.*"))


def _fit_all(fit: Any, known: Known, *, encoder: bool) -> tuple[dict[str, Predict], dict[str, float]]:
    makers: dict[str, Callable[[Any], Predict]] = {
        "curate edu": lambda fit: _fit_ours(fit, known),
        "curate, word counts and shape only": _fit_linear,
        "fastText": _fit_fasttext,
        "TF-IDF + ridge (scikit-learn)": _fit_tfidf,
        "model2vec + ridge": _fit_model2vec,
        "MiniLM + ridge": _fit_minilm,
    }
    scorers, fit_s = {}, {}
    for name, make in makers.items():
        if "MiniLM" in name and not encoder:
            continue
        began_s = time.perf_counter()
        try:
            scorers[name] = make(fit)
        except ImportError as error:
            print(f"{name} is left out: {error}")
            continue
        fit_s[name] = time.perf_counter() - began_s
    return scorers, fit_s


def _known_classes(fit: Any) -> Known:
    from classifiers.recipe.bundled import held_out_classes
    from classifiers.recipe.bundled_pages import read_web

    return {"classes": held_out_classes(read_web(DATA), fit)}


def _fit_ours(fit: Any, known: Known) -> Predict:
    from classifiers.recipe.bundled import EDU_RECIPE

    from curate.fit import fit_classifier

    folder = Path(tempfile.mkdtemp()) / "edu"
    there = tuple(name for name in EDU_RECIPE.same_scale if name in fit.annotators)
    recipe = EDU_RECIPE.replace(same_scale=there)
    scorer = fit_classifier(fit, folder, recipe=recipe, known_columns=known).scorer
    return lambda texts: scorer.score_levels(texts)[0]


def _fit_linear(fit: Any) -> Predict:
    from classifiers.recipe.bundled import EDU_RECIPE

    from curate.fit import fit_classifier

    folder = Path(tempfile.mkdtemp()) / "linear"
    scorer = fit_classifier(fit, folder, recipe=EDU_RECIPE.replace(members=["tfidf+shape:ridge"])).scorer
    return lambda texts: scorer.score_levels(texts)[0]


def _fit_fasttext(fit: Any) -> Predict:
    """Levels as labels; the prediction is the expected level. Settings of the field notes on small sets."""
    import fasttext

    def flat(text: str) -> str:
        return " ".join(text.lower().split())

    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        for text, level in zip(fit.texts.to_pylist(), fit.levels, strict=True):
            file.write(f"__label__{level:g} {flat(text)}\n")
        file.flush()
        model = fasttext.train_supervised(
            file.name, lr=0.5, epoch=25, wordNgrams=2, dim=100, thread=1, verbose=0
        )

    def predict(texts: list[str]) -> np.ndarray:
        labels, shares = model.predict([flat(text) for text in texts], k=-1)
        return np.array([
            sum(float(label.removeprefix("__label__")) * p for label, p in zip(names, values, strict=True))
            for names, values in zip(labels, shares, strict=True)
        ])  # fmt: skip

    return predict


def _fit_tfidf(fit: Any) -> Predict:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=3), Ridge(alpha=1.0, solver="sparse_cg"))
    model.fit(fit.texts.to_pylist(), fit.levels, ridge__sample_weight=fit.weights)
    return model.predict


def _fit_model2vec(fit: Any) -> Predict:
    sys.path.append(str(ROOT / ".venv-model2vec" / "site"))
    import model2vec.distill
    from sklearn.linear_model import Ridge

    from curate.scoring.encoders import resolve_model

    static = model2vec.distill.distill(model_name=resolve_model("all-MiniLM-L6-v2"), pca_dims=256)
    model = Ridge(alpha=0.1).fit(static.encode(fit.texts.to_pylist()), fit.levels, sample_weight=fit.weights)
    return lambda texts: model.predict(static.encode(list(texts)))


def _fit_minilm(fit: Any) -> Predict:
    """On the reference annotator's pages only: embedding all would take a quarter of an hour."""
    import torch
    from sklearn.linear_model import Ridge

    from curate.scoring.encoders import load_encoder

    torch.set_num_threads(1)
    encoder = load_encoder("all-MiniLM-L6-v2")
    from classifiers.recipe.bundled_pages import REFERENCE

    rows = np.flatnonzero([name == REFERENCE for name in fit.annotators])
    embeddings = encoder.encode(fit.texts.take(pa.array(rows)))
    model = Ridge(alpha=0.3).fit(embeddings, fit.levels[rows])
    return lambda texts: model.predict(encoder.encode(texts))


def _measure_start() -> dict[str, float]:
    """Seconds to import and to load the bundled default, and to its first score, in a fresh process."""
    code = (
        "import json, time; t = time.perf_counter(); from curate.scoring import load_scorer;"
        "a = time.perf_counter(); s = load_scorer('edu'); b = time.perf_counter(); s.score(['a b c']);"
        "c = time.perf_counter();"
        "print(json.dumps({'import_s': a - t, 'load_s': b - a, 'first_score_s': c - b}))"
    )
    command = [sys.executable, "-c", code]
    runs = [json.loads(subprocess.check_output(command, text=True)) for _ in range(3)]
    return {key: round(float(np.median([r[key] for r in runs])), 3) for key in runs[0]}


def _plot(rows: list[dict[str, Any]], path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for i, row in enumerate(rows):
        ap = row["average_precision"]
        errors = [[ap["value"] - ap["low"]], [ap["high"] - ap["value"]]]
        bar = axes.errorbar(row["documents_per_cpu_s"], ap["value"], yerr=errors, fmt="o", capsize=3)
        axes.annotate(
            row["name"], (row["documents_per_cpu_s"], ap["value"]),
            xytext=(6, 9 if i % 2 == 0 else -12), textcoords="offset points",
            fontsize=8, color=bar[0].get_color(),
        )  # fmt: skip
    axes.set(
        xscale="log", xlabel="documents per CPU second (log scale)",
        ylabel="average precision at level 3 or more",
        xlim=(3, 5_000_000),
    )  # fmt: skip
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120, metadata={"Software": None})
