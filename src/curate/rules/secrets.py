"""Secrets leave the text: keys and tokens of well-known services, private keys, passwords in addresses and assignments.

After the PII pass of StarCoder (Li et al. 2023, arXiv 2305.06161, section 4), which marks keys and passwords with `<KEY>` and
`<PASSWORD>` by a model; its predecessor in SantaCoder (Ben Allal et al. 2023, arXiv 2301.03988) used detect-secrets. Here
patterns decide: the prefixes, alphabets and lengths are those of the plugins of detect-secrets 1.5 (Yelp, Apache 2.0), and for
services that it does not know those that their documentation states. A string that merely looks random is left: it is
a hash or an id more often than a secret.

Every pattern begins with a word of its own and repeats nothing without end, so that the time is linear in the text.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import whole

KEY_PLACEHOLDER = "<KEY>"
PASSWORD_PLACEHOLDER = "<PASSWORD>"  # noqa: S105 - no password

_W = r"[A-Za-z0-9_-]"
# A token ends where its alphabet does: one letter more, and it is something else.
_TOKENS = (
    # detect-secrets 1.5
    r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])",  # AWS, id of an access key
    rf"gh[pousr]_[A-Za-z0-9]{{36}}(?!{_W})",  # GitHub
    rf"gl(?:pat|oas|dt|rt|cbt|ptt|ft|imt|agent|soat)-{_W}{{20,50}}(?!{_W})",  # GitLab
    r"xox[abposr]-(?:[0-9]{1,20}-){1,4}[A-Za-z0-9]{8,64}(?![A-Za-z0-9])",  # Slack
    r"hooks\.slack\.com/services/T[A-Za-z0-9_]{8,12}/B[A-Za-z0-9_]{8,12}/[A-Za-z0-9_]{24}(?![A-Za-z0-9_])",
    r"[rs]k_live_[0-9a-zA-Z]{24,99}(?![0-9A-Za-z])",  # Stripe
    rf"SG\.{_W}{{22}}\.{_W}{{43}}(?!{_W})",  # SendGrid
    r"[0-9a-f]{32}-us[0-9]{1,2}(?![0-9A-Za-z])",  # Mailchimp
    rf"pypi-AgE(?:IcHlwaS5vcmc|NdGVzdC5weXBpLm9yZw){_W}{{70,250}}(?!{_W})",  # PyPI
    rf"sq0(?:csp-{_W}{{43}}|atp-{_W}{{22}})(?!{_W})",  # Square
    rf"[MNO][A-Za-z0-9_-]{{23,25}}\.{_W}{{6}}\.{_W}{{27}}(?!{_W})",  # Discord
    rf"[0-9]{{8,10}}:AA{_W}{{33}}(?!{_W})",  # Telegram
    rf"sk-(?:[a-z]{{1,12}}-)?{_W}{{20,74}}T3BlbkFJ{_W}{{20,74}}(?!{_W})",  # OpenAI
    rf"eyJ{_W}{{8,1024}}\.eyJ{_W}{{8,4096}}\.{_W}{{16,1024}}(?!{_W})",  # a JSON web token
    r"(?:AC|SK)[0-9a-f]{32}(?![0-9A-Za-z])",  # Twilio
    # the services' documentation
    rf"discord(?:app)?\.com/api/webhooks/[0-9]{{17,20}}/{_W}{{60,72}}(?!{_W})",
    r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9_])",
    r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9_])",
    rf"AIza{_W}{{35}}(?!{_W})",  # Google
    rf"GOCSPX-{_W}{{28}}(?!{_W})",
    rf"ya29\.{_W}{{40,250}}(?!{_W})",
    rf"sk-ant-[a-z]{{3,8}}[0-9]{{2}}-{_W}{{80,120}}(?!{_W})",  # Anthropic
    r"hf_[A-Za-z]{34}(?![A-Za-z0-9_])",  # Hugging Face
    r"dop_v1_[a-f0-9]{64}(?![A-Za-z0-9_])",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}(?![A-Za-z0-9_])",  # Shopify
    r"dapi[a-f0-9]{32}(?![A-Za-z0-9_])",  # Databricks
    r"AGE-SECRET-KEY-1[0-9A-Z]{58}(?![A-Za-z0-9_])",  # age
)
_TOKEN = re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(_TOKENS)})")
_AZURE = re.compile(r"AccountKey=([A-Za-z0-9+/]{86}==)")

_BLOCK = re.compile(r"-----BEGIN [A-Z ]{0,24}PRIVATE KEY(?: BLOCK)?-----")
_BLOCK_END = "-----END "
_MOST_OF_A_BLOCK = 1 << 14
_LEAST_OF_A_BLOCK = 64
# Lines of a key whose end is missing, as they stand in a file or a string: 16 letters and more, and what parts them.
_BLOCK_LINES = re.compile(r"(?:[\s\"',\\]{0,16}(?:\\[nr]){0,2}[\s\"',]{0,8}[A-Za-z0-9+/=]{16,128})*")
_KEY_LETTERS = re.compile(r"[A-Za-z0-9+/=]{16,}")

_IN_ADDRESS = re.compile(
    r"://[^\s:/?#\[\]@\"'`<>{}$%]{0,64}:([^\s:/?#\[\]@\"'`<>{}$]{3,128})@(?=[A-Za-z0-9\[{$%])"
)

_KEY_WORDS = (
    r"(?:api|auth|access|account|secret|private|client|service|encryption|signing|master|consumer)[_-]?(?:key|token|secret)"
    r"|(?:aws|app|bot|oauth|bearer|refresh|secret)[_-]?(?:secret|token)|secret"
)
_PASSWORD_WORDS = r"(?<![a-z])pass(?![a-z])|passw(?:or)?d|passphrase|passwort|contrase[nñ]a|mot_de_passe|pwd"  # noqa: S105
_ASSIGNED = re.compile(
    rf"(?P<word>{_KEY_WORDS}|{_PASSWORD_WORDS})\w{{0,24}}[\"'`]?\]?\s{{0,3}}(?::=|=>|[:=,]|value=)\s{{0,3}}[@A-Za-z]{{0,2}}(?P<quote>[\"'`])"
    r"(?P<value>[^\s\"'`\\<>]{6,256})(?P=quote)",
    re.IGNORECASE,
)
# A variable of a shell, without quotes.
_EXPORTED = re.compile(
    r"^[ \t]{0,16}(?:export[ \t]{1,3})?[A-Z0-9_]{0,40}?(?P<word>KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD)="
    r"(?P<value>[^\s\"'`\\<>{}()$]{6,256})[ \t]{0,16}$",
    re.MULTILINE,
)
_BEARER = re.compile(
    r"Authorization[\"']?\s{0,3}[:=,]\s{0,3}[\"']?(?:Bearer|Token|Basic) ([A-Za-z0-9._~+/=-]{16,1024})"
)
# Passwords on a command line, and of a mail server.
_TYPED_VALUE = r"([^\s\"'`\\<>{}()$]{6,128})"
_CURL_USER = r"[^\n]{0,200}?\s(?:-u|--user)[ =][\"']?[^\s:\"']{1,64}:"
_MYSQL_FLAG = r"[^\n]{0,100}?-p"
_TYPED = re.compile(
    rf"(?:\bcurl\b{_CURL_USER}|\bsshpass {{1,3}}-p\s{{0,3}}[\"']?|\bmysql(?:dump|admin)? {_MYSQL_FLAG}"
    rf"|\.login\([\"'][^\"'\n]{{1,64}}[\"'],\s{{0,3}}[\"']){_TYPED_VALUE}"
)
_TYPED_NEXT = {"curl": re.compile(_CURL_USER + _TYPED_VALUE), "mysq": re.compile(_MYSQL_FLAG + _TYPED_VALUE)}
"""By a command's first letters: another password on its line."""
_PASSWORD = re.compile(_PASSWORD_WORDS, re.IGNORECASE)

