"""Lists, benchmarks and labels are read however their editor saved them."""

from __future__ import annotations

import bz2
import gzip
import lzma

import pyarrow as pa
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.annotate.labels import read_labels
from curate.errors import SettingError
from curate.fit.annotations import read_annotations
from curate.mixture import MixtureSettings, Source, mix
from curate.rules.decontaminate import Decontaminator
from curate.rules.urls import UrlRules
from curate.rules.words import BadWords
from curate.text.lines import read_json_lines, read_text_lines

ENCODED = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]
PACKED = [bytes, gzip.compress, bz2.compress, lzma.compress, zstandard.compress]


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("pack", PACKED)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lists_are_read_in_any_encoding_packing_and_line_end(tmp_path, encoding, pack, end):
    path = tmp_path / "list"
    path.write_bytes(pack(end.join(["first.example", "zweites-wört.example", ""]).encode(encoding)))
    assert read_text_lines(path) == ["first.example", "zweites-wört.example"]
    urls = pa.array(["http://first.example/", "http://zweites-wört.example/x"])
    assert UrlRules.from_files([str(path)]).match(urls)["drop_reason"].null_count == 0
    assert BadWords.from_files([str(path)]).words == ["first.example", "zweites-wört.example"]


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("name", ["b.jsonl", "b.json", "b.txt"])
def test_benchmarks_are_read_in_any_encoding(tmp_path, encoding, name):
    text = "how many legs has a spider, and how many has the fly that it eats"
    content = text if name == "b.txt" else f'{{"question": "{text}", "n": NaN}}\n'
    (tmp_path / name).write_bytes(content.encode(encoding))
    found = Decontaminator.from_files([str(tmp_path / name)]).match(pa.array([text.upper()]))
    assert found["n_matches"].to_pylist() == [3]


ODD = (
    b'\xef\xbb\xbf{"id": "1", "text": "one page of text", "edu_level": 1}\n'
    b'{"id": "2", "text": "two", "edu_level": 2, "edu_score": NaN}\n'
    b'{"id": "3", "text": "three \\ud800", "edu_level": 3}\n'
    b'{"id": "4", "text": "four \xff", "edu_level": 4, "n": ' + b"7" * 400 + b"}\n"
)


def test_all_rooms_read_the_same_rows_of_an_odd_file(tmp_path):
    path = tmp_path / "odd.jsonl"
    path.write_bytes(ODD)
    assert [row["id"] for row in read_labels(path)] == ["1", "2", "3", "4"]
    assert read_annotations(path).texts.to_pylist() == [
        "one page of text",
        "two",
        "three \ufffd",
        "four \ufffd",
    ]
    plan = mix(
        MixtureSettings(sources=(Source("odd", (str(path),)),), validation_fraction=0.0), None, workers=1
    )
    assert (plan["removed"], sum(group["train"]["n_documents"] for group in plan["groups"])) == ({}, 4)


def test_a_mixture_counts_lines_that_are_no_objects_under_their_name(tmp_path):
    (tmp_path / "a.jsonl").write_bytes(ODD + b'not json\n[1]\n{"id": "5", "text": null}\n')
    plan = mix(
        MixtureSettings(sources=(Source("s", (str(tmp_path),)),), validation_fraction=0.0), None, workers=1
    )
    assert plan["removed"] == {"json_invalid": {"s": 2}, "no_text": {"s": 1}}


def test_a_mixture_takes_arrays_and_utf_16(tmp_path):
    (tmp_path / "a.json").write_bytes(
        '[\n {"text": "one page"},\n {"text": "another page"}\n]'.encode("utf-16")
    )
    plan = mix(
        MixtureSettings(sources=(Source("s", (str(tmp_path),)),), validation_fraction=0.0), None, workers=1
    )
    assert sum(group["train"]["n_documents"] for group in plan["groups"]) == 2


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_lines_or_a_setting_error(tmp_path, data):
    (tmp_path / "x").write_bytes(data)
    for read in (read_text_lines, read_json_lines):
        try:
            assert isinstance(read(tmp_path / "x"), list)
        except SettingError as error:
            assert "cannot be read" in str(error)  # noqa: PT017
