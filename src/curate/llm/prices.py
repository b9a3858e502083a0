"""What tokens cost. Money is counted in whole picodollars, so that sums are exact."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from curate.errors import SettingError
from curate.llm.settings import CallSettings

BUNDLED = Path(__file__).parent / "prices.toml"
PICO = 10**12
_FIELDS = {"input", "output", "batch_input", "batch_output"}


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a token, in picodollars: a dollar per million tokens is a million of them."""

    input: int
    output: int
    batch_input: int
    batch_output: int

    @property
    def is_free(self) -> bool:
        """Whether nothing is charged."""
        return not any((self.input, self.output, self.batch_input, self.batch_output))

    def cost(self, input_tokens: int, output_tokens: int, *, batch: bool = False) -> int:
        """Cost in picodollars."""
        if batch:
            return input_tokens * self.batch_input + output_tokens * self.batch_output
        return input_tokens * self.input + output_tokens * self.output


def to_usd(pico: int) -> float:
    """Picodollars as dollars, to the millionth.

    >>> to_usd(1_500_000_000_000)
    1.5
    """
    return round(pico / PICO, 6)


def find_price(settings: CallSettings) -> Price:
    """Price of the settings' model: its own flags first, then the user's table, then the bundled one.

    Raises:
        SettingError: The price is known nowhere, or the table is wrong.
    """
    if settings.price_input is not None and settings.price_output is not None:
        return _price({"input": settings.price_input, "output": settings.price_output}, "--price-input")
    for path in ([Path(settings.prices)] if settings.prices else []) + [BUNDLED]:
        table = _read_table(path)
        if settings.model in table:
            return _price(table[settings.model], f"{path}, [{settings.model}]")
    raise SettingError(
        f"No price is known for the model '{settings.model}'. Give --price-input and --price-output in dollars "
        "per million tokens (0 for a server of your own), or --prices with a TOML table."
    )


def _read_table(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise SettingError(f"Cannot read the prices {path}: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingError(
            f'{path} is not valid TOML: {error}. Write names with dots in quotes: ["name-1.5"].'
        ) from error


def _price(row: Any, place: str) -> Price:
    """Prices of batches that are not given are the usual ones: never less than what will be charged."""
    if not isinstance(row, dict) or not {"input", "output"} <= set(row) <= _FIELDS:
        raise SettingError(f"{place} must hold input and output, and may hold batch_input and batch_output.")
    for name, value in row.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
            raise SettingError(f"{place}: {name} must be dollars per million tokens, not {value!r}.")
    pico = {name: round(value * 1_000_000) for name, value in row.items()}
    pico = {"batch_input": pico["input"], "batch_output": pico["output"]} | pico
    return Price(**pico)
