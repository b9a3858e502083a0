from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
import zipfile

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from crawl_builders import COMPRESS, problems, read_all, rows, same, skipped
from hypothesis import given
from hypothesis import strategies as st

from curate.crawl import ReadOptions, find_files
from curate.crawl.git import GitIndexError, read_tracked
from curate.crawl.notebook import read_notebook
from curate.crawl.programs import known_language, name_language, stated_license
from curate.errors import UnknownNameError

PYTHON = b'"""Mean of numbers."""\n\n\ndef mean(numbers):\n    return sum(numbers) / len(numbers)\n'
RUST = b"// Adds two numbers.\nfn add(a: i64, b: i64) -> i64 {\n    a + b\n}\n"
TREE = {
    "src/mean.py": PYTHON,
    "src/add.rs": RUST,
    "README.md": b"# Means\n\nA small library of means, with an example.\n",
    "docs/index.html": b"<!DOCTYPE html><html><body><p>How means are taken.</p></body></html>",
    "node_modules/x/index.js": b"module.exports = 1;\n",
    "js/app.min.js": b"var a=1;",
    "api_pb2.py": b"x = 1\n",
    "logo.png": b"\x89PNG\r\n\x1a\n" + bytes(64),
    "data.json": b'{"a": 1}',
}
FATES = {
    "src/mean.py": ("code", "python", None),
    "src/add.rs": ("code", "rust", None),
    "node_modules/x/index.js": ("code", "javascript", "code_vendored"),
    "js/app.min.js": ("code", "javascript", "code_minified"),
    "api_pb2.py": ("code", "python", "code_generated"),
}


def write_tree(folder, files=TREE):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zip_of(files, **settings):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **settings) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def tar_of(files, layout=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=layout) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def fates(chunks):
    return {
        row["path"]: (row["kind"], row["program_language"], row["drop_reason"])
        for row in rows(chunks)
        if row["kind"] == "code"
    }


def test_a_source_file_in_a_folder_is_a_page_of_kind_code(tmp_path):
    chunks = read_all(write_tree(tmp_path / "tree"))
    assert fates(chunks) == FATES
    (mean,) = (row for row in rows(chunks) if row["path"] == "src/mean.py")
    assert mean["content"] == PYTHON
    others = {row["source"]: row["kind"] for row in rows(chunks) if row["kind"] != "code"}
    assert others["README.md"] == "text"
    assert others["docs/index.html"] == "html"


