from __future__ import annotations

import os
import shutil

import fsspec
import pytest
from crawl_builders import html_page, page_record, problems, read_all, rows

from curate.crawl import InputFile, find_files, hash_file, plan_splits
from curate.errors import RunError, SettingError
from curate.work.store import Store
from curate.work.urls import public_name


@pytest.fixture
def crawl(tmp_path):
    folder = tmp_path / "crawl"
    for name in ("b.html", "a/x.html", "a/deep/y.html", "a/z.txt"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(html_page(len(name)))
    return folder


def sources(inputs):
    return [file.source for file in find_files([str(text) for text in inputs])]


def test_a_folder_is_searched_recursively_and_named_from_its_root(crawl):
    assert sources([crawl]) == ["a/deep/y.html", "a/x.html", "a/z.txt", "b.html"]
    assert sources([f"{crawl}/"]) == sources([crawl])
    assert sources([f"file://{crawl}"]) == sources([crawl])


def test_names_do_not_depend_on_where_the_folder_lies(crawl, tmp_path):
    shutil.copytree(crawl, tmp_path / "elsewhere" / "other")
    assert sources([tmp_path / "elsewhere" / "other"]) == sources([crawl])


def test_a_relative_path_is_the_same_as_an_absolute_one(crawl, monkeypatch):
    monkeypatch.chdir(crawl.parent)
    assert find_files(["crawl"]) == find_files([str(crawl)])


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.html", ["b.html"]),
        ("a/*.html", ["x.html"]),
        ("**/*.html", ["a/deep/y.html", "a/x.html", "b.html"]),
        ("?/z.txt", ["a/z.txt"]),
        ("a*", ["a/deep/y.html", "a/x.html", "a/z.txt"]),
    ],
)
def test_globs_are_named_from_their_fixed_part(crawl, pattern, expected):
    assert sources([crawl / pattern]) == expected


def test_the_order_of_the_inputs_and_repeats_change_nothing(crawl):
    inputs = [crawl / "b.html", crawl / "a" / "z.txt", crawl / "a" / "x.html"]
    assert sources(inputs) == sources(inputs[::-1]) == sources(inputs * 2) == ["b.html", "x.html", "z.txt"]
    assert sources([crawl, crawl / "a"]) == sources([crawl / "a", crawl])


def test_files_of_one_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("one/crawl", "two/crawl"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.html").write_bytes(html_page(1))
    inputs = [tmp_path / "one" / "crawl", tmp_path / "two" / "crawl"]
    assert sources(inputs) == sources(inputs[::-1]) == ["one/crawl/a.html", "two/crawl/a.html"]


def test_hidden_files_markers_indexes_and_earlier_outputs_are_passed_over(crawl):
    names = (
        ".hidden",
        ".git/x",
        "_SUCCESS",
        "a.cdx.gz",
        "a.warc.gz.md5",
        "_temporary/0/x",
        "out/manifest.json",
    )
    for name in (*names, "out/kept/part-0.parquet", "_index.html"):
        (crawl / name).parent.mkdir(parents=True, exist_ok=True)
        (crawl / name).write_bytes(b"x")
    assert sources([crawl]) == ["_index.html", "a/deep/y.html", "a/x.html", "a/z.txt", "b.html"]
    assert sources([crawl / ".hidden"]) == [".hidden"]
    with pytest.raises(SettingError, match="output of an earlier run"):
        find_files([str(crawl / "out")])
    assert sources([crawl / "out" / "kept"]) == ["part-0.parquet"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nowhere", "Input '.*nowhere' does not exist"),
        ("nowhere/*.gz", "No crawl files in"),
        ("empty", "No crawl files in"),
    ],
)
def test_missing_input_is_one_line_that_says_what_to_type(tmp_path, text, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingError, match=message) as error:
        find_files([str(tmp_path / text)])
    assert "\n" not in str(error.value)


def test_no_input_and_unknown_schemes_are_setting_errors():
    with pytest.raises(SettingError, match="No input given"):
        find_files([])
    with pytest.raises(SettingError, match="cannot be opened"):
        find_files(["nosuchscheme://bucket/x"])


@pytest.fixture
def memory():
    system = fsspec.filesystem("memory")
    yield system
    system.rm("/", recursive=True)


def test_fsspec_urls_are_found_and_read_like_local_files(memory, crawl):
    memory.put(f"{crawl}/", "/bucket/crawl/", recursive=True)
    found = find_files(["memory://bucket/crawl"])
    assert [file.source for file in found] == sources([crawl])
    assert [row["content"] for row in rows(read_all("memory://bucket/crawl"))] == [
        row["content"] for row in rows(read_all(crawl))
    ]
    assert [file.source for file in find_files(["memory://bucket/crawl/**/*.html"])] == [
        "a/deep/y.html",
        "a/x.html",
        "b.html",
    ]
    assert [file.source for file in find_files(["memory://bucket/crawl/a/x.html"])] == ["x.html"]
    with pytest.raises(SettingError, match="does not exist"):
        find_files(["memory://bucket/nothing"])


def test_remote_outputs_and_hidden_files_are_passed_over(memory):
    for name in (
        "/b/a.html",
        "/b/.hidden",
        "/b/out/manifest.json",
        "/b/out/kept/p.parquet",
        "/b/_temporary/x",
    ):
        memory.pipe(name, html_page(1))
    assert [file.source for file in find_files(["memory://b"])] == ["a.html"]


