"""datatrove's FineWeb-like job, one process: `python filter_datatrove.py text|html INPUT OUT`.

Gopher repetition, Gopher quality, C4 without the terminal-punctuation rule, FineWeb quality, then its MinHash
deduplication by default. Language identification is left out: datatrove downloads its model. From HTML,
trafilatura comes first.
"""

import gzip
import sys
from pathlib import Path

from datatrove.data import Document
from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.extractors import Trafilatura
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
)
from datatrove.pipeline.readers import JsonlReader
from datatrove.pipeline.writers import JsonlWriter, ParquetWriter
from datatrove.utils.typeshelper import Languages


def read_pages(folder):
    def read(data, rank=0, world_size=1):
        del data, rank, world_size
        for path in sorted(Path(folder).rglob("*.html.gz")):
            yield Document(text=gzip.decompress(path.read_bytes()).decode("utf-8", "replace"), id=path.name)

    return read


def main():
    kind, source, out = sys.argv[1:]
    config = MinhashConfig()
    first = (
        [JsonlReader(source)] if kind == "text" else [read_pages(source), Trafilatura(favour_precision=True)]
    )
    filters = [
        GopherRepetitionFilter(),
        GopherQualityFilter(),
        C4QualityFilter(filter_no_terminal_punct=False),
        FineWebQualityFilter(),
    ]
    steps = [
        [*first, *filters, JsonlWriter(f"{out}/filtered")],
        [
            JsonlReader(f"{out}/filtered"),
            MinhashDedupSignature(output_folder=f"{out}/sigs", config=config, language=Languages.english),
        ],
        [MinhashDedupBuckets(input_folder=f"{out}/sigs", output_folder=f"{out}/buckets", config=config)],
        [MinhashDedupCluster(input_folder=f"{out}/buckets", output_folder=f"{out}/ids", config=config)],
        [
            JsonlReader(f"{out}/filtered"),
            MinhashDedupFilter(input_folder=f"{out}/ids"),
            ParquetWriter(f"{out}/kept"),
        ],
    ]
    for number, pipeline in enumerate(steps):
        tasks = config.num_buckets if number == 2 else 1
        LocalPipelineExecutor(
            pipeline=pipeline, tasks=tasks, workers=1, logging_dir=f"{out}/logs/{number}", start_method="fork"
        ).run()


if __name__ == "__main__":
    main()
