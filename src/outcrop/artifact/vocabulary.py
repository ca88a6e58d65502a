"""tokenizer.json, read by the `tokenizers` library as the engines read it; it is loaded, never run. Pure.

The library is given only what can be a tokenizer of the model: the values in the file are counted first, since a file
of a few MB can be made to take gigabytes.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from outcrop.artifact.contents import LFS_CURE, is_lfs_pointer, sniff
from outcrop.artifact.finding import Judged, error
from outcrop.artifact.wording import printable

if TYPE_CHECKING:
    import tokenizers

SAVE_AGAIN = "Save the tokenizer again (AutoTokenizer...save_pretrained) and upload its files."

VALUES_PER_TOKEN = 9
"""Values of the file for each token: one for the token, and three for each merge. Published tokenizers have 7 to 8."""

VALUES_BESIDES = 50_000
MOST_VALUES = 2_000_000
"""Gemma 3, with 262,000 tokens and 514,000 merges, has 1,800,000; GPT-OSS 1,540,000. What the library makes of so many
takes 350 MB and a second and a half of a processor, so there is no more."""

LONGEST_TEXT = 2**20
"""Bytes of one text: the tables of normalisers, the longest there are, have 400,000."""

_LONG_TEXT = re.compile(rb'"[^"]{%d}' % LONGEST_TEXT)

UNREADABLE = error("tokenizer.unreadable")
"""The tokenizers library cannot load the file. Do: save the tokenizer again."""
TOO_MANY_VALUES = error("tokenizer.too_many_values")
"""The file holds more than a tokenizer for this model can: it is not loaded. Do: save the tokenizer again."""


class Vocabulary:
    """The tokens of a tokenizer.json; there is at least one."""

    def __init__(self, tokenizer: tokenizers.Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._count: int = tokenizer.get_vocab_size(with_added_tokens=True)

    def __contains__(self, text: str) -> bool:
        return self._tokenizer.token_to_id(text) is not None

    @cached_property
    def highest(self) -> tuple[str, int]:
        """The token with the highest id."""
        last = self._tokenizer.id_to_token(self._count - 1)
        if last is not None and all(self._tokenizer.id_to_token(number) is not None for number in range(self._count)):
            # As many ids as tokens, without a gap: the usual case, which needs no table of them all.
            return last, self._count - 1
        ids = self._tokenizer.get_vocab(with_added_tokens=True)
        return max(ids.items(), key=lambda item: item[1])


def load_vocabulary(file: str, data: bytes, *, rows: int | None) -> Judged[Vocabulary]:
    """Loads a tokenizer; `rows` is how many token ids the model has embeddings for, where that is known."""
    known = sniff(data)
    if known is not None:
        cure = LFS_CURE if is_lfs_pointer(data) else SAVE_AGAIN
        return Judged(None, (UNREADABLE.found(file, f"is not a tokenizer: it is {known}.", cure=cure),))
    values, most = data.count(b",") + data.count(b"["), _most_values(rows)
    if values > most:
        message = f"holds {values:,} values; a tokenizer for this model has at most {most:,}."
        return Judged(
            None,
            (TOO_MANY_VALUES.found(file, message, cure=SAVE_AGAIN, expected=f"at most {most}", actual=str(values)),),
        )
    if _LONG_TEXT.search(data):
        message = f"holds a text of more than {LONGEST_TEXT:,} bytes, which no tokenizer has."
        return Judged(None, (TOO_MANY_VALUES.found(file, message, cure=SAVE_AGAIN),))
    return _load(file, data)


def _most_values(rows: int | None) -> int:
    return MOST_VALUES if rows is None else min(MOST_VALUES, rows * VALUES_PER_TOKEN + VALUES_BESIDES)


def _load(file: str, data: bytes) -> Judged[Vocabulary]:
    # Imported here: 20 ms that models without a tokenizer should not pay.
    import tokenizers  # noqa: PLC0415

    try:
        tokenizer = tokenizers.Tokenizer.from_buffer(data)
    except BaseException as problem:  # Rust panics reach Python as a BaseException of no public class
        if isinstance(problem, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        reason = printable(re.sub(r"^Cannot instantiate Tokenizer from buffer: ", "", str(problem)), 200)
        message = f"cannot be loaded by the tokenizers library: {reason}."
        return Judged(None, (UNREADABLE.found(file, message, cure=SAVE_AGAIN),))
    if tokenizer.get_vocab_size(with_added_tokens=True) == 0:
        return Judged(None, (UNREADABLE.found(file, "has an empty vocabulary.", cure=SAVE_AGAIN),))
    return Judged(Vocabulary(tokenizer))
