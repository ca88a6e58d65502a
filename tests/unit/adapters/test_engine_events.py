"""Server-sent events come out whole, however the bytes were cut."""

from hypothesis import given
from hypothesis import strategies as st

from outcrop.adapters.engine_events import EventLines


@given(st.lists(st.binary(min_size=1).filter(lambda data: not {10, 13} & set(data)), max_size=5), st.integers(1, 9))
def test_events_are_read_from_pieces_of_any_size(events: list[bytes], size: int) -> None:
    """What was framed is what comes out, whichever line ends are used."""
    for end in (b"\n", b"\r\n"):
        sent = b"".join(b"data: " + data + end + end for data in events)
        lines = EventLines()

        found = [data for at in range(0, len(sent), size) for data in lines.feed(sent[at : at + size])]

        assert found == events


def test_lines_of_one_event_are_joined_and_others_passed_over() -> None:
    """Comments, event names and ids are not data."""
    assert EventLines().feed(b": hi\nevent: x\nid: 1\ndata:a\ndata: b\n\n\n") == [b"a\nb"]


def test_an_event_that_is_cut_off_is_not_returned() -> None:
    """Half a chunk is no chunk."""
    assert EventLines().feed(b"data: {}\n\ndata: {") == [b"{}"]
