"""tokenizer.json, read by the `tokenizers` library as the engines read it; it is loaded, never run. Pure.

The library is given only what can be a tokenizer of the model: the values in the file are counted first, since a file
of a few MB can be made to take gigabytes.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from outcrop.artifact.contents import LFS_CURE, is_lfs_pointer, sniff
from outcrop.artifact.finding import Judged, error
from outcrop.artifact.wording import printable

SAVE_AGAIN = "Save the tokenizer again (AutoTokenizer...save_pretrained) and upload its files."

VALUES_PER_TOKEN = 12
"""Values of the file for each token: one for the token, and three for each of the two merges that are usual."""

VALUES_BESIDES = 50_000
MOST_VALUES = 3_000_000
"""GPT-OSS, with 201,000 tokens and 446,000 merges, has 1,600,000."""

UNREADABLE = error("tokenizer.unreadable")
"""The tokenizers library cannot load the file. Do: save the tokenizer again."""
TOO_MANY_VALUES = error("tokenizer.too_many_values")
"""The file holds more than a tokenizer for this model can: it is not loaded. Do: save the tokenizer again."""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a tokenizer.json; there is at least one."""

    ids: Mapping[str, int] = field(repr=False)

    @property
    def highest(self) -> tuple[str, int]:
        """The token with the highest id."""
        return max(self.ids.items(), key=lambda item: item[1])


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
    return _load(file, data)


def _most_values(rows: int | None) -> int:
    return MOST_VALUES if rows is None else min(MOST_VALUES, rows * VALUES_PER_TOKEN + VALUES_BESIDES)


def _load(file: str, data: bytes) -> Judged[Vocabulary]:
    # Imported here: 20 ms that models without a tokenizer should not pay.
    import tokenizers  # noqa: PLC0415

    try:
        ids = tokenizers.Tokenizer.from_buffer(data).get_vocab(with_added_tokens=True)
    except BaseException as problem:  # Rust panics reach Python as a BaseException of no public class
        if isinstance(problem, (KeyboardInterrupt, SystemExit, GeneratorExit)):
            raise
        reason = printable(re.sub(r"^Cannot instantiate Tokenizer from buffer: ", "", str(problem)), 200)
        message = f"cannot be loaded by the tokenizers library: {reason}."
        return Judged(None, (UNREADABLE.found(file, message, cure=SAVE_AGAIN),))
    if not ids:
        return Judged(None, (UNREADABLE.found(file, "has an empty vocabulary.", cure=SAVE_AGAIN),))
    return Judged(Vocabulary(ids))
