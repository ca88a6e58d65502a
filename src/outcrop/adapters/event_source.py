"""Reads server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html says. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSentEvent:
    """One event: its name, what it tells, and the id to come back with."""

    name: str
    data: str
    last_id: str


def read_events(lines: Iterable[bytes], *, last_id: str = "") -> Iterator[ServerSentEvent]:
    """Yields the events of a stream of lines; comments and unknown fields are no events, nor is one that breaks off."""
    name, data = "", list[str]()
    for raw in lines:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "event":
                    name = value
                case "data":
                    data.append(value)
                case "id":
                    last_id = value
            continue
        if data:
            yield ServerSentEvent(name=name or "message", data="\n".join(data), last_id=last_id)
        name, data = "", []
