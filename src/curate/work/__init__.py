"""Sharing work and committing it: engines, the run folder with its lock, files written whole, progress, clocks.

What starts workers, takes a lock or renames a file belongs here; nothing here knows what a document is.
"""
