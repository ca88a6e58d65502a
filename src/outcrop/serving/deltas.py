"""Reads the chunks of an engine's streamed reply: OpenAI's JSON → small typed deltas, without what a stop string ends.

    engine's chunks ── ChunkReader.read ──▶ Delta … Delta ── ChunkReader.end ──▶ StreamEnd

Whatever consumes a stream (bodies/stream.py, chat/events.py) sees deltas only. Pure; one reader for each stream.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from outcrop.errors import EngineError
from outcrop.records import JsonObject, JsonValue
from outcrop.serving.stops import StopFilter

FINISH_REASONS = ("stop", "length", "tool_calls", "content_filter")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    """What one chunk adds to one choice."""

    index: int = 0
    """Which choice, from 0."""
    text: str = field(default="", repr=False)
    reasoning: str = field(default="", repr=False)
    tool_calls: tuple[JsonObject, ...] = field(default=(), repr=False)
    """Parts of tool calls in OpenAI's form: `index`, and in the first part of a call `id` and `function.name`."""
    logprobs: JsonObject | None = field(default=None, repr=False)
    """As the engine gives them."""

    @property
    def is_empty(self) -> bool:
        """Whether it adds nothing."""
        return not (self.text or self.reasoning or self.tool_calls or self.logprobs)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoiceEnd:
    """Why a choice ended."""

    index: int
    finish_reason: str
    """One of FINISH_REASONS."""
    stop: str | None = None
    """The stop string that ended it, where that is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """What is known once a stream is over."""

    choices: tuple[ChoiceEnd, ...]
    """By index; never empty."""
    input_tokens: int
    output_tokens: int


@dataclass(slots=True)
class _Choice:
    stops: StopFilter
    end: ChoiceEnd | None = None


class ChunkReader:
    """Reads one stream."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        """Keeps the stop strings to look for; none for an engine that does so itself."""
        self._stop = tuple(stop)
        self._choices: dict[int, _Choice] = {}
        self._usage: JsonObject | None = None

    def read(self, chunk: JsonObject) -> list[Delta]:
        """Returns what a chunk adds. Raises EngineError for what is not of the OpenAI API."""
        usage = chunk.get("usage")
        if isinstance(usage, Mapping):
            self._usage = usage
        choices = chunk.get("choices")
        if not isinstance(choices, list | tuple):
            raise _nonsense("a chunk without choices")
        return [delta for choice in choices for delta in self._read_choice(choice)]

    def end(self) -> StreamEnd:
        """Returns how the stream ended. Raises EngineError when it was cut short."""
        ends = tuple(choice.end for _, choice in sorted(self._choices.items()) if choice.end is not None)
        if not ends or len(ends) < len(self._choices):
            raise EngineError("the engine ended its reply before it was finished")
        if self._usage is None:
            raise _nonsense("no usage")
        return StreamEnd(
            choices=ends,
            input_tokens=_count(self._usage, "prompt_tokens"),
            output_tokens=_count(self._usage, "completion_tokens"),
        )

    def _read_choice(self, raw: JsonValue) -> list[Delta]:
        if not isinstance(raw, Mapping):
            raise _nonsense("a choice that is no object")
        index = raw.get("index", 0)
        if not isinstance(index, int):
            raise _nonsense("a choice without index")
        choice = self._choices.setdefault(index, _Choice(StopFilter(self._stop)))
        said = raw.get("delta", raw)
        if not isinstance(said, Mapping):
            raise _nonsense("a delta that is no object")
        text = choice.stops.feed(_text(said, "content" if "delta" in raw else "text"))
        finish_reason = raw.get("finish_reason")
        if finish_reason is not None:
            text += choice.stops.rest()
            choice.end = _end(index, finish_reason, raw.get("stop_reason"), choice.stops.found)
        calls, logprobs = said.get("tool_calls"), raw.get("logprobs")
        delta = Delta(
            index=index,
            text=text,
            reasoning=_text(said, "reasoning_content") or _text(said, "reasoning"),
            tool_calls=tuple(call for call in calls if isinstance(call, Mapping)) if isinstance(calls, list) else (),
            logprobs=logprobs if isinstance(logprobs, Mapping) else None,
        )
        return [] if delta.is_empty else [delta]


def _end(index: int, finish_reason: JsonValue, stop_reason: JsonValue, found: str | None) -> ChoiceEnd:
    if found is not None:
        return ChoiceEnd(index=index, finish_reason="stop", stop=found)
    if finish_reason not in FINISH_REASONS or not isinstance(finish_reason, str):
        raise _nonsense(f"the finish reason {finish_reason!r}")
    return ChoiceEnd(
        index=index, finish_reason=finish_reason, stop=stop_reason if isinstance(stop_reason, str) else None
    )


def _text(said: JsonObject, member: str) -> str:
    found = said.get(member)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise _nonsense(f"a {member} that is no text")
    return found


def _count(usage: JsonObject, member: str) -> int:
    found = usage.get(member)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise _nonsense(f"no {member}")
    return found


def _nonsense(what: str) -> EngineError:
    return EngineError(f"the engine answered with {what}")