# What stands in place of a secret in examples and tests.
_NO_SECRET = re.compile(
    r"example|sample|dummy|fake|mock|placeholder|change|your|my[_-]|xxx|\*\*|\.\.\.|redact|removed|hidden|invalid|secret"
    r"|passw|passphrase|token|test|demo|foo|bar|qwerty|letmein|admin|insert|replace|todo|none|null|true|false|undefined"
    r"|123456|abcdef|aaaa|0000|user|name|%s|env|config|key$",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"^\$|\$[{(A-Za-z_]|[{}()]")
_SAYS_NOTHING = re.compile(r"example|xxxx|your|placeholder|0{8}|1234567890|abcdefghij", re.IGNORECASE)
_KEY_VALUE = re.compile(r"[A-Za-z0-9+/=_.~-]+")
_BETWEEN_WORDS = re.compile(r"[-_./]")
_LEAST_KEY_CHARS = 16
_LEAST_BITS = 3.0  # of entropy a character: detect-secrets' limit of hexadecimal strings
_LEAST_BITS_ONE_DIGIT = 4.0
_LEAST_DISTINCT = 8

# Joined to one pattern for RE2, whose time is linear: only texts in which it finds something are read by the others. A count
# behind what is no word of its own would make it ten times slower.
_HINTS = (
    r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA|AGE-SECRET-KEY-|(?:gh[pousr]|npm|hf|[rs]k_live|github_pat|dop_v1|shp(?:at|ca|pa|ss))_)[A-Za-z0-9_-]{14}",
    r"(?:gl[a-z]+-|SG\.|sq0[ac][st]p-|AIza|GOCSPX-|ya29\.|sk-ant-|eyJ|AC|SK|dapi|pypi-AgE|/api/webhooks/)[A-Za-z0-9_-]{14}",
    r"xox[abposr]-[0-9]|hooks\.slack\.com/|[0-9a-f]-us[0-9]|:AA[A-Za-z0-9_-]{14}|T3BlbkFJ|\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27}",
    r"AccountKey=|PRIVATE KEY(?: BLOCK)?-----|://[^\s/@]*:[^\s/@]+@|curl |sshpass |mysql[a-z]* |\.login\(|Authorization",
    r"(?i:key|token|secret|pass|pwd|contrase)\w*[\"'`]?\]?\s*(?::=|=>|[:=,]|value=)\s*[@A-Za-z]*[\"'`]",
    r"(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PWD)=[^\s\"'`$]",
)


