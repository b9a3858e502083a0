"""datatrove's MinHash deduplication, Parquet to Parquet: `python dedup_datatrove.py IN OUT TOKENIZER`.

Its own defaults: 14 bands of 8 rows, word 5-grams, no verification. TOKENIZER is `default` or `whitespace`.
"""

import sys

from datatrove.executor import LocalPipelineExecutor
from datatrove.pipeline.dedup import MinhashDedupCluster, MinhashDedupFilter, MinhashDedupSignature
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupBuckets
from datatrove.pipeline.readers import ParquetReader
from datatrove.pipeline.writers import ParquetWriter
from datatrove.utils.word_tokenizers import WordTokenizer


class SplitTokenizer(WordTokenizer):
    """Words between white space."""

    def word_tokenize(self, text):
        return text.split()

    def sent_tokenize(self, text):
        return [text]

    def span_tokenize(self, text):
        return [(0, len(text))]


def main():
    source, out, tokenizer = sys.argv[1:]
    config = MinhashConfig()
    language = "eng" if tokenizer == "default" else SplitTokenizer()
    if tokenizer == "default":
        from datatrove.utils.typeshelper import Languages

        language = Languages.english

    def read():
        return ParquetReader(source, glob_pattern="*.parquet")

    steps = [
        [read(), MinhashDedupSignature(output_folder=f"{out}/sigs", config=config, language=language)],
        [MinhashDedupBuckets(input_folder=f"{out}/sigs", output_folder=f"{out}/buckets", config=config)],
        [MinhashDedupCluster(input_folder=f"{out}/buckets", output_folder=f"{out}/ids", config=config)],
        [read(), MinhashDedupFilter(input_folder=f"{out}/ids"), ParquetWriter(f"{out}/kept")],
    ]
    for number, pipeline in enumerate(steps):
        tasks = config.num_buckets if number == 1 else 1
        LocalPipelineExecutor(
            pipeline=pipeline,
            tasks=tasks,
            workers=1,
            logging_dir=f"{out}/logs/{number}",
            start_method="spawn",
        ).run()


if __name__ == "__main__":
    main()