@pytest.mark.parametrize("codec", sorted(COMPRESS))
@pytest.mark.parametrize("layout", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_tar_gives_what_the_folder_gives_in_any_compression(tmp_path, codec, layout):
    (tmp_path / "tree.tar").write_bytes(COMPRESS[codec](tar_of(TREE, layout)))
    chunks = read_all(tmp_path / "tree.tar")
    assert fates(chunks) == FATES
    assert sorted(row["kind"] for row in rows(chunks)) == ["code"] * 5 + ["html", "text"]
    assert skipped(chunks) == {"no_program": 2}
    assert not problems(chunks)


def test_a_zip_gives_what_the_folder_gives(tmp_path):
    (tmp_path / "tree.zip").write_bytes(zip_of({"empty/": b"", **TREE}))
    chunks = read_all(tmp_path / "tree.zip")
    assert fates(chunks) == FATES
    assert skipped(chunks) == {"folder": 1, "no_program": 2}


@pytest.mark.parametrize("make", [zip_of, tar_of])
def test_names_that_lead_outside_are_a_reason_and_reading_goes_on(tmp_path, make):
    files = {"../evil.py": PYTHON, "/etc/cron.py": PYTHON, "a/../../b.py": PYTHON, "ok.py": PYTHON}
    (tmp_path / "a.bin").write_bytes(make(files))
    found = [(row["drop_reason"], row["content"]) for row in rows(read_all(tmp_path / "a.bin"))]
    assert found == [("path_outside_archive", None)] * 3 + [(None, PYTHON)]


def test_bombs_and_large_files_are_a_reason_and_reading_goes_on(tmp_path):
    files = {"bomb.py": b"#" * (8 << 20), "large.py": os.urandom(1 << 17).hex().encode(), "ok.py": PYTHON}
    (tmp_path / "a.zip").write_bytes(zip_of(files))
    (tmp_path / "a.tar.gz").write_bytes(COMPRESS["gzip"](tar_of(files)))
    options = ReadOptions(max_page_bytes=1 << 16)
    assert fates(read_all(tmp_path / "a.zip", options=options)) == {
        "bomb.py": ("code", "python", "decompression_bomb"),
        "large.py": ("code", "python", "page_too_large"),
        "ok.py": ("code", "python", None),
    }
    assert fates(read_all(tmp_path / "a.tar.gz", options=options)) == {
        "bomb.py": ("code", "python", "page_too_large"),
        "large.py": ("code", "python", "page_too_large"),
        "ok.py": ("code", "python", None),
    }


def test_a_bomb_takes_nothing_from_the_members_behind_it(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        with archive.open("bomb.py", "w") as member:
            for _ in range(90):
                member.write(b"#" * (1 << 20))
        archive.writestr("ok.py", PYTHON)
    found = {path: fate[2] for path, fate in fates(read_all(tmp_path / "a.zip")).items()}
    assert found == {"bomb.py": "decompression_bomb", "ok.py": None}


def test_a_large_generated_file_in_a_folder_is_not_read_whole(tmp_path):
    (tmp_path / "tables.py").write_bytes(b"x = 1\n" * 100_000)
    (row,) = rows(read_all(tmp_path, options=ReadOptions(max_page_bytes=1 << 16)))
    assert (row["drop_reason"], row["content"]) == ("page_too_large", None)


@pytest.mark.parametrize("n_cut", [10, 600, 2000])
def test_a_tar_that_breaks_off_gives_what_is_whole_and_a_problem(tmp_path, n_cut):
    files = {f"f{i}.py": PYTHON * 20 for i in range(4)}
    whole = tar_of(files, tarfile.USTAR_FORMAT)
    end = whole.rindex(b"f3.py") + 512 + len(PYTHON * 20)
    (tmp_path / "a.tar").write_bytes(whole[: end - n_cut])
    chunks = read_all(tmp_path / "a.tar")
    assert list(fates(chunks))[:3] == ["f0.py", "f1.py", "f2.py"]
    assert fates(chunks).get("f3.py", (0, 0, "record_truncated"))[2] == "record_truncated"


def test_a_damaged_header_costs_its_member_alone(tmp_path):
    data = bytearray(tar_of({f"f{i}.py": PYTHON for i in range(4)}, tarfile.USTAR_FORMAT))
    at = data.index(b"f1.py")
    data[at + 100 : at + 110] = b"\xff" * 10
    (tmp_path / "a.tar").write_bytes(bytes(data))
    chunks = read_all(tmp_path / "a.tar")
    assert list(fates(chunks)) == ["f0.py", "f2.py", "f3.py"]
    assert [problem.reason for problem in problems(chunks)] == ["tar_header_damaged"]


def test_damaged_and_encrypted_members_are_rows_with_a_reason(tmp_path):
    data = bytearray(zip_of({"a.py": PYTHON * 50, "b.py": PYTHON}))
    at = data.index(b"a.py") + len("a.py")
    data[at : at + 8] = b"\xff" * 8
    (tmp_path / "a.zip").write_bytes(bytes(data))
    assert [row["drop_reason"] for row in rows(read_all(tmp_path / "a.zip"))] == ["record_damaged", None]
    (tmp_path / "b.zip").write_bytes(zip_of(TREE)[:100])
    assert [problem.reason for problem in problems(read_all(tmp_path / "b.zip"))] == ["zip_damaged"]


def test_links_and_devices_in_a_tar_are_counted(tmp_path):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, kind in (
            ("s", tarfile.SYMTYPE),
            ("h", tarfile.LNKTYPE),
            ("d", tarfile.DIRTYPE),
            ("f", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "a.tar").write_bytes(out.getvalue())
    assert skipped(read_all(tmp_path / "a.tar")) == {"device": 1, "folder": 1, "link": 2}


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_chunks_of_an_archive_can_be_read_by_themselves(tmp_path, name):
    files = {f"f{i}.py": PYTHON + f"# {i}\n".encode() for i in range(20)}
    data = zip_of(files) if name == "a.zip" else tar_of(files)
    (tmp_path / name).write_bytes(COMPRESS["gzip"](data) if name.endswith("gz") else data)
    options = ReadOptions(chunk_records=3)
    whole = read_all(tmp_path / name, options=options)
    assert len(whole) == 7
    for chunk in whole[1:]:
        before = whole[chunk.index - 1]
        (again,) = read_all(
            tmp_path / name, options=options, start=before.cursor, wanted=lambda i, j=chunk.index: i == j
        )
        assert same([chunk], [again])


@pytest.fixture
def checkout(tmp_path):
    folder = write_tree(tmp_path / "checkout")
    (folder / "untracked.py").write_bytes(b"secret = 1\n")

    def git(*arguments):
        subprocess.run(
            ["git", "-C", str(folder), *arguments],
            check=True,
            capture_output=True,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        )

    git("init", "-q")
    git("add", *TREE)
    return folder, git


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("version", ["2", "3", "4"])
def test_of_a_checkout_the_tracked_files_are_read(checkout, version):
    folder, git = checkout
    git("update-index", "--index-version", version)
    assert sorted(read_tracked(str(folder / ".git"))) == sorted(TREE)
    chunks = read_all(folder)
    assert fates(chunks) == FATES
    assert sorted(row["kind"] for row in rows(chunks)) == ["code"] * 5 + ["html", "text"]
    assert skipped(chunks) == {"no_program": 2}


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
@pytest.mark.parametrize("damage", [b"", b"DIRC", b"DIRC\x00\x00\x00\x02\x00\x00\xff\xff" + bytes(100), None])
def test_a_damaged_index_is_reported_and_the_folder_read_as_any(checkout, damage):
    folder, _ = checkout
    index = folder / ".git" / "index"
    if damage is None:
        index.write_bytes(index.read_bytes()[:150] + b"?" + index.read_bytes()[151:])
    else:
        index.write_bytes(damage)
    with pytest.raises(GitIndexError):
        read_tracked(str(folder / ".git"))
    chunks = read_all(folder)
    assert "git_index_damaged" in [problem.reason for problem in problems(chunks)]
    assert fates(chunks) == FATES | {"untracked.py": ("code", "python", None)}


def test_a_path_in_the_index_cannot_lead_outside(tmp_path):
    name = b"../../secret.py"
    entry = bytes(24) + (0o100644).to_bytes(4, "big") + bytes(32) + len(name).to_bytes(2, "big") + name
    index = b"DIRC" + (2).to_bytes(4, "big") + (1).to_bytes(4, "big") + entry + bytes(8 + 20)
    (tmp_path / "index").write_bytes(index)
    with pytest.raises(GitIndexError, match="outside"):
        read_tracked(str(tmp_path))


def notebook(cells, language="python"):
    return orjson.dumps({"cells": cells, "metadata": {"language_info": {"name": language}}, "nbformat": 4})


CELLS = [
    {"cell_type": "markdown", "source": ["# Means\n", "\n", "Take a mean."]},
    {
        "cell_type": "code",
        "source": "sum([1, 2]) / 2",
        "outputs": [
            {"data": {"text/plain": ["1.5"]}},
            {"data": {"image/png": "AAAA", "text/plain": "<Figure>"}},
        ],
    },
    {"cell_type": "code", "source": "print('x' * 5000)", "outputs": [{"text": "x" * 5000}]},
    {"cell_type": "code", "source": "", "outputs": []},
]


def test_a_notebook_is_its_cells_in_order_with_short_outputs(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(notebook(CELLS))
    (row,) = rows(read_all(tmp_path))
    assert (row["kind"], row["program_language"]) == ("code", "python")
    assert row["content"].decode() == (
        "# %% [markdown]\n# # Means\n#\n# Take a mean.\n\n# %%\nsum([1, 2]) / 2\n# Output:\n# 1.5\n\n"
        "# %%\nprint('x' * 5000)\n\n"
    )


@pytest.mark.parametrize("strange", ["NaN", "-Infinity", '"\\ud800"'])
def test_what_python_writes_into_json_is_read_in_a_notebook(strange):
    output = f'{{"output_type": "execute_result", "data": {{"application/json": {strange}}}}}'
    cell = f'{{"cell_type": "code", "source": "a = 1", "outputs": [{output}]}}'
    book = read_notebook(f'{{"cells": [{cell}]}}'.encode())
    assert book is not None
    assert "a = 1" in book.text


def test_the_language_of_a_notebook_is_its_kernels(tmp_path):
    (tmp_path / "a.ipynb").write_bytes(notebook(CELLS[:2], "julia"))
    (tmp_path / "b.ipynb").write_bytes(notebook(CELLS[:2], "C++17"))
    assert [row["program_language"] for row in rows(read_all(tmp_path))] == ["julia", "python"]


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_checkout_of_sha256_is_read_by_its_index(tmp_path):
    folder = write_tree(tmp_path / "checkout")
    (folder / "untracked.py").write_bytes(b"secret = 1\n")
    for arguments in (["init", "-q", "--object-format=sha256"], ["add", *TREE]):
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"this git has no SHA-256: {done.stderr!r}")
    assert sorted(read_tracked(str(folder / ".git"))) == sorted(TREE)
    assert fates(read_all(folder)) == FATES


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_tracked_files_of_any_name_are_read(checkout):
    folder, git = checkout
    names = [
        b"line\nbreak.py",
        b"end .py",
        b"tab\t.py",
        "gr\u00f6\u00dfe \u6f22.py".encode(),
        b"odd\xff\xfe.py",
    ]
    for name in names:
        try:
            with open(os.fsencode(folder) + b"/" + name, "wb") as file:
                file.write(PYTHON)
        except OSError:
            pytest.skip("this file system takes only names that are UTF-8")
    git("add", "-A")
    found = {row["path"] for row in rows(read_all(folder))}
    assert {name.decode("utf-8", "backslashreplace") for name in names} <= found


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_a_repository_without_its_files_is_one_problem(checkout, tmp_path):
    _, git = checkout
    git("-c", "user.name=a", "-c", "user.email=a@b.example", "commit", "-qm", "first")
    bare = tmp_path / "all" / "bare.git"
    git("clone", "-q", "--bare", ".", str(bare))
    for place in (bare.parent, bare):
        chunks = read_all(place)
        assert [problem.reason for problem in problems(chunks)] == ["git_bare"]
        assert rows(chunks) == []


def test_a_link_in_a_zip_archive_is_counted_and_no_file(tmp_path):
    link = zipfile.ZipInfo("link.py")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(link, "mean.py")
        archive.writestr("mean.py", PYTHON)
    chunks = read_all(tmp_path / "a.zip")
    assert [row["path"] for row in rows(chunks)] == ["mean.py"]
    assert skipped(chunks) == {"link": 1}


def test_a_tar_archive_of_the_first_format_is_read(tmp_path):
    packed = bytearray(tar_of({"mean.py": PYTHON}))
    packed[257:512] = bytes(255)  # magic and what came with it
    packed[148:156] = b" " * 8
    packed[148:156] = b"%06o\x00 " % sum(packed[:512])
    (tmp_path / "a.tar").write_bytes(packed)
    assert [row["path"] for row in rows(read_all(tmp_path / "a.tar"))] == ["mean.py"]
    packed[0] ^= 1
    (tmp_path / "a.tar").write_bytes(packed)
    assert [problem.reason for problem in problems(read_all(tmp_path / "a.tar"))] == ["format_unknown"]


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a21\nsize 12345\n"


@pytest.mark.parametrize(
    "name", ["a.parquet", "a.jsonl", "a.csv", "a.warc.gz", "a.txt", "a.html", "a.zip", "a.py", "a.ipynb"]
)
def test_a_file_that_git_lfs_has_not_fetched_is_a_problem_that_says_so(tmp_path, name):
    (tmp_path / name).write_bytes(POINTER)
    chunks = read_all(tmp_path / name)
    assert rows(chunks) == []
    assert [problem.reason for problem in problems(chunks)] == ["lfs_pointer"]
    (tmp_path / "a.tar").write_bytes(tar_of({name: POINTER, "b.py": PYTHON}))
    chunks = read_all(tmp_path / "a.tar")
    assert [row["path"] for row in rows(chunks)] == ["b.py"]
    assert skipped(chunks) == {"lfs_pointer": 1}


def old_notebook(*cells):
    return json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


def test_a_notebook_of_format_3_has_its_headings_and_language_and_no_pictures():
    heading = {"cell_type": "heading", "level": 2, "source": ["Means"]}
    picture = {"output_type": "display_data", "png": "iVBOR", "text": ["<matplotlib.figure.Figure at 0x7f>"]}
    result = {"output_type": "pyout", "text": ["3.5"]}
    code = {"cell_type": "code", "language": "Scala", "input": ["val x = 1"], "outputs": [picture, result]}
    book = read_notebook(old_notebook(heading, code))
    assert book is not None
    assert book.language == "scala"
    assert book.text == "// %% [markdown]\n// ## Means\n\n// %%\nval x = 1\n// Output:\n// 3.5\n\n"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "cells worksheets cell_type level source input outputs data text metadata language_info "
                "kernelspec name language text/plain".split()
            ),
            inner | st.sampled_from(["code", "heading", "markdown"]),
            max_size=5,
        )
    ),
    max_leaves=30,
)


