"""Server-sent events, read as the standard says."""

from outcrop.adapters.event_source import ServerSentEvent, read_events


def read(text: str, last_id: str = "") -> list[ServerSentEvent]:
    """The events of a stream."""
    return list(read_events(text.encode().splitlines(keepends=True), last_id=last_id))


def test_events_have_name_data_and_id() -> None:
    """A comment is none; without a name it is a message; the id stays until there is another."""
    found = read(": hello\n\nid: 7\nevent: progress\ndata: a\ndata: b\n\ndata:c\n\n")

    assert found == [
        ServerSentEvent(name="progress", data="a\nb", last_id="7"),
        ServerSentEvent(name="message", data="c", last_id="7"),
    ]


def test_an_event_that_breaks_off_is_none() -> None:
    """Neither is one without data, nor what a later version may send besides."""
    assert read("retry: 5\n\nevent: x\n\nnew: y\n\ndata: cut") == []


def test_an_id_outlives_the_connection() -> None:
    """Who comes back with it keeps it until the server names another; lines may end as on Windows."""
    assert read("data: a\r\n\r\n", "3") == [ServerSentEvent(name="message", data="a", last_id="3")]