def test_hashes_depend_on_content_alone(tmp_path, memory):
    (tmp_path / "a").write_bytes(b"same")
    (tmp_path / "b").write_bytes(b"same")
    (tmp_path / "c").write_bytes(b"other")
    memory.pipe("/h/a", b"same")
    hashes = [hash_file(file) for file in find_files([str(tmp_path)])]
    assert hashes[0] == hashes[1] != hashes[2]
    assert hash_file(find_files(["memory://h/a"])[0]) == hashes[0]
    assert hash_file(InputFile(str(tmp_path / "gone"), "gone", 0)) == ""


def test_splits_are_runs_of_small_files_and_single_large_ones():
    files = [InputFile(f"/{i}", str(i), size) for i, size in enumerate([5, 5, 5, 100, 3, 3, 200, 200, 1])]
    splits = plan_splits(files, split_bytes=12)
    assert [[file.size_bytes for file in split.files] for split in splits] == [
        [5, 5],
        [5],
        [100],
        [3, 3],
        [200],
        [200],
        [1],
    ]
    assert [split.index for split in splits] == list(range(7))
    assert splits[0].size_bytes == 10
    assert plan_splits([]) == []


def test_the_source_is_sorted_by_name_not_by_the_disk(tmp_path):
    for name in ("c", "a", "b"):
        (tmp_path / f"{name}.warc").write_bytes(page_record(1))
    assert sources([tmp_path]) == ["a.warc", "b.warc", "c.warc"]
    assert os.sep not in sources([tmp_path])[0]


def test_links_that_lead_out_of_the_input_are_refused_and_named(crawl, tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "credentials").write_text("aws_secret_access_key = x")
    for name, target in (("notes.txt", "home/credentials"), ("folder", "home")):
        (crawl / name).symlink_to(tmp_path / target)
        for given in (str(crawl), f"{crawl}/*", f"{crawl}/**"):
            with pytest.raises(SettingError, match=f"{name}.* is a link that leads out"):
                find_files([given])
        (crawl / name).unlink()
    (crawl / "mine").symlink_to(tmp_path / "home")
    assert sources([crawl / "mine"]) == ["credentials"]  # named by the user
    monkeypatch.setenv("CURATE_FOLLOW_LINKS", "1")
    assert "mine/credentials" in sources([crawl])


def test_the_cache_of_a_hub_may_link_to_its_blobs(tmp_path):
    cache = tmp_path / "hub" / "datasets--x"
    (cache / "blobs").mkdir(parents=True)
    (cache / "blobs" / "0a1b").write_bytes(html_page(1))
    (cache / "snapshots" / "ff").mkdir(parents=True)
    (cache / "snapshots" / "ff" / "a.html").symlink_to(cache / "blobs" / "0a1b")
    assert sources([cache / "snapshots" / "ff"]) == ["a.html"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        (
            "http://user:SECRETPW@host/forum.jsonl?X-Amz-Credential=A&X-Amz-Signature=S",
            "http://host/forum.jsonl",
        ),
        ("https://a.blob.core/x/y.warc.gz?sv=1&sig=SECRET", "https://a.blob.core/x/y.warc.gz"),
        ("s3://bucket/a?b/c", "s3://bucket/a?b/c"),
        ("plain/a?b.jsonl", "plain/a?b.jsonl"),
    ],
)
def test_no_password_and_no_signature_is_written(address, shown):
    assert public_name(address) == shown


def test_no_password_is_in_what_a_store_says_of_an_address():
    pytest.importorskip("s3fs")  # its client repeats the address, which it refuses before anything is sent
    address = "s3://user:SECRETPW@bucket/x.jsonl?sig=SECRETSIG"
    with pytest.raises(SettingError, match="cannot be listed") as refused:
        find_files([address])
    with pytest.raises(RunError, match="could not list") as stopped:
        Store.of(address).list()
    assert "SECRET" not in str(refused.value) + str(stopped.value) + str(Store.of(address))


def test_addresses_that_differ_in_what_decides_the_file_have_names_of_their_own():
    one, other = (public_name(f"https://h/get?id={n}&token=SECRET{n}") for n in (1, 2))
    assert one != other
    assert public_name("https://h/get?token=NEW&id=1") == one
    assert "SECRET" not in one + other


def test_a_name_that_is_not_utf8_is_read_and_written_escaped(tmp_path):
    folder = os.fsencode(tmp_path / "crawl")
    os.mkdir(folder)
    for name in (b"caf\xe9.html", b"caf\xe8.html"):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(html_page(1))
    files = find_files([str(tmp_path / "crawl")])
    assert [file.source for file in files] == ["caf\\xe8.html", "caf\\xe9.html"]
    assert len(read_all(tmp_path / "crawl")) > 0


def test_links_are_followed_and_pipes_are_not_opened(crawl, tmp_path):
    (crawl / ".real").mkdir()
    (crawl / ".real" / "r.html").write_bytes(html_page(1))
    (crawl / "linked").symlink_to(crawl / ".real")
    (crawl / "circle").symlink_to(crawl)
    (crawl / "gone.html").symlink_to(tmp_path / "nowhere")
    os.mkfifo(crawl / "pipe")
    assert sources([crawl]) == [
        "a/deep/y.html",
        "a/x.html",
        "a/z.txt",
        "b.html",
        "circle",
        "gone.html",
        "linked/r.html",
        "pipe",
    ]
    reasons = [problem.reason for problem in problems(read_all(crawl))]
    assert reasons == ["link_cycle", "unreadable", "not_a_file"]
    with pytest.raises(SettingError, match="no regular file"):
        find_files([str(crawl / "pipe")])
