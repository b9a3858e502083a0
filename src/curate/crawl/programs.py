"""Which files are program text, in what language, and which of them no one wrote by hand.

Names of languages and their file names are those of the lexers of Pygments (`pygments.lexers.get_all_lexers`, a table
that the package keeps up; no lexer is loaded), in lower case: "python", "c++", "javascript". Where several languages
share an ending, `_SETTLED` picks the commonest, or the first bytes decide.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from pygments.lexers import get_all_lexers

Role = Literal["program", "data", "page", "text"]

# Lexers of what is no program: data and configuration; marked-up text; prose; logs and sessions.
_DATA = (
    "json xml yaml toml ini properties csv turtle n-quads notation3 protobuf gettext~catalog registry debian~sourcelist"
    " diff wdiff darcs~patch http irc~logs text~output svg asn.1 json-ld jsonld json5 nix~lock pem dtd x.509 ssed log"
    " toml world~of~warcraft~toc bibtex hexdump mime e-mail ldif sparql ntriples scdoc unix/linux~config~files"
)
_PROSE = (
    "markdown text~only restructuredtext tex groff mediawiki~wikitext tiddler typst bbcode asciidoc"
    " moinmoin/trac~wiki~markup"
)
_PAGES = "html"
_BY_ROLE: dict[str, Role] = {
    **{name.replace("~", " "): "data" for name in _DATA.split()},
    **{name.replace("~", " "): "text" for name in _PROSE.split()},
    **dict.fromkeys(_PAGES.split(), "page"),
}
# Endings that several lexers claim, or that Pygments knows under a name that no data set uses.
_SETTLED = {
    "as": "actionscript", "asm": "assembly", "bas": "basic", "c": "c", "cl": "common lisp", "cls": "apex",
    "coffee": "coffeescript", "cp": "c++", "cpp": "c++", "cs": "c#", "def": "modula-2", "f": "fortran", "f77": "fortran",
    "f90": "fortran", "f95": "fortran", "for": "fortran", "fs": "f#", "g": "gap", "gd": "gdscript", "g4": "antlr",
    "hh": "c++", "i": "swig", "inc": "php", "ipynb": "jupyter notebook", "j": "objective-j", "jsx": "javascript",
    "lean": "lean", "mm": "objective-c++", "mjs": "javascript", "cjs": "javascript", "php": "php", "pm": "perl",
    "pro": "prolog", "r": "r", "rmd": "r", "s": "assembly", "sc": "supercollider", "sh": "shell", "bash": "shell",
    "zsh": "shell", "ksh": "shell", "sql": "sql", "t": "perl", "tsx": "typescript", "mts": "typescript", "cts": "typescript",
    "u": "urbiscript", "vue": "vue", "svelte": "svelte", "xsl": "xslt", "xslt": "xslt", "nasm": "assembly",
    "vbs": "vbscript", "vb": "visual basic", "jl": "julia", "hs": "haskell", "ml": "ocaml", "mli": "ocaml", "sv": "systemverilog",
    "astro": "astro", "cu": "cuda", "cuh": "cuda", "zig": "zig", "nim": "nim", "m4": "m4", "bat": "batch", "cmd": "batch",
    "ps1": "powershell", "tcl": "tcl", "cmake": "cmake", "mk": "makefile", "dart": "dart", "ex": "elixir", "exs": "elixir",
}  # fmt: skip
_NAMES = {
    "makefile": "makefile",
    "gnumakefile": "makefile",
    "dockerfile": "dockerfile",
    "cmakelists.txt": "cmake",
}
_TEXT_ENDINGS = frozenset(
    [
        "txt",
        "text",
        "md",
        "markdown",
        "rst",
        "tex",
        "org",
        "adoc",
        "asciidoc",
        "rtf",
        "log",
        "csv",
        "tsv",
        "json",
        "jsonl",
        "ndjson",
        "xml",
        "yaml",
        "yml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "properties",
        "svg",
        "lock",
        "map",
        "sum",
        "po",
        "pot",
        "html",
        "htm",
        "xhtml",
        "warc",
        "wet",
        "wat",
        "arc",
        "parquet",
        "arrow",
    ]
)
_LEXER_NAMES = {
    "fortranfixed": "fortran", "octave": "matlab", "bash": "shell", "batchfile": "batch", "s": "r", "docker": "dockerfile",
    "rocq prover": "coq", "vb.net": "visual basic",
}  # fmt: skip
# What other tables call them, after lower case and with '_' as a blank.
_ALIASES = {
    "cpp": "c++", "cplusplus": "c++", "c/c++": "c++", "c-sharp": "c#", "csharp": "c#", "fsharp": "f#", "f-sharp": "f#",
    "js": "javascript", "ts": "typescript", "py": "python", "python3": "python", "rb": "ruby", "golang": "go",
    "bash": "shell", "sh": "shell", "octave": "matlab", "visual basic": "visual basic", "objc": "objective-c",
    "jupyter": "jupyter notebook", "batchfile": "batch", "restructuredtext": "restructuredtext", "proto": "protocol buffer",
    "jupyter-scripts": "python", "jupyter-scripts-dedup-filtered": "python", "jupyter-structured": "jupyter notebook",
    "emacs lisp": "emacslisp", "literate haskell": "haskell", "literate agda": "agda", "stata": "stata", "awk": "awk",
    "html": "html", "java server pages": "java server pages", "mathematica": "mathematica", "alloy": "alloy",
    "augeas": "augeas", "bluespec": "bluespec", "rmarkdown": "r", "stan": "stan", "systemverilog": "systemverilog",
    "verilog": "verilog", "vhdl": "vhdl", "yacc": "yacc", "zig": "zig", "thrift": "thrift", "sas": "sas",
}  # fmt: skip
_SHEBANG = re.compile(rb"#!\s*\S*?/?(?:env\s+(?:-\S+\s+)*)?([A-Za-z+]+)[\d.]*(?:\s|$)")
_INTERPRETERS = {
    "python": "python", "node": "javascript", "deno": "typescript", "ruby": "ruby", "perl": "perl", "php": "php",
    "sh": "shell", "bash": "shell", "zsh": "shell", "ksh": "shell", "dash": "shell", "tclsh": "tcl", "wish": "tcl",
    "lua": "lua", "awk": "awk", "rscript": "r", "julia": "julia", "octave": "matlab", "make": "makefile",
    "runhaskell": "haskell", "scala": "scala", "groovy": "groovy", "expect": "tcl",
}  # fmt: skip
_CPP_MARK = re.compile(
    rb"^[ \t]*(?:class[ \t]+\w|template[ \t]*<|namespace[ \t]|using[ \t]+\w|public:|private:)|\bstd::",
    re.MULTILINE,
)
_OBJC_MARK = re.compile(rb"^[ \t]*(?:@(?:interface|implementation|import|end)\b|#import\b)", re.MULTILINE)
_PROLOG_MARK = re.compile(rb"^[ \t]*:-|^\w+\([^()\n]*\)[ \t]*:-", re.MULTILINE)
_COQ_MARK = re.compile(rb"^[ \t]*(?:Require|Theorem|Lemma|Definition|Proof)\b", re.MULTILINE)


def name_language(path: str, head: bytes = b"") -> str | None:
    """The language of a program file, by its name and, where that leaves it open, its first bytes; else null.

    >>> name_language("src/tree.py"), name_language("notes.md"), name_language("run", b"#!/usr/bin/env python3")
    ('python', None, 'python')
    >>> name_language("view.m", b"@implementation View"), name_language("solve.m", b"x = A'")
    ('objective-c', 'matlab')
    """
    name = path.replace("\\", "/").rsplit("/", 1)[-1].lower()
    if name in _NAMES:
        return _NAMES[name]
    stem, dot, ending = name.rpartition(".")
    if not dot or not stem:
        match = _SHEBANG.match(head[:200])
        return _INTERPRETERS.get(match[1].decode().lower()) if match else None
    if ending in _TEXT_ENDINGS:
        return None
    if ending == "ts" and head.lstrip()[:5] in (b"<?xml", b"<!DOC"):
        return None  # translations of Qt
    by_content = _by_content(ending, head)
    return by_content or _SETTLED.get(ending) or _endings().get(ending)


def _by_content(ending: str, head: bytes) -> str | None:
    if ending == "m":
        return "objective-c" if _OBJC_MARK.search(head) else "matlab"
    if ending == "h":
        return "objective-c" if _OBJC_MARK.search(head) else "c++" if _CPP_MARK.search(head) else "c"
    if ending == "pl":
        return "prolog" if _PROLOG_MARK.search(head) else "perl"
    if ending == "v":
        return "coq" if _COQ_MARK.search(head) else "verilog"
    return None


def known_language(name: str) -> str | None:
    """The language that a data set's label means, null where it is none of a program.

    >>> known_language("C++"), known_language("cpp"), known_language("Python"), known_language("en")
    ('c++', 'c++', 'python', None)
    """
    plain = name.strip().lower().replace("_", " ")
    plain = _ALIASES.get(plain, plain)
    return plain if plain in _languages() else None


@dataclass(frozen=True, slots=True)
class _Table:
    endings: dict[str, str]
    languages: frozenset[str]


@cache
def _table() -> _Table:
    endings: dict[str, str] = {}
    languages = {
        *_SETTLED.values(),
        *_NAMES.values(),
        *_INTERPRETERS.values(),
        "objective-c",
        "matlab",
        "prolog",
        "perl",
    }
    languages |= {"coq", "verilog", "lisp", "pascal"}
    for lexer, _, patterns, _ in get_all_lexers(plugins=False):
        name = lexer.lower()
        name = _LEXER_NAMES.get(name, name)
        if "+" in name.replace("c++", "") or "session" in name or "template" in name or name in _BY_ROLE:
            continue
        languages.add(name)
        for pattern in patterns:
            ending = pattern[2:].lower()
            if pattern.startswith("*.") and ending.isalnum() and ending not in _TEXT_ENDINGS:
                endings.setdefault(ending, name)
    known = {name for name in languages | set(_ALIASES.values()) if name not in _BY_ROLE}
    return _Table(endings, frozenset(known))


def _endings() -> dict[str, str]:
    return _table().endings


def _languages() -> frozenset[str]:
    return _table().languages


# Folders of other people's code, after GitHub Linguist's vendor.yml (MIT), and what package managers write.
_VENDORED = frozenset(
    [
        "node_modules",
        "bower_components",
        "vendor",
        "vendors",
        "vendored",
        "_vendor",
        "third_party",
        "third-party",
        "thirdparty",
        "3rdparty",
        "extern",
        "godeps",
        "pods",
        "carthage",
        "site-packages",
        "dist-packages",
        ".venv",
        "venv",
        ".tox",
        ".eggs",
    ]
)
_VENDORED_FILE = re.compile(
    r"(?:^|/)(?:jquery[-.]\d[\w.-]*\.js|bootstrap[\w.-]*\.(?:js|css)|gradlew(?:\.bat)?|mvnw(?:\.cmd)?)$",
    re.IGNORECASE,
)
_MINIFIED = re.compile(r"[.-]min\.(?:js|css|mjs|cjs)$|\.bundle\.js$", re.IGNORECASE)
_GENERATED = re.compile(
    r"_pb2(?:_grpc)?\.pyi?$|\.pb\.(?:go|cc|h)$|\.pb\.gw\.go$|\.g\.dart$|\.freezed\.dart$|\.designer\.(?:cs|vb)$"
    r"|\.generated\.\w+$|(?:^|/)(?:moc|qrc|ui)_[\w-]+\.(?:cpp|h|py)$|_generated\.\w+$|\.d\.ts\.map$",
    re.IGNORECASE,
)


def left_out_by_path(path: str) -> str | None:
    """Why a file of a source tree is not read, by its path alone; null where nothing speaks against it.

    >>> left_out_by_path("web/node_modules/x/index.js"), left_out_by_path("js/app.min.js"), left_out_by_path("api_pb2.py")
    ('code_vendored', 'code_minified', 'code_generated')
    """
    if any(part in _VENDORED for part in path.lower().split("/")[:-1]) or _VENDORED_FILE.search(path):
        return "code_vendored"
    if _MINIFIED.search(path):
        return "code_minified"
    return "code_generated" if _GENERATED.search(path) else None


_SPDX = re.compile(rb"SPDX-License-Identifier:[ \t]{0,8}([A-Za-z0-9.+(][A-Za-z0-9.+() -]{1,99})")


def stated_license(head: bytes) -> str | None:
    r"""The licences that a file states of itself by SPDX tags, null without one.

    >>> stated_license(b"// SPDX-License-Identifier: MIT\n")
    'MIT'
    """
    stated = (match[1].decode().strip(" -") for match in _SPDX.finditer(head[:4096]))  # what ends a comment
    return " AND ".join(dict.fromkeys(stated)) or None


# SPDX identifiers, lower case: the permissive licences that the Blue Oak Council rates bronze or better, less those that
# hardly any repository uses; The Stack (Kocetkov et al. 2022, arXiv 2211.15533, section 3.1) takes the same list.
PERMISSIVE = frozenset(
    [
        "0bsd",
        "adsl",
        "afl-1.1",
        "afl-1.2",
        "afl-2.0",
        "afl-2.1",
        "afl-3.0",
        "apache-1.0",
        "apache-1.1",
        "apache-2.0",
        "artistic-2.0",
        "blueoak-1.0.0",
        "bsd-1-clause",
        "bsd-2-clause",
        "bsd-2-clause-freebsd",
        "bsd-2-clause-netbsd",
        "bsd-2-clause-patent",
        "bsd-2-clause-views",
        "bsd-3-clause",
        "bsd-3-clause-attribution",
        "bsd-3-clause-clear",
        "bsd-3-clause-lbnl",
        "bsd-3-clause-modification",
        "bsd-4-clause",
        "bsd-source-code",
        "bsl-1.0",
        "cc-by-3.0",
        "cc-by-4.0",
        "cc0-1.0",
        "curl",
        "ecl-1.0",
        "ecl-2.0",
        "efl-2.0",
        "fsfap",
        "fsful",
        "fsfullr",
        "ftl",
        "hpnd",
        "icu",
        "ijg",
        "imagemagick",
        "intel",
        "isc",
        "jasper-2.0",
        "libpng",
        "libpng-2.0",
        "libtiff",
        "linux-openib",
        "mit",
        "mit-0",
        "mit-cmu",
        "mit-advertising",
        "mit-feh",
        "mit-modern-variant",
        "ms-pl",
        "mulanpsl-1.0",
        "mulanpsl-2.0",
        "ncsa",
        "netcdf",
        "ntp",
        "openssl",
        "php-3.0",
        "php-3.01",
        "postgresql",
        "psf-2.0",
        "python-2.0",
        "ruby",
        "sgi-b-2.0",
        "tcl",
        "unicode-dfs-2015",
        "unicode-dfs-2016",
        "unlicense",
        "upl-1.0",
        "vim",
        "w3c",
        "w3c-19980720",
        "wtfpl",
        "x11",
        "xnet",
        "zed",
        "zend-2.0",
        "zlib",
        "zlib-acknowledgement",
        "zpl-1.1",
        "zpl-2.0",
        "zpl-2.1",
        "permissive",
    ]
)


def is_permissive(license: str | None) -> bool:  # noqa: A002  (the name of the column)
    """Whether every licence that is stated, one at least, is permissive: no statement is no permission.

    Names stand in a list with commas or semicolons, perhaps in the brackets and quotes of one that was written as text; of
    "A OR B" one is enough; "A WITH B" and "A+" allow what A does, and more.

    >>> is_permissive("MIT"), is_permissive("MIT, GPL-3.0"), is_permissive("GPL-2.0 OR MIT"), is_permissive(None)
    (True, False, True, False)
    """
    stated = [part for part in re.split(r"[,;]|\sAND\s", license or "", flags=re.IGNORECASE) if part.strip()]
    return bool(stated) and all(
        any(_is_listed(choice) for choice in re.split(r"\sOR\s", part, flags=re.IGNORECASE))
        for part in stated
    )


def _is_listed(choice: str) -> bool:
    name = re.split(r"\sWITH\s", choice.lower(), flags=re.IGNORECASE)[0].strip(" \t\r\n()[]\"'")
    return name.removesuffix("+") in PERMISSIVE
