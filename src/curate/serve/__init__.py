"""Scorers over HTTP, for programs in other languages on this machine; what scores is the library, unchanged.

Here belong the address, its limits and its counters; nothing that decides a score.
"""
