"""Personal data: e-mail addresses and public IP addresses leave the text."""

from __future__ import annotations

import ipaddress
import re
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curate.batch import whole
from curate.signals.measure import text_buffers
from curate.text.kernel import kernel
from curate.text.unicode_tables import SINGLE_BLOCKS

EMAIL_PLACEHOLDER = "email@example.com"  # RFC 2606: nobody's
IP_PLACEHOLDER = "192.0.2.1"  # RFC 5737: nobody's

# Letters of addresses: of the alphabets that are written with spaces, so that an address ends where Chinese begins.
_L = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u0370-\u03ff\u0400-\u052f\u1e00-\u1fff"
# Top-level domains in scripts of their own (IANA's root zone): they end a domain of any letters, where Chinese goes on.
_OWN_SCRIPT = (
    "中国|中國|中文网|公司|网络|网址|在线|香港|台灣|台湾|新加坡|한국|みんな|ไทย|ລາວ|"
    "مصر|السعودية|امارات|المغرب|الجزائر|تونس|الاردن|قطر|عمان|فلسطين|سورية|العراق|شبكة|موقع|ایران|پاکستان|"
    "भारत|संगठन|ভারত|বাংলা|ਭਾਰਤ|ભારત|இந்தியா|இலங்கை|భారత్|ಭಾರತ|ഭാരതം|ලංකා|ישראל|հայ|გე"
)
_LABEL = r"[^\s\x00-\x2c\x2e\x2f\x3a-\x40\x5b-\x60\x7b-\x7f、。，．；：！？「」『』（）]{1,63}"
_HANGUL = "\uac00-\ud7a3"
_DOMAIN = re.compile(
    rf"(?:[{_L}0-9](?:[{_L}0-9-]{{0,61}}[{_L}0-9])?\.){{1,8}}(?:xn--[A-Za-z0-9-]{{1,58}}[A-Za-z0-9]|[{_L}]{{2,63}})(?![{_L}0-9])"
    rf"|(?:{_LABEL}\.){{1,8}}(?:{_OWN_SCRIPT})(?![{_L}0-9-])"
    rf"|(?:[^\W_](?:[^\W_]|-){{0,62}}\.){{1,8}}[A-Za-z]{{2,63}}(?![{_L}0-9-])"
)
# What a text may hold: an e-mail address; an IP address, in ASCII or in the full-width digits of Chinese and Japanese.
HAS_AT, HAS_NUMBERS, IS_WIDE = 1, 2, 4
# Full-width signs of addresses, each one character as its ASCII twin; a full-width dot within such a number or name
# alone, for it ends sentences as well.
_FULL_WIDTH = {
    0xFF00 + byte - 0x20: byte for byte in b"%+-0123456789@_" + bytes(range(65, 91)) + bytes(range(97, 123))
}
_FULL_WIDTH_DOT = re.compile(
    "(?<=[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a])\uff0e(?=[\uff10-\uff19\uff21-\uff3a\uff41-\uff5a])"
)
_MOST_BEFORE_AT = 64  # characters of an address
# Scripts without spaces: an address may stand right beside their letters.
_S = "".join(f"{chr(first)}-{chr(last)}" for first, last in SINGLE_BLOCKS)
# A part before the `@` may be of any alphabet written with spaces, with its marks; `\w` knows letters alone.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0900-\u0dff"
_IS_SPACELESS = re.compile(f"[{_S}]")
_LOCAL_START = re.compile(rf"(?![{_S}])[\w{_MARKS}]")
_LOCAL = re.compile(rf"(?![{_S}])[\w{_MARKS}.%+'-]")
# A part of a script without spaces is told from the words before it by length alone: names of Han are short. Verbs and
# prepositions that end an invitation to write (to, at, for, reach) are no part of it.
_SPACELESS_LOCAL = re.compile(
    "(?:[\u3400-\u4dbf\u4e00-\u9fff]{1,4}|[\u30a1-\u30fa\u30fc]{1,12}|[\u0e01-\u0e5b]{1,24}|[\u0e81-\u0edf]{1,24}"
    "|[\u1000-\u109f]{1,24}|[\u1780-\u17dd]{1,24})$"
)
_BEFORE_A_NAME = re.compile("^.*[给給到至在系繫为為是向于於找由寄]")
_LATIN = re.compile(r"[A-Za-z\u00aa-\u024f\u1e00-\u1eff]")
_AT = re.compile("[@\uff20]")
# A soft hyphen, spaces and joiners of no width, marks of direction.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
# Korean particles stand right behind.
_BESIDE = _S + _HANGUL
# A digit first: what stands before is looked at where there is one, in place of everywhere.
_IPV4 = re.compile(
    rf"(?=[0-9])(?:(?<![\w.])|(?<=[{_BESIDE}]))(?:[0-9]{{1,3}}\.){{3}}[0-9]{{1,3}}(?:(?=[{_BESIDE}])|(?!\w|\.\w))"
)
_IPV6 = re.compile(
    rf"(?=[23])(?:(?<![\w:.])|(?<=[{_BESIDE}]))[23][0-9A-Fa-f]{{3}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}(?:(?=[{_BESIDE}])|(?![\w:]))"
)
# Names that are set aside (RFC 2606, RFC 6762), and ends of file names such as icon@2x.png.
_NOBODYS_DOMAIN = re.compile(
    r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost|local"
    r"|css|gif|gz|jpe?g|js|json|pdf|png|svg|tar|tgz|webp|whl|xml)$",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:[0-9]+\.){2,8}[^.]+")  # pkg@1.2.3.tgz, mAP@0.5.The: no host is called so
