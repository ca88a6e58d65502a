"""Stop strings are kept out of a text that comes in pieces."""

from hypothesis import given
from hypothesis import strategies as st

from outcrop.serving.stops import StopFilter, first_stop

LETTERS = st.text(alphabet="ab\n", max_size=20)


@given(LETTERS, st.text(alphabet="ab\n", min_size=1, max_size=4), st.integers(1, 5))
def test_pieces_of_any_size_end_before_the_stop_string(text: str, stop: str, size: int) -> None:
    """The text that passes is the text before the first stop string, or all of it."""
    stops = StopFilter([stop])

    passed = "".join(stops.feed(text[at : at + size]) for at in range(0, len(text), size)) + stops.rest()

    assert passed == text.partition(stop)[0]
    assert stops.found == (stop if stop in text else None)


@given(LETTERS, st.lists(st.text(alphabet="ab\n", min_size=1, max_size=3), max_size=3))
def test_letter_by_letter_nothing_of_any_stop_string_passes(text: str, stop: list[str]) -> None:
    """However many stop strings there are."""
    stops = StopFilter(stop)

    passed = "".join(map(stops.feed, text)) + stops.rest()

    assert text.startswith(passed)
    assert first_stop(passed, stop) is None


def test_what_cannot_be_a_stop_string_passes_at_once() -> None:
    """Only what may still become one is held back."""
    stops = StopFilter(["###"])

    assert [stops.feed("a #"), stops.feed("b"), stops.feed(" ##"), stops.rest()] == ["a ", "#b", " ", "##"]


def test_nothing_passes_after_a_stop_string() -> None:
    """What engines still send is not part of the text."""
    stops = StopFilter(["b"])

    assert [stops.feed("ab"), stops.feed("c"), stops.rest()] == ["a", "", ""]


def test_the_longest_of_those_that_begin_first_is_the_stop_string() -> None:
    """As `stop_reason` tells it."""
    assert first_stop("xab", ["a", "ab", "b"]) == "ab"
