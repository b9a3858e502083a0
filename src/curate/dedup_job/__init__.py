"""`curate dedup` and `curate index` on files: pieces, plans, commits and warnings around `curate.dedup`."""