@given(JSON_VALUES)
def test_a_notebook_with_any_value_in_any_place_is_read_or_is_none(value):
    for book in (value, {"cells": value}, {"worksheets": value}, {"worksheets": [{"cells": value}]}):
        found = read_notebook(json.dumps(book).encode())
        assert found is None or found.text == "" or found.text.endswith("\n")


@pytest.mark.parametrize("content", [b"{", b"[1]", b'{"cells": 3}', b"\xff\xfe", b'{"a": {}}'])
def test_what_is_no_notebook_is_a_reason(tmp_path, content):
    assert read_notebook(content) is None
    (tmp_path / "a.tar").write_bytes(tar_of({"a.ipynb": content}))
    (row,) = rows(read_all(tmp_path / "a.tar"))
    assert (row["kind"], row["drop_reason"]) == ("code", "notebook_invalid")


STACK_V1 = {
    "hexsha": "0f", "size": 10, "ext": "py", "lang": "Python", "max_stars_repo_path": "a/mean.py",
    "max_stars_repo_name": "ann/means", "max_stars_repo_licenses": ["MIT"], "content": PYTHON.decode(),
}  # fmt: skip
STACK_V2 = {
    "blob_id": "0f", "path": "/src/add.rs", "repo_name": "ann/add", "language": "Rust", "detected_licenses": ["Apache-2.0", "MIT"],
    "license_type": "permissive", "is_vendor": False, "is_generated": False, "extension": "rs", "content": RUST.decode(),
}  # fmt: skip
STARCODER = {
    "max_stars_repo_path": "mean.py", "max_stars_repo_name": "ann/means", "id": "7",
    "content": "<reponame>ann/means<filename>mean.py<gh_stars>1-10\n" + PYTHON.decode(),
}  # fmt: skip


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (STACK_V1, ("python", "a/mean.py", "MIT", PYTHON, None)),
        (STACK_V2, ("rust", "/src/add.rs", "Apache-2.0, MIT", RUST, None)),
        (STARCODER, ("python", "mean.py", None, PYTHON, None)),
        ({**STACK_V2, "is_vendor": True}, ("rust", "/src/add.rs", "Apache-2.0, MIT", None, "code_vendored")),
        (
            {**STACK_V2, "is_generated": True},
            ("rust", "/src/add.rs", "Apache-2.0, MIT", None, "code_generated"),
        ),
        (
            {"text": RUST.decode(), "language": "c/c++", "path": "x.unknown"},
            ("c++", "x.unknown", None, RUST, None),
        ),
        (
            {"content": "<html><head><script>", "path": "a.php"},
            ("php", "a.php", None, b"<html><head><script>", None),
        ),
    ],
)
@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_layouts_of_published_data_sets_are_found_by_name(tmp_path, row, expected, kind):
    if kind == "jsonl":
        (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row) + b"\n")
    else:
        pq.write_table(pa.Table.from_pylist([row]), tmp_path / "a.parquet")
    (found,) = rows(read_all(tmp_path))
    assert found["kind"] == "code"
    names = ("program_language", "path", "license", "content", "drop_reason")
    assert tuple(found[name] for name in names) == expected


