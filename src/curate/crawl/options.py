"""What a reader may be told: bounds on bytes and records, and the names of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from curate.errors import SettingError, UnknownNameError

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """Bounds and column names for `read_chunks`; all of them count as settings of a run.

    A named column may be a path into nested data, as `metadata.url`. Names left out are found by the
    field's usual ones (`curate.crawl.columns`).
    """

    chunk_records: int = 4096
    chunk_bytes: int = 32 * MIB
    max_page_bytes: int = 16 * MIB
    text_column: str | None = None
    html_column: str | None = None
    id_column: str | None = None
    url_column: str | None = None
    date_column: str | None = None
    extra_columns: bool = True
    license: str | None = None  # 'permissive' drops program files that do not state such a licence

    def __post_init__(self) -> None:
        for name in ("chunk_records", "chunk_bytes", "max_page_bytes"):
            if getattr(self, name) < 1:
                raise SettingError(f"{name} must be at least 1, not {getattr(self, name)}.")
        if self.license not in (None, "permissive"):
            raise UnknownNameError("license", self.license, ["permissive"])
        if self.text_column and self.html_column:
            raise SettingError("Name either text_column or html_column, not both.")

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> ReadOptions:
        """The options among a job's settings, by their names; what is None or not there has its default."""
        names = [field.name for field in fields(cls)]
        return cls(**{name: settings[name] for name in names if settings.get(name) is not None})

    @property
    def named_columns(self) -> dict[str, str]:
        """The columns that the user named: setting -> column."""
        settings = [field.name for field in fields(self) if field.name.endswith("_column")]
        return {name: getattr(self, name) for name in settings if getattr(self, name)}
