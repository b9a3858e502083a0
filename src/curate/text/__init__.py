"""What every kernel stands on: the one decorator, unaligned reads, UTF-8, Unicode tables, words,
charsets, JSON values, what may be printed.

What more than one room does to bytes or characters belongs here; what is measured or decided from text does not.
"""