def redact_secrets(texts: pa.Array | pa.ChunkedArray) -> tuple[pa.Array, pa.Array]:
    """Replace keys, tokens and passwords in N texts by `<KEY>` and `<PASSWORD>`.

    Values that examples use (`your-api-key`, `AKIAIOSFODNN7EXAMPLE`) stay, as do variables (`$TOKEN`) and public keys and
    certificates. Redacting twice changes nothing.

    Returns:
        The texts (large_string; null is empty) and the number of secrets replaced in each (int32).

    >>> texts, n = redact_secrets(pa.array(["db = connect('pg://ann:h7Gq2x@db.local/a')"]))
    >>> texts[0].as_py(), n[0].as_py()
    ("db = connect('pg://ann:<PASSWORD>@db.local/a')", 1)
    """
    texts = whole(texts).cast(pa.large_string()).fill_null("")
    may_hold = pc.match_substring_regex(texts, "|".join(_HINTS))
    rows = np.flatnonzero(may_hold.to_numpy(zero_copy_only=False))
    counts = np.zeros(len(texts), np.int32)
    if not len(rows):
        return texts, pa.array(counts)
    redacted: list[str] = []
    for row, text in zip(rows, texts.take(pa.array(rows)).to_pylist(), strict=True):
        cleaned, counts[row] = _redact(text)
        redacted.append(cleaned)
    replaced = pc.replace_with_mask(texts, may_hold, pa.array(redacted, pa.large_string()))
    return replaced, pa.array(counts)


def _redact(text: str) -> tuple[str, int]:
    """Replace all that is found; where two finds overlap, the one that begins first."""
    pieces: list[str] = []
    n = done = 0
    for start, end, placeholder in sorted(_find_all(text)):
        if start >= done:
            pieces += (text[done:start], placeholder)
            n, done = n + 1, end
    return "".join([*pieces, text[done:]]), n


