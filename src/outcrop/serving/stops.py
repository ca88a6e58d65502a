"""Finds stop strings in a text that comes in pieces, and keeps them out of it. Pure.

OpenAI's texts end before the stop string; `transformers serve` leaves it in. A piece may end within a stop string, so
that much is held back until it is known what follows.
"""

from __future__ import annotations

from collections.abc import Sequence


class StopFilter:
    """Filters one text."""

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(filter(None, stop))
        self._held = ""
        self.found: str | None = None
        """The stop string that ended the text; None as long as there was none."""
        self.after = ""
        """What followed the stop string in the piece that completed it."""

    def feed(self, piece: str) -> str:
        """Returns what can be passed on. Nothing can once a stop string was found."""
        if not self._stop:
            return piece
        if self.found is not None:
            return ""
        text = self._held + piece
        self.found = first_stop(text, self._stop)
        if self.found is not None:
            self._held = ""
            passed, _, self.after = text.partition(self.found)
            return passed
        kept = max(_overlap(text, stop) for stop in self._stop)
        self._held = text[len(text) - kept :]
        return text[: len(text) - kept]

    def rest(self) -> str:
        """Returns what was held back, when the text has ended without a stop string."""
        held, self._held = self._held, ""
        return held


def first_stop(text: str, stop: Sequence[str]) -> str | None:
    """Returns the stop string that begins first in a text, the longest of those that begin there."""
    found = [string for string in stop if string in text]
    return min(found, key=lambda string: (text.index(string), -len(string)), default=None)


def _overlap(text: str, stop: str) -> int:
    """Returns how many characters at the end of the text could be the beginning of the stop string."""
    longest = min(len(text), len(stop) - 1)
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
