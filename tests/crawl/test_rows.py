"""Rows of JSON lines, JSON values and CSV: however they are laid out, packed and encoded."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma

import pytest
from crawl_builders import problems, read_all, rows, same
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from curate.crawl import ReadOptions, find_files, plan_splits, read_chunks, read_rows
from curate.crawl import rows as rows_module
from curate.crawl.rows import ends_in_quotes, split_record

RECORDS = [{"text": f'words {i} "quoted" {{[ \\ é', "n": i, "in": {"a": ["}", "]"]}} for i in range(5)]
LAYOUTS = {
    "lines": "".join(json.dumps(row) + "\n" for row in RECORDS),
    "array": json.dumps(RECORDS),
    "pretty array": json.dumps(RECORDS, indent=2),
    "array of lines": "[\n" + ",\n".join(json.dumps(row, ensure_ascii=False) for row in RECORDS) + "\n]\n",
    "pretty objects": "\n".join(json.dumps(row, indent=2) for row in RECORDS),
}
PACKED = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
ENCODED = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("encoding", ENCODED)
def test_every_layout_gives_the_same_rows(tmp_path, layout, encoding):
    (tmp_path / "a.json").write_bytes(LAYOUTS[layout].encode(encoding))
    chunks = read_all(tmp_path)
    assert [row["content"].decode() for row in rows(chunks)] == [row["text"] for row in RECORDS]
    assert not problems(chunks)
    (file,) = find_files([str(tmp_path)])
    assert list(read_rows(file)) == RECORDS


@pytest.mark.parametrize("packed", PACKED)
def test_packed_files_are_read_alike_by_all_rooms(tmp_path, packed):
    (tmp_path / f"a.json{packed}").write_bytes(PACKED[packed](LAYOUTS["pretty array"].encode("utf-16")))
    (file,) = find_files([str(tmp_path)])
    assert list(read_rows(file)) == RECORDS


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("is_packed", [False, True])
def test_reading_goes_on_at_any_chunk(tmp_path, layout, encoding, is_packed):
    data = LAYOUTS[layout].encode(encoding)
    (tmp_path / "a.json").write_bytes(gzip.compress(data) if is_packed else data)
    (split,) = plan_splits(find_files([str(tmp_path)]))
    options = ReadOptions(chunk_records=2)
    whole = list(read_chunks(split, options))
    assert len(whole) == 3
    for chunk in whole[:-1]:
        rest = list(read_chunks(split, options, start=chunk.cursor))
        assert [later.pages for later in rest] == [later.pages for later in whole[chunk.index + 1 :]]
        skimmed = list(read_chunks(split, options, wanted=lambda j, i=chunk.index: j == i + 1))
        assert skimmed[0].pages == whole[chunk.index + 1].pages


def test_broken_values_between_good_ones_are_rows_with_a_reason(tmp_path):
    (tmp_path / "a.json").write_text(
        '[\n{"text": "a"},\n17, nonsense,\n{"text" "b"},\n{"text": "c"}, {"text": "cut'
    )
    found = [(row["content"], row["drop_reason"]) for row in rows(read_all(tmp_path))]
    assert found == [
        (b"a", None), (None, "json_invalid"), (None, "json_invalid"), (None, "json_invalid"), (b"c", None),
        (None, "json_invalid"),
    ]  # fmt: skip


def test_a_value_over_the_limit_is_a_row_with_a_reason_and_the_next_is_read(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps([{"text": "x" * 3_000_000}, {"text": "b"}], indent=1))
    found = rows(read_all(tmp_path, options=ReadOptions(max_page_bytes=1_000_000)))
    assert [row["drop_reason"] for row in found] == ["page_too_large", None]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["a.json", "a.jsonl", "a.csv", "a.tsv"]))
def test_any_bytes_are_rows_or_problems_and_never_an_error(tmp_path, data, name):
    (tmp_path / name).write_bytes(b'[{"a":' + data if name == "a.json" else b'text,"b\n' + data)
    read_all(tmp_path / name)
    (file,) = find_files([str(tmp_path / name)])
    list(read_rows(file))


def test_a_table_with_a_text_column_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(
        'id,text,note\r\n1,"two\r\nlines, with ""quotes""",é\r\n\r\n2,5" disk,\r\n3,a,b,c\r\n'.encode(
            "utf-8-sig"
        )
    )
    (chunk,) = read_all(tmp_path)
    assert chunk.skipped == {"csv_header": 1, "blank_line": 1}
    assert [(row["id"], row["content"].decode(), row["extra"]) for row in rows([chunk])] == [
        ("1", 'two\r\nlines, with "quotes"', '{"note":"é"}'), ("2", '5" disk', None),
        ("3", "a", '{"note":"b","column_4":"c"}'),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "delimiter"), [("a.tsv", "\t"), ("a.csv", ";"), ("a.csv", "|"), ("a.csv", "\t")]
)
def test_the_delimiter_is_found(tmp_path, name, delimiter):
    (tmp_path / name).write_text(f"id{delimiter}body\n7{delimiter}some, words\n")
    (row,) = rows(read_all(tmp_path))
    assert (row["id"], row["content"]) == ("7", b"some, words")


def test_a_table_in_another_encoding_is_decoded(tmp_path):
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю."
    (tmp_path / "a.csv").write_bytes(f'text\n"{text}"\n'.encode("cp1251"))
    assert rows(read_all(tmp_path))[0]["content"].decode() == text


def test_a_table_without_text_is_named(tmp_path):
    (tmp_path / "a.csv").write_text("id,price\n1,2\n")
    (problem,) = problems(read_all(tmp_path))
    assert (problem.reason, problem.detail) == ("no_text_column", "columns: id, price")


