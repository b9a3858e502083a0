"""Reading from S3, against a server on this machine."""

from __future__ import annotations

import pytest
from crawl_builders import COMPRESS, info_record, page_record, read_all, rows, same, skipped

from curate.crawl import ReadOptions, find_files, hash_file
from curate.errors import SettingError

pytest.importorskip("s3fs")
boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")
pytestmark = pytest.mark.filterwarnings("ignore")  # of boto3 and moto, about their own insides


@pytest.fixture(scope="module")
def endpoint():
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint, monkeypatch, tmp_path):
    import fsspec

    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
    }.items():
        monkeypatch.setenv(name, value)
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="crawls")
    yield lambda key, data: client.put_object(Bucket="crawls", Key=key, Body=data)
    for item in client.list_objects_v2(Bucket="crawls").get("Contents", []):
        client.delete_object(Bucket="crawls", Key=item["Key"])
    client.delete_bucket(Bucket="crawls")


def test_a_bucket_is_read_as_a_folder_is(bucket, tmp_path):
    records = [info_record(), *(page_record(i, n_words=3000) for i in range(60))]
    files = {
        "2024/a.warc.gz": b"".join(map(COMPRESS["gzip"], records)),
        "2024/b.jsonl": b'{"text": "one"}\n{"text": "two"}\n',
        "2024/_SUCCESS": b"",
        "2025/c.html": b"<html>" + b"<p>word " * 200_000,
    }
    for name, data in files.items():
        bucket(name, data)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(data)
    found = find_files(["s3://crawls/"])
    assert [(file.source, file.size_bytes) for file in found] == [
        (name, len(data)) for name, data in files.items() if "_SUCCESS" not in name
    ]
    options = ReadOptions(chunk_records=16)
    chunks = read_all("s3://crawls/", options=options)
    assert same(chunks, read_all(tmp_path, options=options))
    assert same(read_all("s3://crawls/", options=options, start=chunks[1].cursor), chunks[2:])
    assert len(rows(chunks)) == 63
    assert skipped(chunks) == {"warc_warcinfo": 1}
    assert [file.source for file in find_files(["s3://crawls/*/*.gz"])] == ["2024/a.warc.gz"]
    assert [file.source for file in find_files(["s3://crawls/2025"])] == ["c.html"]
    assert hash_file(found[0]).startswith("etag:")


def test_a_missing_key_or_bucket_is_one_line(bucket):
    for url in ("s3://crawls/nothing", "s3://no-such-bucket/x"):
        with pytest.raises(SettingError, match=r"does not exist|cannot be listed") as error:
            find_files([url])
        assert "\n" not in str(error.value)