def test_what_older_writers_left_as_bytes_is_text(tmp_path):
    row = {**STACK_V1, "title": "Means", "max_stars_repo_licenses": ["MIT"]}
    as_bytes = {
        name: [item.encode() for item in value] if isinstance(value, list) else str(value).encode()
        for name, value in row.items()
    }
    found = []
    for values in (row, as_bytes):
        pq.write_table(
            pa.Table.from_pylist([values, {"content": values["content"], "title": values["title"]}]),
            tmp_path / "a.parquet",
        )
        found.append(
            [
                (
                    page["kind"],
                    page["program_language"],
                    page["path"],
                    page["license"],
                    page["title"],
                    page["content"],
                )
                for page in rows(read_all(tmp_path))
            ]
        )
    assert found[0] == found[1]
    assert found[0][0][:5] == ("code", "python", "a/mean.py", "MIT", "Means")
    assert found[0][1][4] == "Means"


@pytest.mark.parametrize(
    ("stated", "is_kept"),
    [
        (["MIT", "BSD-3-Clause"], True), ('["MIT", "BSD-3-Clause"]', True), ("['MIT']", True), ('["MIT", "GPL-3.0"]', False),
        ({"key": "mit", "name": "MIT License"}, True), ([{"spdx_id": "MIT"}, {"spdx_id": "GPL-3.0"}], False),
        ("mit or gpl-3.0", True), ("MIT and GPL-3.0", False), ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-2.0 WITH Classpath-exception-2.0", False), ("Apache-2.0+", True), ("GPL-2.0+", False),
        ("(MIT OR GPL-3.0) AND GPL-3.0", False), ("https://example.org/mit/gpl", False), ("", False), ("+", False), ("()", False),
    ],
)  # fmt: skip
def test_a_licence_is_read_in_every_form_that_data_states_it(tmp_path, stated, is_kept):
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps({**STACK_V1, "max_stars_repo_licenses": stated}))
    (row,) = rows(read_all(tmp_path, options=ReadOptions(license="permissive")))
    assert (row["drop_reason"] is None) == is_kept