@given(st.lists(st.text(st.characters(exclude_characters="\r\n\0")), min_size=1))
def test_what_is_quoted_comes_back(fields):
    quoted = ",".join('"' + field.replace('"', '""') + '"' for field in fields)
    assert [field.decode() for field in split_record(quoted.encode(errors="replace"), b",")] == [
        field.encode(errors="replace").decode() for field in fields
    ]


@given(st.lists(st.text('ab",', max_size=6), min_size=1, max_size=6))
def test_a_record_goes_on_behind_a_line_where_all_up_to_there_has_an_open_quote(texts):
    lines = [f"{text}\n".encode() for text in texts]
    is_open = False
    for n, line in enumerate(lines, 1):
        is_open = ends_in_quotes(line, b",", in_quotes=is_open)
        assert is_open == (split_record(b"".join(lines[:n]), b",") is None)
        if not is_open:
            break


def test_a_field_of_many_lines_is_looked_through_once(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        rows_module,
        "split_record",
        lambda record, delimiter: seen.append(len(record)) or split_record(record, delimiter),
    )
    table = b'id,text\n1,"' + b"a line\n" * 500 + b'"\n2,"' + b"a quote that stays open\n" * 500
    (tmp_path / "a.csv").write_bytes(table)
    (first, second) = rows(read_all(tmp_path))
    assert (first["content"].count(b"\n"), second["drop_reason"]) == (500, "csv_invalid")
    assert sum(seen) < 2 * len(table)


def test_cards_and_sidecars_beside_data_are_counted_by_name_and_read_where_there_is_no_data(tmp_path):
    (tmp_path / "README.md").write_text("# A data set")
    (tmp_path / "readme.first.txt").write_text("A document")
    assert not [file for file in find_files([str(tmp_path)]) if file.is_card]
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n')
    (tmp_path / "dataset_infos.json").write_text('{"default": {"features": {"text": "string"}}}')
    (tmp_path / "a.meta.json").write_text('{\n "rows": 1\n}\n')
    (chunk,) = read_all(tmp_path)
    assert chunk.skipped == {
        "beside the data: README.md": 1, "beside the data: dataset_infos.json": 1, "json_sidecar": 1,
    }  # fmt: skip
    assert sorted(row["content"] for row in rows([chunk])) == [b"A document", b"a"]
    assert not find_files([str(tmp_path / "README.md")])[0].is_card


def test_a_file_name_that_is_no_utf8_is_read(tmp_path):
    with open(str(tmp_path).encode() + b"/caf\xe9.jsonl", "w") as file:
        file.write('{"text": "a"}\n')
    assert rows(read_all(tmp_path))[0]["source"] == "caf\\xe9.jsonl"


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", " ", "<p>a page", "\ud83d\ude00", "\ud83d", "a\0b", "words " * 30]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["url", "a"]), inner, max_size=2)
    ),
    max_leaves=4,
)
NAMES = st.sampled_from(
    ["text", "content", "html", "id", "url", "date", "title", "metadata", "path", "lang", "n"]
)
LINES = st.dictionaries(NAMES, VALUES, max_size=5).map(
    lambda row: json.dumps(row).encode()
) | st.sampled_from(
    [
        b"",
        b" ",
        b"{",
        b"[]",
        b"1",
        b'{"text":"\xff"}',
        b'{"text":"a","text":"b"}',
        b'{"text":"a\tb"}',
        b'{"text":"a"} x',
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([b"\n", b"\r\n", b"\n\n"]),
    st.sampled_from(
        [ReadOptions(chunk_records=3), ReadOptions(chunk_bytes=60), ReadOptions(max_page_bytes=40)]
    ),
    st.integers(0, 60),
    st.booleans(),
)
def test_lines_read_many_at_once_are_those_read_one_by_one(tmp_path, lines, end, options, n_lost, is_packed):
    """Of sound and of cut or damaged files, whatever stands in a line; and those of every other chunk are passed alike."""
    data = bytearray(end.join(lines) + end * (n_lost % 2))
    data = bytearray(gzip.compress(data)) if is_packed else data
    if n_lost % 3 == 0 and len(data) > n_lost:
        del data[len(data) - n_lost :]
    elif n_lost % 3 == 1 and len(data) > 12 + n_lost:
        data[12 + n_lost] ^= 0x55
    (tmp_path / "a.jsonl").write_bytes(data)
    together = read_all(tmp_path, options=options)
    halves = [read_all(tmp_path, options=options, wanted=lambda i, k=k: i % 2 == k) for k in range(2)]
    assert same(together, sorted(halves[0] + halves[1], key=lambda chunk: chunk.index))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows_module.RowsReader, "read_pages", lambda *_: ([], 0))
        patch.setattr(rows_module.RowsReader, "pass_rows", lambda *_: (0, 0))
        assert same(together, read_all(tmp_path, options=options))


def test_most_lines_of_a_sound_file_are_read_many_at_once(tmp_path, monkeypatch):
    (tmp_path / "a.jsonl").write_bytes(b"".join(b'{"text": "words %d"}\n' % i for i in range(1000)))
    taken, read_pages = [], rows_module.RowsReader.read_pages

    def count(*given):
        pages, n_bytes = read_pages(*given)
        taken.append(len(pages))
        return pages, n_bytes

    monkeypatch.setattr(rows_module.RowsReader, "read_pages", count)
    assert [row["content"].decode() for row in rows(read_all(tmp_path))] == [
        f"words {i}" for i in range(1000)
    ]
    assert sum(taken) > 990
