"""Counts tokens of text as OpenAI does, without its Python wrapper's 70 MB of tables.

bpe-openai's Python package builds dictionaries of all its vocabularies when it is imported: 0.6 s and 69 MB that
counting does not need. Only its compiled part is loaded here: o200k takes 80 ms and 31 MB of its own (33 MB more
are pages of the file, which processes share), cl100k 20 ms and 16 MB. Each is loaded when it is first needed.
"""

import importlib.util
import os
import sys
from functools import cache
from hashlib import blake2b
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Protocol, cast

from cachetools import LRUCache

EXACT_CHARACTERS = 32 * 1024
"""Texts up to this length are counted whole (1.2 ms, at worst 4); of longer ones, samples of this total length."""

SAMPLES = 8

REMEMBERED_FROM = 256
"""Characters of a text whose count is remembered; a shorter one is counted as fast as it is looked up."""

REMEMBERED = 8192
"""Counts that a process remembers, by a keyed digest of the text: some 2 MB, and no text."""

_lock = Lock()
_digest_key = os.urandom(16)
_counts: LRUCache[tuple[str, bytes], int] = LRUCache(REMEMBERED)

_CL100K = ("gpt-3.5", "gpt-35", "gpt-4-", "gpt-4:", "text-embedding-")
_CLAUDE_FACTOR = 1.2
"""Claude's tokenizer is not published; on English prose and code it gives about a fifth more tokens than o200k."""


class Tokenizer(Protocol):
    """What the compiled part offers."""

    def count(self, text: str) -> int:
        """Return the number of tokens of a text without lone surrogates."""
        ...


def count_tokens(text: str, model: str) -> int:
    """Return the tokens of a text: exact for OpenAI's models and texts of up to 32 Ki characters.

    Models of other makers are counted with o200k, Claude's times 1.2. Longer texts are extrapolated from eight
    samples spread evenly over them.
    """
    if not text:
        return 0
    name = model.rpartition("/")[2].lower()
    count = _remembered(text, _encoding(name))
    return round(count * _CLAUDE_FACTOR) if "claude" in name else count


def _encoding(name: str) -> str:
    return "cl100k_base" if name == "gpt-4" or name.startswith(_CL100K) else "o200k_base"


def _remembered(text: str, encoding: str) -> int:
    """Count a text, or remember its count: an agent sends its whole conversation again with each call."""
    if len(text) < REMEMBERED_FROM:
        return _count(text, _tokenizer(encoding))
    digest = blake2b(text.encode("utf-8", "surrogatepass"), key=_digest_key, digest_size=16).digest()
    with _lock:
        known = _counts.get((encoding, digest))
    if known is None:
        known = _count(text, _tokenizer(encoding))
        with _lock:
            _counts[encoding, digest] = known
    return known


def _count(text: str, tokenizer: Tokenizer) -> int:
    if len(text) <= EXACT_CHARACTERS:
        return _count_part(text, tokenizer)
    size = EXACT_CHARACTERS // SAMPLES
    step = (len(text) - size) // (SAMPLES - 1)
    counted = sum(_count_part(text[start : start + size], tokenizer) for start in range(0, step * SAMPLES, step))
    return counted * len(text) // EXACT_CHARACTERS


def _count_part(text: str, tokenizer: Tokenizer) -> int:
    try:
        return tokenizer.count(text)
    except UnicodeEncodeError:
        return tokenizer.count(text.encode("utf-8", "replace").decode())


@cache
def _tokenizer(encoding: str) -> Tokenizer:
    return cast(Tokenizer, _bindings().tokenizer_for_encoding(encoding))


@cache
def _bindings() -> ModuleType:
    package = importlib.util.find_spec("bpe_openai")
    if package is None or package.origin is None:
        raise ImportError("bpe-openai is not installed")
    name = "bpe_openai._bindings"
    files = (Path(package.origin).parent / f"_bindings{suffix}" for suffix in EXTENSION_SUFFIXES)
    spec = importlib.util.spec_from_file_location(name, next(file for file in files if file.is_file()))
    if spec is None or spec.loader is None:
        raise ImportError("bpe-openai has no compiled part for this platform")
    module = sys.modules.get(name) or importlib.util.module_from_spec(spec)
    if name not in sys.modules:
        spec.loader.exec_module(module)
    return module
