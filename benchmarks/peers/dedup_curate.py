"""`curate dedup` with one worker: `python dedup_curate.py IN OUT [MEMORY]`."""

import sys

from curate.jobs.dedup import dedup_files

if __name__ == "__main__":
    memory = sys.argv[3] if len(sys.argv) > 3 else "4GB"
    dedup_files(sys.argv[1], sys.argv[2], workers=1, progress=False, memory=memory)
