"""Deduplication: exact, by URL, and by verified near-duplicates; every removed document has a kept twin.

What finds copies among keys and texts belongs here; where the files lie and which job asks does not.
"""

from curate.dedup.find import find_duplicates
from curate.dedup.minhash import compute_keys, compute_signatures, signatures_to_datasketch
from curate.dedup.plan import DedupPlan
from curate.dedup.resolve import resolve_duplicates
from curate.dedup.shards import KeyShard, SignedShard, TextShard

__all__ = [
    "DedupPlan",
    "KeyShard",
    "SignedShard",
    "TextShard",
    "compute_keys",
    "compute_signatures",
    "find_duplicates",
    "resolve_duplicates",
    "signatures_to_datasketch",
]
