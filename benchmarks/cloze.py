"""Small tasks for small models, written for this project: which of four endings is the likeliest?

Each item is a beginning and four endings of about one length; the first is right. Chance is a quarter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Item = tuple[str, tuple[str, str, str, str]]

_DEFINITIONS = """
A triangle is a shape with three| sides| wheels| colours| voices
A verb is a word that names an| action| island| engine| office
The water cycle begins when water| evaporates| negotiates| graduates| hesitates
A thermometer measures| temperature| time| money| distance of stars
Plants make sugar from light in a process called| photosynthesis| taxation| translation| compression
The centre of an atom is the| nucleus| station| verb| border
A democracy is a system in which people| vote| melt| boil| freeze
The heart pumps| blood| ink| sand| light
A magnet attracts| iron| wood| paper| glass
An adjective describes a| noun| planet| number line| molecule
The largest planet of the solar system is| Jupiter| Mercury| London| Pluto's moon
Sound travels as| waves| laws| pages| seeds
An equation has an equals| sign| farm| law| song
A fraction has a numerator and a| denominator| newspaper| thermometer| government
The square root of sixteen is| four| five| a dozen| ninety
A cell is surrounded by a| membrane| paragraph| treaty| keyboard
Gravity pulls objects toward the| Earth| word| price| letter
The opposite of multiplication is| division| evaporation| election| rotation
Supply and demand together set the| price| weather| alphabet| gravity
The French Revolution began in| 1789| 1289| 2009| 1066
An experiment tests a| hypothesis| mountain| sandwich| holiday
Mammals feed their young with| milk| sand| metal| paper
The boiling point of water is one hundred degrees| Celsius| Mondays| metres| grams
A poem is often divided into| stanzas| engines| electrons| continents
The sum of the angles of a triangle is 180| degrees| dollars| grams| litres
A virus is much smaller than a| cell| quark| photon| proton
Photosynthesis takes place in the| leaves| wallet| engine| tax
DNA carries genetic| information| furniture| traffic| currency
The Pacific is the largest| ocean| desert| planet| verb
In chemistry, a mixture of metals is called an| alloy| essay| island| adverb
The speed of an object in a given direction is its| velocity| colour| grammar| price
The past tense of the verb go is| went| goed| gone to| gown
A synonym is a word with the same| meaning| weight| boiling point| temperature
The mean of two, four and six is| four| seven| twenty| eleven
Inflation is a general rise in| prices| verbs| mountains| triangles
An ecosystem includes living things and their| environment| homework| grammar| passwords
Energy can be neither created nor| destroyed| painted| spelled| divided by two
A hypothesis is tested by an| experiment| umbrella| anthem| orchestra
The bones of the body form the| skeleton| parliament| paragraph| circuit
Earth goes around the| Sun| Moon| wind| clouds
"""

_PROGRAMS = """
def add(a, b):\\n    return a +| b| import| class| while
for i in range(10):\\n    print(|i)|def)|else)|try)
def is_even(n):\\n    return n % 2 ==| 0| def| in| for
numbers = [1, 2, 3]\\nprint(len(|numbers))|class))|return))|while))
if x > 0:\\n    return x\\n|else:\\n|import\\n|yield in\\n|from:\\n
while True:\\n    line = file.readline()\\n    if not line:\\n        |break|class|elif|def
import os\\nfor name in os.listdir(|path):|return:|class:|elif:
class Point:\\n    def __init__(self, x, y):\\n        self.x =| x| def| import| while
try:\\n    value = int(text)\\nexcept |ValueError:|returnValue:|importError in:|class:
with open(path) as file:\\n    text = file.|read()|class()|while()|import()
total = 0\\nfor n in numbers:\\n    total +=| n| def| class| import
function add(a, b) {\\n  return a +| b;| function;| var;| else;
for (let i = 0; i < n; i|++) {|class) {|return) {|import) {
const x = [1, 2, 3].map(n =>| n * 2);| class);| return const);| import);
if (x === undefined) {\\n  throw new |Error(|while(|var(|return(
def factorial(n):\\n    if n == 0:\\n        return |1|def|for|in
squares = [n * n for n |in range(10)]|while range(10)]|import range(10)]|class range(10)]
names = sorted(names, |key=len)|def len)|class len)|while len)
assert isinstance(x, |int)|def)|while)|return)
text = text.strip().|lower()|class()|while()|except()
"""


def items() -> dict[str, list[Item]]:
    """The items of each task."""
    return {
        "definitions": _parse(_DEFINITIONS),
        "arithmetic": _arithmetic(),
        "programs": [
            (context.replace("\\n", "\n"), tuple(ending.replace("\\n", "\n") for ending in endings))  # type: ignore[misc]
            for context, endings in _parse(_PROGRAMS)
        ],
    }


def documents(task: Sequence[Item]) -> list[str]:
    """Every item with each of its endings, as a text of its own."""
    return [context + ending for context, endings in task for ending in endings]


def is_right(nats: NDArray[np.float64], n_items: int) -> NDArray[np.bool_]:
    """Whether the right ending is the likeliest, (n_seeds, n_items), from nats of the texts in the order that `ablate` judges them in."""
    order = np.random.default_rng(0).permutation(nats.shape[1])  # as `encode_judged` permutes
    in_order = np.empty_like(nats)
    in_order[:, order] = nats
    return in_order.reshape(len(nats), n_items, 4).argmin(axis=2) == 0


def accuracy(
    nats: Mapping[str, NDArray[np.float64]], n_items: int, base: str
) -> dict[str, dict[str, list[float]]]:
    """For each arm: share of items that it gets right, and the difference to `base`, with 95% bootstrap intervals over items and seeds."""
    right = {arm: is_right(found, n_items).astype(float) for arm, found in nats.items()}
    chance = np.random.default_rng(0)
    n_seeds = len(right[base])
    draws = [
        (chance.integers(0, n_seeds, n_seeds), chance.integers(0, n_items, n_items)) for _ in range(1000)
    ]
    found: dict[str, dict[str, list[float]]] = {}
    for arm, values in right.items():
        shares = [float(values[np.ix_(*draw)].mean()) for draw in draws]
        gaps = [float((values - right[base])[np.ix_(*draw)].mean()) for draw in draws]
        found[arm] = {
            "accuracy": _interval(float(values.mean()), shares),
            "gain": _interval(float((values - right[base]).mean()), gaps),
        }
    return found


def _interval(value: float, drawn: Sequence[float]) -> list[float]:
    return [round(float(x), 3) for x in (value, *np.percentile(drawn, [2.5, 97.5]))]


def _parse(lines: str) -> list[Item]:
    rows = [line.split("|") for line in lines.strip().splitlines()]
    return [(context, (right, one, two, three)) for context, right, one, two, three in rows]


def _arithmetic() -> list[Item]:
    chance = np.random.default_rng(1)
    made: list[Item] = []
    for _ in range(20):
        a, b = (int(x) for x in chance.integers(2, 10, 2))
        made.append((f"{a} + {b} =", (f" {a + b}", f" {a + b + 2}", f" {a + b - 1}", f" {a + b + 5}")))
        made.append((f"{a} times {b} is", (f" {a * b}", f" {a * b + 3}", f" {a * b - 1}", f" {a * b + 7}")))
    return made
