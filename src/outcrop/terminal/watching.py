"""The states of an import as a server tells them, through every break of the connection."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from outcrop.adapters.event_source import ServerSentEvent
from outcrop.errors import SettingError, UnavailableError

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


class TellsEvents(Protocol):
    """What is asked of a server."""

    def events(self, job: str, *, last_id: str = "") -> Iterator[ServerSentEvent]:
        """Yields a job's events. Raises RequestError, UnavailableError."""
        ...


def states_of(
    job: str,
    find: Callable[[], TellsEvents],
    *,
    away: Callable[[str], None] = lambda _why: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Mapping[str, Any]]:
    """Yields a job's states, the last one at its end; comes back, with the last id, when the server was away.

    Args:
        job: name or ARN.
        find: finds the server, anew each time: a restarted one may listen elsewhere.
        away: told why, once for each time that the server is away.
        sleep: waits.

    Raises:
        RequestError: there is no such job, or it may not be seen.
        UnavailableError, SettingError: there was no server in the first place.
    """
    last_id, pause_s, is_away = "", FIRST_PAUSE_S, False
    while True:
        try:
            for event in find().events(job, last_id=last_id):
                last_id, pause_s, is_away = event.last_id, FIRST_PAUSE_S, False
                yield json.loads(event.data)
                if event.name == "end":
                    return
            why = "it closed the connection"
        except (UnavailableError, SettingError) as error:
            if not last_id:
                raise
            why = str(error)
        if not is_away:
            is_away = True
            away(why)
        sleep(pause_s)
        pause_s = min(pause_s * 2, LONGEST_PAUSE_S)
