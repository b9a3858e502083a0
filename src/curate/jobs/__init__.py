"""The other jobs over files: deduplication, the index of earlier crawls, scores alone, the study of rules.

What takes input files and writes files beside the main job belongs here; their arithmetic has rooms below.
"""
