"""The laws of chunks: the same cut for everyone, and no record lost or read twice."""

from __future__ import annotations

import json
import pickle

import pytest
from crawl_builders import COMPRESS, html_page, info_record, page_record, read_all, rows, same
from hypothesis import given, settings
from hypothesis import strategies as st

from curate.batch import PAGE_SCHEMA
from curate.crawl import ReadOptions, find_files, plan_splits, read_chunks


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A folder of small files of every kind, some with few records and some with none."""
    folder = tmp_path_factory.mktemp("mixed")
    records = [info_record(), *(page_record(i, n_words=10 + 30 * (i % 5)) for i in range(30))]
    lines = "".join(json.dumps({"text": f"line {i}" * (i % 9 + 1)}) + "\n" for i in range(40)).encode()
    (folder / "a.warc.gz").write_bytes(b"".join(map(COMPRESS["gzip"], records)))
    (folder / "b.empty").touch()
    (folder / "c.warc.gz").write_bytes(COMPRESS["gzip"](b"".join(records)))
    for name, compress in COMPRESS.items():
        (folder / f"d-{name}.jsonl").write_bytes(compress(lines))
    for i in range(8):
        (folder / f"e-{i}.html").write_bytes(html_page(i))
    (folder / "f.warc").write_bytes(b"".join(records))
    (folder / "g.empty").touch()
    return folder


OPTIONS = [
    ReadOptions(chunk_records=1),
    ReadOptions(chunk_records=7),
    ReadOptions(chunk_bytes=1),
    ReadOptions(chunk_bytes=2500),
    ReadOptions(),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_chunks_follow_each_other_and_hold_every_record_once(mixed, options):
    chunks = read_all(mixed, options=options)
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert [chunk.last for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    for chunk in chunks:
        assert chunk.pages.schema == PAGE_SCHEMA
        assert chunk.n_records == chunk.pages.num_rows + sum(chunk.skipped.values())
        assert 0 < chunk.n_records <= options.chunk_records
    places = [(row["source"], row["position"]) for row in rows(chunks)]
    assert places == sorted(set(places))
    assert len(places) == 3 * 30 + 6 * 40 + 8
    assert [problem.source for chunk in chunks for problem in chunk.problems] == ["b.empty", "g.empty"]


@pytest.mark.parametrize("options", OPTIONS[1:])
@pytest.mark.parametrize("n_stripes", [2, 5])
def test_stripes_together_are_all_chunks(mixed, options, n_stripes):
    chunks = read_all(mixed, options=options)
    stripes = [
        chunk
        for stripe in range(n_stripes)
        for chunk in read_all(mixed, options=options, wanted=lambda index, k=stripe: index % n_stripes == k)
    ]
    assert same(sorted(stripes, key=lambda chunk: chunk.index), chunks)


@pytest.mark.parametrize("options", OPTIONS[1:])
def test_a_run_can_go_on_after_any_chunk(mixed, options):
    chunks = read_all(mixed, options=options)
    for number in range(0, len(chunks) - 1, len(chunks) // 20 + 1):
        cursor = pickle.loads(pickle.dumps(chunks[number].cursor))
        assert same(read_all(mixed, options=options, start=cursor), chunks[number + 1 :])


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 80)), st.integers(1, 40), st.integers(300, 20_000))
def test_any_subset_of_chunks_is_the_same_as_among_all(mixed, wanted, chunk_records, chunk_bytes):
    options = ReadOptions(chunk_records=chunk_records, chunk_bytes=chunk_bytes)
    chunks = read_all(mixed, options=options)
    assert same(
        read_all(mixed, options=options, wanted=wanted.__contains__),
        [chunk for chunk in chunks if chunk.index in wanted],
    )


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(0, 80)), st.sets(st.integers(0, 80)), st.integers(1, 40), st.integers(300, 20_000))
def test_what_other_readers_know_of_the_starts_of_chunks_changes_none(
    mixed, wanted, known, chunk_records, chunk_bytes
):
    options = ReadOptions(chunk_records=chunk_records, chunk_bytes=chunk_bytes)
    chunks = read_all(mixed, options=options)
    starts = {chunk.cursor.chunk: chunk.cursor for chunk in chunks[:-1] if chunk.cursor.chunk in known}

    def ahead(skimmed: int):
        upto = min((index for index in wanted if index > skimmed), default=len(chunks))
        return starts.get(max((index for index in starts if skimmed < index <= upto), default=-1))

    found = read_all(mixed, options=options, wanted=wanted.__contains__, ahead=ahead)
    assert same(found, [chunk for chunk in chunks if chunk.index in wanted])


@pytest.mark.parametrize("name", ["a.warc.gz", "f.warc", "d-plain.jsonl"])
def test_of_chunks_that_another_reader_has_read_no_byte_is_read(mixed, tmp_path, name):
    options = ReadOptions(chunk_records=5)
    (tmp_path / name).write_bytes((mixed / name).read_bytes())
    chunks = read_all(tmp_path / name, options=options)
    starts = {chunk.cursor.chunk: chunk.cursor for chunk in chunks[:-1]}
    # The last records of what is passed by are destroyed: a reader of them would cut other chunks.
    begin, end = starts[1].mark.offset, starts[2].mark.offset
    with (tmp_path / name).open("r+b") as file:
        file.seek((begin + end) // 2)
        file.write(b"\0" * (end - file.tell()))

    def read_even(**kwargs):
        return read_all(tmp_path / name, options=options, wanted=lambda index: index % 2 == 0, **kwargs)

    assert same(read_even(ahead=lambda skimmed: starts.get(skimmed + 1)), chunks[::2])
    assert not same(read_even(), chunks[::2])


@pytest.mark.parametrize("name", ["a.warc.gz", "f.warc", "d-plain.jsonl"])
def test_formats_that_can_seek_go_on_without_reading_what_came_before(mixed, name):
    chunks = read_all(mixed / name, options=ReadOptions(chunk_records=9))
    for chunk in chunks[:-1]:
        assert chunk.cursor.mark.position == chunk.cursor.position > 0
        assert chunk.cursor.mark.offset > 0


def test_a_split_without_records_gives_one_empty_chunk_with_its_problems(tmp_path):
    (tmp_path / "a.warc").touch()
    (chunk,) = read_all(tmp_path)
    assert (chunk.pages.num_rows, chunk.n_records, chunk.last) == (0, 0, True)
    assert [problem.reason for problem in chunk.problems] == ["empty_file"]


def test_chunks_do_not_depend_on_where_the_folder_lies(mixed, tmp_path):
    import shutil

    shutil.copytree(mixed, tmp_path / "moved")
    assert same(read_all(tmp_path / "moved"), read_all(mixed))


def test_reading_is_lazy(mixed):
    (split,) = plan_splits(find_files([str(mixed)]))
    chunks = read_chunks(split, ReadOptions(chunk_records=1))
    assert next(chunks).index == 0
    chunks.close()


def test_one_file_may_span_many_chunks_and_one_chunk_many_files(mixed):
    small = read_all(mixed / "a.warc.gz", options=ReadOptions(chunk_records=4))
    assert len(small) == 8
    (chunk,) = read_all(mixed)
    assert len(set(chunk.pages["source"].to_pylist())) == 17
