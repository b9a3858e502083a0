"""Calls to language models: the one engine that asks, waits, pays and remembers, whatever is asked for.

settings, requests -> Asker(...).ask_all() -> replies in a Store, each paid for once

`annotate` asks it for levels, `craft` for text. What a reply means is the business of those who ask.
"""
