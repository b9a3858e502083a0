"""Text -> language and confidence, by fastText's 176-language model.

Codes and guesses of languages belong here; which pages stay for theirs does not.
"""

from curate.language.identify import ANY_LANGUAGE, LANGUAGE_SCHEMA, check_languages, identify_languages

__all__ = ["ANY_LANGUAGE", "LANGUAGE_SCHEMA", "check_languages", "identify_languages"]
