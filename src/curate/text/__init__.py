"""What every kernel stands on: the one decorator, UTF-8, Unicode tables, words, charsets, JSON values, printing.

What more than one room does to bytes or characters belongs here; what is measured or decided from text does not.
"""
