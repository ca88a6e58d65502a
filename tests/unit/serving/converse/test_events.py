"""Why a reply of Converse ended; tests/golden has whole transcripts."""

import pytest

from outcrop.serving.converse.events import State, stop_reason
from outcrop.serving.deltas import ChoiceEnd, StreamEnd


def ended(finish_reason: str, stop: str | None = None) -> StreamEnd:
    """The end of a reply."""
    choice = ChoiceEnd(index=0, finish_reason=finish_reason, stop=stop)
    return StreamEnd(choices=(choice,), input_tokens=1, output_tokens=1)


@pytest.mark.parametrize(
    ("end", "calls_tools", "reason"),
    [
        (ended("stop"), False, "end_turn"),
        (ended("stop", "#"), False, "stop_sequence"),
        (ended("stop", "<|eot|>"), False, "end_turn"),
        (ended("tool_calls"), True, "tool_use"),
        (ended("stop"), True, "tool_use"),
        (ended("length"), True, "max_tokens"),
        (ended("content_filter"), False, "content_filtered"),
    ],
)
def test_each_end_has_its_word(end: StreamEnd, calls_tools: bool, reason: str) -> None:  # noqa: FBT001
    """SPEC 3.4.7; a string that the caller did not give is no stop sequence of theirs."""
    assert stop_reason(end, State(calls_tools=calls_tools), ["#"]) == reason


def test_a_reply_that_was_given_less_room_says_so() -> None:
    """The caller's own limit is not what ended it."""
    reason = stop_reason(ended("length"), State(), [], is_cut_to_context=True)

    assert reason == "model_context_window_exceeded"
