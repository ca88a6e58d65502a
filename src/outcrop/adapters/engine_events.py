"""Server-sent events, as engines stream them: bytes in pieces of any size → the data of each event. Pure.

Of https://html.spec.whatwg.org/multipage/server-sent-events.html what the OpenAI API uses: `data`, and empty lines.
"""

from __future__ import annotations

DONE = b"[DONE]"
"""The data of OpenAI's last event; `transformers serve` ends without it."""


class EventLines:
    """Puts lines together and takes events apart."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, piece: bytes) -> list[bytes]:
        """Returns the data of each event that the piece completes; one that the stream cuts off is never returned."""
        found: list[bytes] = []
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for ended in lines:
            line = ended.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                found.append(b"\n".join(self._data))
                self._data.clear()
        return found
