"""Calls to language models: the one engine that asks, waits, pays and remembers, whatever is asked for.

What is the same for whoever calls a model belongs here; what a reply means does not.

settings, requests -> Asker(...).ask_all() -> replies in a Store, each paid for once

`annotate` asks it for levels, `craft` for text.
"""
