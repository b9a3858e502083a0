"""Ways about a site that stand among what was kept: links to the next page, boxes of links, contents lists, subscriptions.

They say nothing of the page that they stand on. Each is told by its links and the words of those, whatever the
selector thinks of it; every block, element and link is looked at a fixed number of times.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from curate.extract.features import K_FURNITURE
from curate.extract.measure import (
    C_CHARS,
    C_WORDS,
    X_BLOCKS,
    X_CHARS,
    X_INNER_CHARS,
    X_LINK_CHARS,
    inner_density,
    link_density,
)
from curate.extract.outline import P_BOX, P_END, P_UNIT
from curate.extract.scan import ASKS, E_END, E_FIRST, E_LEVEL, E_PARENT, E_STYLE, E_TAG, L_END, L_START
from curate.extract.scratch import Workspace
from curate.extract.tags import (
    FNV_OFFSET,
    FNV_PRIME,
    LIST,
    MASK32,
    TAG_BITS,
    TAG_NUMBERS,
    fnv,
    look_up,
    make_table,
)
from curate.extract.text import (
    B_CELLS,
    B_ELEMENT,
    B_END,
    B_INNER_BYTES,
    B_LINK_BYTES,
    B_LINKS,
    B_PRE,
    B_START,
    N_ELEMENTS,
    N_LINKS,
)
from curate.text.kernel import kernel

# What links to neighbouring pages are called, without blanks and signs; a capital first letter is the same word.
_STEPS = """
    next previous prev back forward up top contents tableofcontents toc index home start first last parent beginning
    nextpage previouspage prevpage nexttopic previoustopic nextchapter previouschapter nextsection previoussection
    backtotop gototop totop mainpage mainindex functionindex generalindex fastback fastforward nextpost previouspost
    weiter zurück vor nächste vorherige nächsteseite vorherigeseite hoch nachoben seitenanfang inhalt
    inhaltsverzeichnis startseite anfang suivant suivante précédent précédente retour sommaire haut hautdepage
    niveausupérieur tabledesmatières accueil début siguiente anterior arriba subir inicio índice contenido volver
    próximo próxima acima principal início sumário conteúdo voltar successivo successiva precedente avanti indietro
    sommario indice inizio volgende vorige terug omhoog inhoud inhoudsopgave następny następna poprzedni poprzednia
    wstecz dalej spistreści początek nästa föregående tillbaka upp innehåll næste neste forrige tilbage tilbake
    indhold innhold další předchozí zpět nahoru obsah sonraki önceki yukarı içindekiler
    далее назад вперёд вперед вверх след пред следующая предыдущая содержание оглавление начало наверх
    次へ 前へ 次 前 次のページ 前のページ 戻る 目次 ホーム トップ 上一页 下一页 上一章 下一章 上一頁 下一頁 目录 目錄
    返回 返回目录 首页 다음 이전 목차 위로 처음
