"""The parts of one run of the main job: its settings, screens, reading, barrier, cut, funnel and manifest.

What one document goes through belongs here or in a room below; what a finished folder answers, in `curate.results`.
"""