# Before four numbers with dots that are no address.
# Stems in other languages: up to two letters of an ending may follow.
_NUMBERING_STEMS = (
    "fassung|ausgabe|abschnitt|kapitel|artikel|abbildung|tabelle|ziffer|absatz|nummer|"  # German
    "paragraphe|chapitre|alinéa|tableau|annexe|"  # French
    "versión|sección|apartado|capítulo|artículo|figura|tabla|párrafo|edición|"  # Spanish
    "versão|seção|secção|artigo|tabela|parágrafo|"  # Portuguese
    "versione|sezione|capitolo|articolo|paragrafo|tabella|"  # Italian
    "versie|paragraaf|hoofdstuk|sectie|figuur|tabel|"  # Dutch
    "верси|раздел|глав|пункт|стать|рисун|таблиц|выпуск|розділ|версі|статт|"  # Russian, Ukrainian
    "wersj|rozdział|sekcj|rysun|tabel|"  # Polish
    "verze|verzi|oddíl|kapitol|sekce|článek|"  # Czech
    "avsnitt|afsnit|udgave|versjon|kapittel|tabell|"  # Swedish, Danish, Norwegian
    "versio|luku|kohta|kappale|verzió|fejezet|szakasz|"  # Finnish, Hungarian
    "sürüm|bölüm|madde|versiun|secțiun|capitol|articol|"  # Turkish, Romanian
    "έκδοση|ενότητα|κεφάλαιο|"  # Greek
    "الإصدار|إصدار|النسخة|القسم|الفصل|المادة|البند|نسخه|بخش|فصل|"  # Arabic, Persian
    "גרסה|גרסת|סעיף|פרק|"  # Hebrew
    "versi|bagian|bab|phiên\\sbản|mục|chương|"  # Indonesian, Vietnamese
    "odjelj|poglavlj|inačic|odeljak|одељак|поглавље|верзиј|точк|издани|"  # Croatian, Serbian, Bulgarian
    "peatük|jaotis|skyri|skirsni|sadaļ|nodaļ|laidien|"  # Estonian, Lithuanian, Latvian
    "secció|capítol|apartat|bertsio|atala|útgáf|kafl|utgåv|luvu|luvussa|phần|"  # Catalan, Basque, Icelandic, Swedish, Finnish
    "ვერსია|თავი|տարբերակ|գլուխ|ورژن|باب|"  # Georgian, Armenian, Urdu
    "সংস্করণ|অধ্যায়|ধারা|பதிப்பு|அத்தியாயம்|"  # Bengali, Tamil
    "संस्करण|अनुभाग|खंड|अध्याय|धारा"  # Hindi
)
_NUMBERING = re.compile(
    r"(?:\b(?:version|ver|release|build|firmware|driver|kernel|section|sec|chapter|clause|article|figure|fig|table|appendix"
    r"|theorem|lemma|definition|corollary|proposition|example|exercise|problem|equation|eq|rule|item|step|level|enzyme|ec"
    r"|kap|abs|abb|art|стр|рис|табл|гл"
    r"|oid|isbn|revision|rev|number|no|nr)s?(?:[. ][A-Z])?"
    rf"|\b(?:{_NUMBERING_STEMS})\w{{0,2}}|版本[号號]?|版|第|节|節|章|条|條|图|図|表|バージョン|버전|판|제|절|장"
    r"|เวอร์ชัน|รุ่น|บทที่|ជំពូក|ພາກ|§|[A-Za-z]/)[\s.:#=(：]{0,3}v?$",
    re.IGNORECASE,
)
_NUMBERING_CHARS = 24
_COUNTER_BEHIND = re.compile("[节節章条條项項款절판]")
_HEADING_BEHIND = re.compile(r"[.:)]?[ \t]{1,4}[^\W\d_]{2}")
_MOST_OF_A_HEADING = 30


