"""A DataFrame of Dask: the scorer is asked once for each partition, where that partition lies."""

import dask.dataframe as dd
import pandas as pd
from texts import TEXTS, show

import curate


def main() -> None:
    """In a function, so that processes which Dask starts do not run the script again."""
    frame = dd.from_pandas(pd.DataFrame({"text": TEXTS}), npartitions=2)
    meta = curate.score_table(pd.DataFrame({"text": pd.Series(dtype=frame.dtypes["text"])}))
    scored = frame.map_partitions(curate.score_table, meta=meta).compute(scheduler="threads")
    show(scored["edu_score"].tolist())


if __name__ == "__main__":
    main()