def _find_all(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, placeholder) of every secret."""
    yield from _find_blocks(text)
    for match in _TOKEN.finditer(text):
        if _is_token(match[0]):
            yield match.start(), match.end(), KEY_PLACEHOLDER
    for match in _AZURE.finditer(text):
        yield match.start(1), match.end(1), KEY_PLACEHOLDER
    for match in _IN_ADDRESS.finditer(text):
        if not _NO_SECRET.search(match[1]):  # also words: nobody writes a password's name there
            yield match.start(1), match.end(1), PASSWORD_PLACEHOLDER
    for match in _BEARER.finditer(text):
        if _is_key(match[1]):
            yield *match.span(1), KEY_PLACEHOLDER
    yield from _find_typed(text)
    for match in (*_ASSIGNED.finditer(text), *_EXPORTED.finditer(text)):
        is_password = _PASSWORD.fullmatch(match["word"]) is not None
        if (_is_password if is_password else _is_key)(match["value"]):
            yield *match.span("value"), PASSWORD_PLACEHOLDER if is_password else KEY_PLACEHOLDER


def _find_typed(text: str) -> Iterator[tuple[int, int, str]]:
    """The passwords on command lines, also the second of one command, which a second look would find."""
    reached = 0
    for first in _TYPED.finditer(text):
        match: re.Match[str] | None = first
        while match and match.end() > reached:
            reached = match.end()
            if _is_password(match[1]):
                yield *match.span(1), PASSWORD_PLACEHOLDER
            more = _TYPED_NEXT.get(first[0][:4])
            match = more.match(text, reached) if more else None


def _find_blocks(text: str) -> Iterator[tuple[int, int, str]]:
    """The bodies of private keys; one whose end is missing or far goes as far as its lines look like one."""
    ends = [match.start() for match in re.finditer(_BLOCK_END, text)] if "PRIVATE KEY" in text else []
    for match in _BLOCK.finditer(text):
        place = bisect_right(ends, match.end() - 1)
        end = ends[place] if place < len(ends) else len(text)
        has_end = place < len(ends) and end - match.end() <= _MOST_OF_A_BLOCK
        if not has_end:
            lines = _BLOCK_LINES.match(text, match.end(), match.end() + _MOST_OF_A_BLOCK)
            end = match.end() if lines is None else lines.end()
        n_letters = sum(len(run) for run in _KEY_LETTERS.findall(text, match.end(), end))
        # Else it is a program that looks for keys, with code between the two marks.
        if n_letters >= max(_LEAST_OF_A_BLOCK, (end - match.end()) // 2):
            yield match.end(), end, KEY_PLACEHOLDER


def _is_token(token: str) -> bool:
    if _SAYS_NOTHING.search(token) or len(set(token)) < _LEAST_DISTINCT:
        return False
    return not token.startswith("eyJ") or _is_web_token(token)


def _is_web_token(token: str) -> bool:
    """Whether the head of a token is JSON that names an algorithm."""
    head = token.partition(".")[0]
    try:
        found = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    except (binascii.Error, ValueError):
        return False
    return isinstance(found, dict) and "alg" in found


def _is_key(value: str) -> bool:
    """Whether what a key is set to looks drawn: long, of letters and digits, and of many different ones."""
    if len(value) < _LEAST_KEY_CHARS or not _KEY_VALUE.fullmatch(value) or _NO_SECRET.search(value):
        return False
    words = _BETWEEN_WORDS.split(value)
    if len(words) > 2 and all(word.isalpha() or word.isdigit() for word in words):
        return False
    n_digits = sum(char.isdigit() for char in value)
    n_letters = sum(char.isalpha() for char in value)
    counts = Counter(value).values()
    bits = -sum(n / len(value) * math.log2(n / len(value)) for n in counts)
    least = _LEAST_BITS if n_digits > 1 else _LEAST_BITS_ONE_DIGIT  # V2CustomerAddress
    return n_digits >= 1 and n_letters >= 2 and bits >= least


def _is_password(value: str) -> bool:
    """Whether what a password is set to is no word: letters, and digits or marks among them."""
    if _VARIABLE.search(value):
        return False
    has_letter = any(char.isalpha() for char in value)
    has_other = any(char.isdigit() or char in "!#%&*+=?@^~|;" for char in value)
    return has_letter and has_other and not _NO_SECRET.search(value)