"""


def _fold(word: str) -> int:
    """The hash that `_hash_link` makes of a word: letters of ASCII in lower case, others as they are."""
    return fnv("".join(c.lower() if c.isascii() else c for c in word))


STEP_KEYS, STEP_VALUES = make_table(
    {_fold(form): 1 for word in _STEPS.split() for form in (word, word.capitalize())}, 1024
)
MAX_STEPS_CHARS, MAX_BESIDE_STEPS = 200, 60  # of a line of such links, and what stands in it beside them

# A box of links: so many, so great a share of its text, and so many a cell, where a row of data has one.
MIN_BOX_LINKS, BOX_SHARE, LINKS_A_CELL, KEPT_SHARE, MAX_COLUMNS = 12, 0.7, 1.8, 0.5, 1.5

# A list of whose text so much links to places on the page is the page's contents; one of so few lines, if all of it does.
CONTENTS_SHARE, MIN_CONTENTS, ALL_LINKS = 0.7, 2, 0.95
MAX_TITLE_WORDS = 6  # of what stands above a contents list

# What stands around a field for the reader's address, and the share of the kept text that it may be.
MAX_ASKING_CHARS, MAX_ASKING_SHARE, NEAR_FIELD, ASKING_LEVELS = 350, 0.3, 20, 6

T_TABLE, T_BODY, T_MAIN, T_ARTICLE = (TAG_NUMBERS[t] for t in ("table", "body", "main", "article"))


@kernel(embed=True, allocates=False)
def drop_ways(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Take the ways about the site out of keep[:n_blocks]."""
    summed = found = False
    w.marks[0, K_FURNITURE] = 0
    for e in range(1, w.state[N_ELEMENTS]):
        bits = TAG_BITS[w.elements[e, E_TAG]]
        marked = w.marks[w.elements[e, E_PARENT], K_FURNITURE] != 0 or (bits & LIST and _is_contents(e, w))
        asks = w.elements[e, E_STYLE] & ASKS
        of_links = (
            w.elements[e, E_TAG] == T_TABLE and w.sums[e, X_LINK_CHARS] > BOX_SHARE * w.sums[e, X_CHARS]
        )
        if (asks or of_links) and not marked:
            if not summed:
                _sum_kept(n_blocks, w, keep)
                summed = True
            marked = of_links and _is_box(e, n_blocks, w)
            box = _find_asking(e, n_blocks, w) if asks else 0
            if box:
                keep[w.elements[box, E_FIRST] : w.elements[box, E_END]] = 0
        w.marks[e, K_FURNITURE] = marked
        found |= marked
    link = 0
    for b in range(n_blocks):
        if not keep[b]:
            continue
        if found and w.marks[w.blocks[b, B_ELEMENT], K_FURNITURE]:
            keep[b] = 0
        elif _may_be_steps(b, w):
            while link < w.state[N_LINKS] and w.links[link, L_START] < w.blocks[b, B_START]:
                link += 1
            keep[b] = not _is_steps(b, link, w)
    if found:
        for b in range(n_blocks - 1):
            keep[b] &= not _names_contents(b, w)


@kernel(embed=True, allocates=False)
def _sum_kept(n_blocks: int, w: Workspace, keep: NDArray[np.uint8]) -> None:
    """Fill `running`, which is used again, with the kept characters, the links and the cells before each block."""
    w.running[0, 0] = w.running[0, 1] = w.running[0, 2] = 0.0
    for b in range(n_blocks):
        w.running[b + 1, 0] = w.running[b, 0] + (w.counts[b, C_CHARS] if keep[b] else 0)
        w.running[b + 1, 1] = w.running[b, 1] + w.blocks[b, B_LINKS]
        w.running[b + 1, 2] = w.running[b, 2] + max(w.blocks[b, B_CELLS], 1)


@kernel(embed=True, allocates=False)
def _find_asking(e: int, n_blocks: int, w: Workspace) -> int:
    """The box around a field for an address, with the words that ask for it; 0 where that would be the page's text."""
    box = 0
    for _ in range(ASKING_LEVELS):
        if w.elements[e, E_PARENT] < 0 or w.elements[e, E_TAG] in (T_BODY, T_MAIN, T_ARTICLE):
            break
        n_kept = w.running[w.elements[e, E_END], 0] - w.running[w.elements[e, E_FIRST], 0]
        titled = False
        for b in range(
            w.elements[e, E_FIRST], min(w.elements[e, E_END], w.elements[e, E_FIRST] + NEAR_FIELD)
        ):
            titled |= w.elements[w.blocks[b, B_ELEMENT], E_LEVEL] == 1
        if (
            titled
            or w.sums[e, X_CHARS] > MAX_ASKING_CHARS
            or n_kept > MAX_ASKING_SHARE * w.running[n_blocks, 0]
        ):
            break
        box = e
        e = w.elements[e, E_PARENT]
    return box


