"""Addresses of files in stores: which are some, what may be written of them, and the file systems behind them."""

from __future__ import annotations

from typing import Any

import xxhash

from curate.errors import MissingPackageError, SettingError


def is_url(path: str) -> bool:
    """Whether `path` goes through fsspec: it has a scheme, which is not that of local files."""
    return "://" in path and not path.startswith(("file://", "local://"))


def public_name(path: str) -> str:
    r"""What may be written of an input: no password and no signature, and only what UTF-8 can hold.

    Of an address the part before `?` stays, with a digest of what else decides the file.

    >>> public_name("https://ann:pw@host/a.jsonl?X-Amz-Signature=5")
    'https://host/a.jsonl'
    >>> public_name(b"caf\xe9.jsonl".decode("utf-8", "surrogateescape"))
    'caf\\xe9.jsonl'
    """
    path = readable(path)
    if not is_url(path):
        return path
    scheme, _, rest = path.partition("://")
    authority, slash, place = rest.partition("/")
    before, _, query = place.partition("?")
    # In stores `?` may stand for any letter.
    if scheme in WEB or any("=" in part and _is_secret(part) for part in query.split("&")):
        place = before
        kept = sorted(part for part in query.partition("#")[0].split("&") if part and not _is_secret(part))
        place += f"~{xxhash.xxh3_64_hexdigest('&'.join(kept).encode())[:8]}" if kept else ""
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{place}"


def public_text(said: object, url: str) -> str:
    """What a store's client says of `url`, on one line and without what `public_name` leaves out.

    >>> public_text("no bucket 'ann:pw@host' in s3://ann:pw@host/a", "s3://ann:pw@host/a")
    "no bucket 'host' in s3://host/a"
    """
    text = " ".join(str(said).split()).replace(url, public_name(url))
    _, _, rest = url.partition("://")
    before, at, _ = rest.partition("/")[0].rpartition("@")
    hidden = [before + at, before, before.partition(":")[2]] if ":" in before else [before + at]
    hidden += [
        part.partition("=")[2]
        for part in rest.partition("?")[2].split("&")
        if "=" in part and _is_secret(part)
    ]
    for secret in filter(None, hidden):
        text = text.replace(secret, "")
    return text


def _is_secret(parameter: str) -> bool:
    """Whether a part of a query says who may read the file, not which file it is."""
    name = parameter.partition("=")[0].lower()
    return name in _SECRET_PARAMETERS or name.startswith(("x-amz-", "x-goog-", "x-ms-", "x-oss-"))


WEB = ("http", "https")
_SECRET_PARAMETERS = {
    "sig", "signature", "se", "sp", "sv", "sr", "st", "spr", "skoid", "sktid", "skt", "ske", "sks", "skv", "si", "sas",
    "token", "access_token", "key", "api_key", "apikey", "auth", "authorization", "password", "passwd", "pwd", "secret",
    "expires", "policy", "key-pair-id", "awsaccesskeyid", "googleaccessid",
}  # fmt: skip


def readable(name: str) -> str:
    r"""A name as UTF-8 can hold it: bytes that are none stand as backslash, x and two digits."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def strip_scheme(path: str) -> str:
    """The path of a local file that is written with a scheme, as file:///a; any other path as it is."""
    return path.split("://", 1)[1] if "://" in path else path


def open_filesystem(url: str, doing: str = "Reading") -> tuple[Any, str]:
    """Return (fsspec filesystem, path in it) of `url`; a missing package is a SettingError that names it."""
    import fsspec.core

    try:
        return fsspec.core.url_to_fs(url)
    except ImportError as error:
        scheme = url.split("://", 1)[0]
        if scheme in ("s3", "s3a"):
            raise MissingPackageError(f"{doing} '{public_name(url)}'", "s3fs", "s3") from error
        extra = _FS_PACKAGES.get(scheme, f"the package for {scheme}")
        raise SettingError(
            f"{doing} '{public_name(url)}' needs another package: pip install {extra} ({error})."
        ) from error
    except ValueError as error:
        raise SettingError(f"'{public_name(url)}' cannot be opened: {public_text(error, url)}.") from error


_FS_PACKAGES = {
    "hf": "huggingface_hub",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "az": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
}
