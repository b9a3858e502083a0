"""Finds crawl files and reads them into batches of pages.

What knows a file format or an archive belongs here; what a page says, and whether it stays, is for other rooms.

    files = find_files(["crawl/"])
    for split in plan_splits(files):
        for chunk in read_chunks(split, ReadOptions()):
            chunk.pages  # Arrow record batch, schema curate.batch.PAGE_SCHEMA

Format and compression are decided by content. Bad data is a row with a `drop_reason` or a `FileProblem`.
"""

from curate.crawl.check import check_columns
from curate.crawl.chunks import Chunk, Cursor, Split, plan_splits, read_chunks
from curate.crawl.find import InputFile, find_files, find_kept, hash_file, may_be_html, refuse_as_output
from curate.crawl.opening import read_rows
from curate.crawl.options import ReadOptions
from curate.crawl.records import FileProblem, Mark

__all__ = [
    "Chunk",
    "Cursor",
    "FileProblem",
    "InputFile",
    "Mark",
    "ReadOptions",
    "Split",
    "check_columns",
    "find_files",
    "find_kept",
    "hash_file",
    "may_be_html",
    "plan_splits",
    "read_chunks",
    "read_rows",
    "refuse_as_output",
]
