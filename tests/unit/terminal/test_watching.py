"""The states of an import, through every break of the connection."""

import json
from collections.abc import Iterator
from itertools import pairwise

import pytest

from outcrop.adapters.event_source import ServerSentEvent
from outcrop.errors import RequestError, SettingError, UnavailableError
from outcrop.terminal.watching import LONGEST_PAUSE_S, states_of


def event(number: int, name: str = "progress") -> ServerSentEvent:
    """An event that tells its number."""
    return ServerSentEvent(name=name, data=json.dumps({"n": number}), last_id=str(number))


class Server:
    """Connections, one after the other: each a list of events, and what then goes wrong."""

    def __init__(self, *connections: list[ServerSentEvent | Exception]) -> None:
        self.connections = list(connections)
        self.last_ids: list[str] = []
        self.pauses: list[float] = []
        self.told: list[str] = []

    def events(self, job: str, *, last_id: str = "") -> Iterator[ServerSentEvent]:
        """One connection."""
        assert job == "j"
        self.last_ids.append(last_id)
        for item in self.connections.pop(0):
            if isinstance(item, Exception):
                raise item
            yield item

    def states(self) -> list[int]:
        """Everything that a watcher sees."""
        return [state["n"] for state in states_of("j", lambda: self, away=self.told.append, sleep=self.pauses.append)]


def test_a_break_is_mended_with_the_last_id() -> None:
    """A server that closes, one that is not there, one that answers nonsense; the watcher is told once each time."""
    gone = UnavailableError("the server", "refused")
    server = Server(
        [event(1), event(2)], [gone], [SettingError("--data", "no server")], [event(3), gone], [event(4, "end")]
    )

    assert server.states() == [1, 2, 3, 4]
    assert server.last_ids == ["", "2", "2", "2", "3"]
    assert server.told == ["it closed the connection", str(gone)]
    assert all(earlier <= later for earlier, later in pairwise(server.pauses[:3]))
    assert server.pauses[3] == server.pauses[0]


def test_pauses_end_somewhere() -> None:
    """However long the server is away."""
    server = Server([event(1)], *[[] for _ in range(30)], [event(2, "end")])

    assert server.states() == [1, 2]
    assert max(server.pauses) == LONGEST_PAUSE_S


@pytest.mark.parametrize("error", [UnavailableError("the server", "x"), SettingError("--data", "x"), RequestError("x")])
def test_what_is_wrong_from_the_start_is_told(error: Exception) -> None:
    """There is nothing to wait for."""
    with pytest.raises(type(error)):
        Server([error]).states()
