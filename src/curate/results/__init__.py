"""Finished runs: explain a document, move the threshold, see the whole, as text or HTML.

What reads a folder that the main job wrote belongs here; nothing here reads a crawl.
"""