@kernel(embed=True, allocates=False)
def _is_contents(e: int, w: Workspace) -> bool:
    """Whether a list is of links to places on the page."""
    if w.sums[e, X_BLOCKS] < MIN_CONTENTS:
        return False
    of_links = w.sums[e, X_INNER_CHARS] / max(w.sums[e, X_CHARS], 1.0)
    return of_links > (CONTENTS_SHARE if w.sums[e, X_BLOCKS] > MIN_CONTENTS else ALL_LINKS)


@kernel(embed=True, allocates=False)
def _is_box(e: int, n_blocks: int, w: Workspace) -> bool:
    """Whether a table of links is a box beside the text: several to a cell, or one below the other and mostly left out."""
    first, end = w.elements[e, E_FIRST], w.elements[e, E_END]
    n_links = w.running[end, 1] - w.running[first, 1]
    n_kept = w.running[end, 0] - w.running[first, 0]
    if n_links < MIN_BOX_LINKS or 2 * n_kept > w.running[n_blocks, 0]:
        return False
    n_cells = w.running[end, 2] - w.running[first, 2]
    narrow = n_cells < MAX_COLUMNS * (end - first)
    return n_links > LINKS_A_CELL * n_cells or (narrow and n_kept < KEPT_SHARE * w.sums[e, X_CHARS])


@kernel(embed=True, allocates=False)
def _may_be_steps(b: int, w: Workspace) -> bool:
    """Whether a block is a short line with links in it."""
    if w.counts[b, C_CHARS] > MAX_STEPS_CHARS or w.blocks[b, B_PRE]:
        return False
    return w.blocks[b, B_LINK_BYTES] + w.blocks[b, B_INNER_BYTES] > 0


@kernel(embed=True, allocates=False)
def _is_steps(b: int, link: int, w: Workspace) -> bool:
    """Whether a block is nothing but links to pages beside this one; `link` is the first that begins in it or after."""
    n_chars = w.counts[b, C_CHARS]
    n_steps = n_linked = 0
    end = w.blocks[b, B_END]
    while link < w.state[N_LINKS] and w.links[link, L_START] < end:
        hashed = FNV_OFFSET
        for i in range(w.links[link, L_START], min(w.links[link, L_END], end)):
            byte = np.int64(w.text[i])
            n_linked += byte > 32 and byte & 0xC0 != 0x80
            if 65 <= byte <= 90 or 97 <= byte <= 122 or byte >= 128:
                hashed = (hashed ^ (byte | 32 if byte < 128 else byte)) * FNV_PRIME & MASK32
        if hashed != FNV_OFFSET:
            if not look_up(hashed, STEP_KEYS, STEP_VALUES):
                return False
            n_steps += 1
        link += 1
    if n_steps == 0:
        return False
    return n_chars - n_linked <= (MAX_BESIDE_STEPS if n_steps > 1 else 2)


@kernel(embed=True, allocates=False)
def _names_contents(b: int, w: Workspace) -> bool:
    """Whether a block is the title of a contents list and of nothing else."""
    unit = w.places[b + 1, P_UNIT]
    if unit < 0 or w.marks[unit, K_FURNITURE] == 0 or w.counts[b, C_WORDS] > MAX_TITLE_WORDS:
        return False
    if w.places[b, P_UNIT] >= 0 and w.marks[w.places[b, P_UNIT], K_FURNITURE]:
        return False
    if link_density(w.blocks, w.counts, b) + inner_density(w.blocks, w.counts, b) > 0:
        return False
    while w.elements[unit, E_PARENT] >= 0 and w.marks[w.elements[unit, E_PARENT], K_FURNITURE]:
        unit = w.elements[unit, E_PARENT]
    if w.elements[unit, E_FIRST] != b + 1:
        return False
    end = w.elements[unit, E_END]
    if w.elements[w.blocks[b, B_ELEMENT], E_LEVEL] > 0:
        return w.places[b, P_END] == end
    box = w.places[b, P_BOX]
    return w.elements[box, E_FIRST] == b and w.elements[box, E_END] == end