def test_of_several_tags_of_licences_in_a_file_all_count():
    assert (
        stated_license(b"# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: GPL-3.0\n")
        == "MIT AND GPL-3.0"
    )
    assert stated_license(b"# SPDX-License-Identifier: MIT\n# SPDX-License-Identifier: MIT\n") == "MIT"


@pytest.mark.parametrize(
    ("stated", "is_dropped"),
    [("True", True), ("true", True), (1, True), ("False", False), (0, False), (None, False), ("", False)],
)
def test_a_column_of_true_and_false_counts_as_numbers_and_as_text_too(tmp_path, stated, is_dropped):
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps({**STACK_V2, "is_vendor": stated}))
    (row,) = rows(read_all(tmp_path))
    assert (row["drop_reason"] == "code_vendored") == is_dropped


@pytest.mark.parametrize(
    "row",
    [
        {"text": "A page.", "language": "en", "path": "crawl-data/a.warc.gz"},
        {"text": "A page.", "language": "C"},
        {"text": "# Read me", "language": "Markdown", "path": "README.md", "ext": "md"},
        {"text": "A page.", "language": "en", "url": "http://example.org/a.py"},
        {"text": '{"a": 1}', "lang": "JSON", "path": "a.json", "ext": "json"},
    ],
)
def test_rows_of_prose_and_data_are_no_programs(tmp_path, row):
    (tmp_path / "a.jsonl").write_bytes(orjson.dumps(row) + b"\n")
    (found,) = rows(read_all(tmp_path))
    assert (found["kind"], found["program_language"], found["path"]) == ("text", None, None)


