"""Files that readers judged, found again in the archives they came from."""

import gzip
import io
import shutil
import subprocess
import tarfile
import zipfile

import pytest
from classifiers.recipe.bundled_pages import read_levels, read_more
from classifiers.recipe.code import read_code
from classifiers.recipe.gather import READINGS, gather, identify

PROGRAM = "def add(a, b):\n    return a + b\n"
NESTED = "class Sum {}\n"
LATIN = "// caf\xe9\n"
PAGE = "<html><body><h1>Sums</h1><p>Two numbers are added from right to left.</p></body></html>"


def write_tar(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def archives(tmp_path):
    folder = tmp_path / "archives"
    folder.mkdir()
    write_tar(
        folder / "sums-1.0.tar.gz",
        {"sums-1.0/add.py": PROGRAM.encode(), "lib/src.zip": zipped({"a/Sum.java": NESTED.encode()})},
    )
    (folder / "old-2.zip").write_bytes(
        zipped({"old/cafe.js": LATIN.encode("latin-1"), "old/add.py": b"changed"})
    )
    return folder


def write_table(folder, name, rows):
    folder.mkdir(exist_ok=True)
    lines = ["\t".join(rows[0]), *("\t".join(row.values()) for row in rows)]
    (folder / name).write_text("\n".join(lines) + "\n")


def files_of(*files):
    return [
        {"id": identify(text), "package": "pypi/sums", "archive": archive, "path": path, "language": "python"}
        for archive, path, text in files
    ]


def test_files_are_found_in_archives_and_in_archives_within_them(tmp_path, archives):
    files = files_of(
        ("sums-1.0.tar.gz", "sums-1.0/add.py", PROGRAM),
        ("sums-1.0.tar.gz", "a/Sum.java", NESTED),
        ("old-2.zip", "old/cafe.js", LATIN),
    )
    write_table(tmp_path / "readings", "code.files.tsv", files)
    levels = [
        {"id": file["id"], "edu_level": level, "reader": "r0", "reason": "clear"}
        for file, level in zip(files, "321", strict=True)
    ]
    write_table(tmp_path / "readings", "code.levels.tsv", levels)
    assert gather("code", archives, tmp_path / "more", tmp_path / "readings") == []
    read = read_code(tmp_path / "more")
    assert dict(zip(read.texts.to_pylist(), read.levels.tolist(), strict=True)) == {
        PROGRAM: 3.0,
        NESTED: 2.0,
        LATIN: 1.0,
    }


def test_what_is_missing_or_differs_is_named_and_left_out_with_its_readings(tmp_path, archives):
    files = files_of(
        ("sums-1.0.tar.gz", "sums-1.0/add.py", PROGRAM),
        ("old-2.zip", "old/add.py", PROGRAM + "\n"),
        ("gone-3.tar.gz", "gone/add.py", PROGRAM + "# gone\n"),
    )
    write_table(tmp_path / "readings", "code.files.tsv", files)
    levels = [{"id": file["id"], "edu_level": "2", "reader": "r0", "reason": ""} for file in files]
    write_table(tmp_path / "readings", "code.levels.tsv", levels)
    missing = gather("code", archives, tmp_path / "more", tmp_path / "readings")
    assert [line.split()[0] for line in missing] == ["gone-3.tar.gz", "old-2.zip"]
    assert [row["id"] for row in read_levels(tmp_path / "more" / "levels.tsv")] == [files[0]["id"]]


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb is not installed")
def test_pages_of_a_debian_package_go_to_the_recipe_as_pages_of_that_package(tmp_path):
    tree = tmp_path / "sums-doc"
    (tree / "DEBIAN").mkdir(parents=True)
    control = "Package: sums-doc\nVersion: 1\nArchitecture: all\nMaintainer: nobody <a@example.org>\nDescription: sums\n"
    (tree / "DEBIAN" / "control").write_text(control)
    (tree / "usr" / "share").mkdir(parents=True)
    (tree / "usr" / "share" / "sums.html.gz").write_bytes(gzip.compress(PAGE.encode()))
    archives = tmp_path / "archives"
    archives.mkdir()
    subprocess.run(
        ["dpkg-deb", "--build", "-Znone", tree, archives / "sums-doc_1_all.deb"],
        check=True,
        capture_output=True,
    )
    file = {
        "id": identify(PAGE),
        "package": "sums-doc",
        "archive": "sums-doc_1_all.deb",
        "path": "usr/share/sums.html",
    }
    write_table(tmp_path / "readings", "docs.files.tsv", [file])
    level = {"id": file["id"], "edu_level": "3", "quality_level": "4", "reader": "r0", "reason": "short"}
    write_table(tmp_path / "readings", "docs.levels.tsv", [level])
    assert gather("docs", archives, tmp_path / "more", tmp_path / "readings") == []
    more = tmp_path / "more"
    (row,) = read_more(more, read_levels(more / "levels.tsv"), {}, "readers")
    assert (row["site"], row["edu_level"], row["quality_level"]) == ("sums-doc", "3", "4")
    assert "right to left" in row["text"]


@pytest.mark.parametrize(
    ("kind", "names"), [("code", ["edu_level"]), ("docs", ["edu_level", "quality_level"])]
)
def test_the_tables_agree_with_one_another(kind, names):
    ids = [row["id"] for row in read_levels(READINGS / f"{kind}.files.tsv")]
    readings = read_levels(READINGS / f"{kind}.levels.tsv")
    assert len(ids) == len(set(ids))
    # What else was read stands in the data folder: files and pages of the first round, and web pages.
    others = {row["id"] for row in readings} - set(ids)
    assert {row["id"] for row in readings} - others == set(ids)
    assert 0 < len(others) < len(ids)
    assert len(readings) == len({(row["id"], row["reader"]) for row in readings})
    assert all(row[name] in "012345" for row in readings for name in names)
