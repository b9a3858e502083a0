"""The language of a document is that of its prose; program text and notation are in none."""

from __future__ import annotations

import pyarrow as pa

from curate.run.languages import tell_languages

GERMAN = (
    "Die Photosynthese ist ein Vorgang, bei dem Pflanzen aus Wasser und Luft mit Hilfe von Licht Zucker aufbauen. "
    * 3
)
ENGLISH = (
    "The function below adds up the squares of a list, and we call it once for every row of the table that we read. "
    * 3
)
PROGRAM = "\n".join(
    f"    für_{i} = müssen[{i}] + größe(straße, {i}); ergebnis->länge += über({i}, höhe);" for i in range(30)
)


def test_a_page_in_another_language_is_told():
    found, stays = tell_languages(pa.array([GERMAN, ENGLISH]), ["en"])
    assert found["language"].to_pylist() == ["de", "en"]
    assert stays.tolist() == [False, True]


def test_program_text_does_not_pass_for_a_language():
    texts = pa.array([f"{ENGLISH}\n\n{PROGRAM}", f"{GERMAN}\n\n{PROGRAM}", PROGRAM])
    found, stays = tell_languages(texts, ["en"])
    assert stays.tolist() == [True, False, True]
    assert found["language"].to_pylist()[:2] == ["en", "de"]


def test_text_without_a_word_is_in_no_language_and_does_not_stay():
    found, stays = tell_languages(pa.array(["", None, " \n"]), ["en"])
    assert found["language"].to_pylist() == [None, None, None]
    assert stays.tolist() == [False, False, False]


def test_nothing_gives_nothing():
    found, stays = tell_languages(pa.array([], pa.string()), ["en"])
    assert found.num_rows == len(stays) == 0
