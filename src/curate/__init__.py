"""Curate web text for language models: one command from crawl files to scored Parquet."""

__version__ = "0.1.0"