def redact_pii(
    texts: pa.Array | pa.ChunkedArray,
    *,
    email_placeholder: str = EMAIL_PLACEHOLDER,
    ip_placeholder: str = IP_PLACEHOLDER,
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Replace e-mail addresses and public IP addresses in N texts by placeholders.

    Addresses set aside for documentation (`example.com`, `192.0.2.0/24`), private and local ones stay, and
    so do the default placeholders: redacting twice changes nothing. Names, street addresses and telephone
    numbers are not looked for. Four numbers with dots stay where they count something (`EC 3.4.21.4`, `Chrome/1.2.3.4`,
    a heading `3.1.2.4 Definitions`), and `W@x.reshape(` is a product of matrices.

    Returns:
        The texts (large_string; null is empty) and the numbers of e-mail and IP addresses replaced (int32).

    >>> texts, n_emails, n_ips = redact_pii(pa.array(["Write to ann@shop.co.uk or 8.8.8.8."]))
    >>> texts[0].as_py(), n_emails[0].as_py(), n_ips[0].as_py()
    ('Write to email@example.com or 192.0.2.1.', 1, 1)
    """
    texts = whole(texts).cast(pa.large_string()).fill_null("")
    candidates = _find_candidates(*text_buffers(texts))
    rows = np.flatnonzero(candidates)
    n_emails, n_ips = np.zeros(len(texts), np.int32), np.zeros(len(texts), np.int32)
    if not len(rows):
        return texts, pa.array(n_emails), pa.array(n_ips)
    redacted: list[str] = []
    for row, text in zip(rows, texts.take(pa.array(rows)).to_pylist(), strict=True):
        is_wide = bool(candidates[row] & IS_WIDE)
        cleaned, n_emails[row] = _replace_emails(text, email_placeholder, is_wide=is_wide)
        if candidates[row] & HAS_NUMBERS:
            cleaned, n_v4 = _replace(_IPV4, cleaned, ip_placeholder, is_wide=is_wide)
            cleaned, n_v6 = _replace(_IPV6, cleaned, ip_placeholder, is_wide=is_wide)
            n_ips[row] = n_v4 + n_v6
        redacted.append(cleaned)
    mask = np.zeros(len(texts), bool)
    mask[rows] = True
    replaced = pc.replace_with_mask(texts, pa.array(mask), pa.array(redacted, pa.large_string()))
    return replaced, pa.array(n_emails), pa.array(n_ips)


@kernel
def _find_candidates(data, offsets):  # noqa: ANN001, ANN202
    """Which texts may hold an address: an `@`; three near dots, each between digits; or `2a00:` and the like.

    The patterns read these few alone.
    """
    found = np.zeros(len(offsets) - 1, np.uint8)
    for d in range(len(offsets) - 1):
        start, end = offsets[d], offsets[d + 1]
        most_dots = n_dots = n_groups = 0
        last_dot = start - 8
        for i in range(start, end):
            byte = data[i]
            if byte > 0x40:  # most letters
                if byte == 0xBC and start < i < end - 1 and data[i - 1] == 0xEF:  # full-width signs
                    if data[i + 1] == 0xA0:
                        found[d] |= HAS_AT | IS_WIDE
                    elif 0x90 <= data[i + 1] <= 0x99 and _is_dot_before(data, start, i - 1):
                        found[d] |= HAS_NUMBERS | IS_WIDE
                continue
            if byte == 0x40:
                found[d] |= HAS_AT
                continue
            if byte == 0x2E:
                if i > start and i + 1 < end and 0x30 <= data[i - 1] <= 0x39 and 0x30 <= data[i + 1] <= 0x39:
                    n_dots = n_dots + 1 if i - last_dot <= 4 else 1
                    most_dots = max(most_dots, n_dots)
                    last_dot = i
            elif byte == 0x3A and i >= start + 4 and _is_first_group(data, i):
                n_groups += 1
        found[d] |= HAS_NUMBERS if most_dots >= 3 or n_groups > 0 else 0
    return found


@kernel
def _is_dot_before(data, start, at):  # noqa: ANN001, ANN202
    """Whether a dot, or a full-width one (EF BC 8E), ends right before `at`."""
    if at > start and data[at - 1] == 0x2E:
        return True
    return at >= start + 3 and data[at - 1] == 0x8E and data[at - 2] == 0xBC and data[at - 3] == 0xEF


@kernel
def _is_first_group(data, colon):  # noqa: ANN001, ANN202
    """Whether a 2 or 3 and three more hexadecimal digits stand before a colon."""
    if data[colon - 4] != 0x32 and data[colon - 4] != 0x33:
        return False
    for i in range(colon - 3, colon):
        digit = data[i] | 0x20
        if not (0x30 <= data[i] <= 0x39 or 0x61 <= digit <= 0x66):
            return False
    return True


def _fold(text: str, *, is_wide: bool) -> str:
    """The text with ASCII signs in place of full-width ones, of the same length."""
    if not is_wide:
        return text
    return _FULL_WIDTH_DOT.sub(".", text).translate(_FULL_WIDTH)


def _replace(pattern: re.Pattern[str], text: str, placeholder: str, *, is_wide: bool) -> tuple[str, int]:
    pieces: list[str] = []
    n = done = 0
    for match in pattern.finditer(_fold(text, is_wide=is_wide)):
        if _is_public(match):
            pieces += (text[done : match.start()], placeholder)
            n, done = n + 1, match.end()
    return "".join([*pieces, text[done:]]), n


def _replace_emails(written: str, placeholder: str, *, is_wide: bool) -> tuple[str, int]:
    """Replace e-mail addresses, then those that hold signs which nobody sees: a soft hyphen, a zero-width space."""
    found = [span for span, _, is_theirs in _find_emails(_fold(written, is_wide=is_wide)) if is_theirs]
    cleaned = _put(written, found, placeholder)
    cuts = [match.start() for match in _INVISIBLE.finditer(cleaned)]
    if not cuts:
        return cleaned, len(found)
    # An `@` that is of an address as the text stands is looked at no more: such a sign may part words, too.
    settled = {at - bisect_right(cuts, at) for _, at, _ in _find_emails(_fold(cleaned, is_wide=is_wide))}
    seen = [cut - k for k, cut in enumerate(cuts)]  # where the signs were in the text without them
    split = [
        (start + bisect_right(seen, start), end + bisect_right(seen, end - 1))
        for (start, end), at, is_theirs in _find_emails(_fold(_INVISIBLE.sub("", cleaned), is_wide=is_wide))
        if is_theirs and at not in settled
    ]
    return _put(cleaned, split, placeholder), len(found) + len(split)


def _put(text: str, spans: Sequence[tuple[int, int]], placeholder: str) -> str:
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        pieces += (text[done:start], placeholder)
        done = end
    return "".join([*pieces, text[done:]])


def _find_emails(text: str) -> list[tuple[tuple[int, int], int, bool]]:
    """E-mail addresses: (from where to where, the place of the `@`, whether it is somebody's).

    From each `@` to the left and to the right, so that none hides another.
    """
    spans: list[tuple[tuple[int, int], int, bool]] = []
    low = 0  # where the address before ends, also one that stays
    found = _AT.search(text)
    while found:
        at = found.start()
        end, last = at, _DOMAIN.match(text, at + 1)
        start = _find_start(text, at, low) if last else at
        if last and start == at:
            start = _find_spaceless_start(text, at, low, last[0])
        if last and start < at:
            while _AT.match(text, last.end()) and (more := _DOMAIN.match(text, last.end() + 1)):
                last = more
            low = end = last.end()
            spans.append(((start, end), at, _is_somebodys(text, start, at, last)))
        found = _AT.search(text, max(at + 1, end))
    return spans


def _find_start(text: str, at: int, low: int) -> int:
    """Where the part before the `@` begins; what joins words, such as `-` and `%`, may stand within, not first."""
    start = at
    lowest = max(low, at - _MOST_BEFORE_AT)
    of_latin: bool | None = None
    while start > lowest and _LOCAL.match(text[start - 1]):
        if text[
            start - 1
        ].isalpha():  # of one alphabet: a particle or a prefix of another may stand beside it
            is_latin = bool(_LATIN.match(text[start - 1]))
            if of_latin not in {None, is_latin}:
                break
            of_latin = is_latin
        start -= 1
    while start < at and not _LOCAL_START.match(text[start]):
        start += 1
    return start


def _find_spaceless_start(text: str, at: int, low: int, domain: str) -> int:
    """Where a part before the `@` begins that is of a script without spaces; such stand before domains of such a script alone."""
    found = (
        _SPACELESS_LOCAL.search(text, max(low, at - _MOST_BEFORE_AT), at)
        if _IS_SPACELESS.search(domain)
        else None
    )
    if found is None:
        return at
    before = _BEFORE_A_NAME.match(found[0])
    return found.start() + (before.end() if before else 0)


def _is_somebodys(text: str, start: int, at: int, domain: re.Match[str]) -> bool:
    # git@host:path is where program text is kept, not a person; x@y.mean( is program text.
    is_code = text[start:at] == "git" or text[domain.end() : domain.end() + 1] == "("
    return not (is_code or _NOBODYS_DOMAIN.search(domain[0]) or _NUMBERED.fullmatch(domain[0]))


def _is_public(match: re.Match[str]) -> bool:
    text, start = match.string, match.start()
    before = text[max(0, start - _NUMBERING_CHARS) : start]
    if _NUMBERING.search(before) or _COUNTER_BEHIND.match(text, match.end()):
        return False
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    if address.version == 4:
        is_counted = _is_heading(match)
    else:  # a date and a time: 2024:11:05:12:30:15:00:00
        is_counted = "::" not in match[0] and all(
            len(part) <= 2 and part.isdigit() for part in match[0].split(":")[1:]
        )
    return address.is_global and not address.is_multicast and not is_counted


def _is_heading(match: re.Match[str]) -> bool:
    """Whether four small numbers open a line and a title follows: '3.1.2.4 Definitions'."""
    opens = match.string[max(0, match.start() - 1) : match.start()] in {"", "\n"}
    small = all(int(part) < _MOST_OF_A_HEADING for part in match[0].split("."))
    return opens and small and _HEADING_BEHIND.match(match.string, match.end()) is not None