def test_a_screen_of_licences_takes_what_the_data_states(tmp_path):
    lines = [
        STACK_V1,
        {**STACK_V1, "max_stars_repo_licenses": ["GPL-3.0"]},
        {**STACK_V1, "max_stars_repo_licenses": []},
        {"text": "A page."},
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(map(orjson.dumps, lines)))
    (tmp_path / "b.py").write_bytes(b"# SPDX-License-Identifier: Apache-2.0\nx = 1\n")
    found = [
        row["drop_reason"] for row in rows(read_all(tmp_path, options=ReadOptions(license="permissive")))
    ]
    assert found == [None, "license_not_permissive", "license_not_permissive", None, None]
    with pytest.raises(UnknownNameError, match="permissive"):
        ReadOptions(license="permisive")


def test_broken_encodings_become_valid_text(tmp_path):
    (tmp_path / "latin.py").write_bytes("# Größe des Kreises über alles\nr = 1\n".encode("latin-1"))
    (tmp_path / "utf16.py").write_bytes("# Größe\r\nr = 1\r\n".encode("utf-16"))
    (tmp_path / "zeros.py").write_bytes(b"\x00\x01\x02\x03" * 100)
    chunks = read_all(tmp_path)
    assert [row["content"].decode()[:7] for row in rows(chunks)] == ["# Größe", "# Größe"]
    assert "\r" not in rows(chunks)[1]["content"].decode()


@pytest.mark.parametrize(
    ("name", "head", "language"),
    [
        ("a.h", b"int f(void);", "c"),
        ("a.h", b"namespace x {", "c++"),
        ("a.m", b"#import <X.h>", "objective-c"),
        ("a.pl", b"use strict;", "perl"),
        ("a.pl", b":- module(a).", "prolog"),
        ("a.v", b"module top;", "verilog"),
        ("run", b"#!/bin/bash\n", "shell"),
        ("run", b"#!/usr/bin/env -S python3.11 -u\n", "python"),
        ("run", b"#!\xff\n", None),
        ("LICENSE", b"MIT", None),
        ("Makefile", b"all:", "makefile"),
        ("a.ts", b"<?xml version='1.0'?>", None),
        ("a.jsonl", b"", None),
        (".gitignore", b"*.o", None),
    ],
)
def test_languages_by_name_and_content(name, head, language):
    assert name_language(name, head) == language


def test_labels_of_data_sets_mean_one_language():
    assert {known_language(name) for name in ("C++", "cpp", "c/c++")} == {"c++"}
    assert known_language("english") is None


def test_a_folder_of_sources_is_listed_in_one_order(tmp_path):
    write_tree(tmp_path)
    assert find_files([str(tmp_path)]) == find_files([str(tmp_path)])
