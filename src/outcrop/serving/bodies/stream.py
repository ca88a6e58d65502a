"""Writes the chunks of InvokeModelWithResponseStream in the schema that was asked in (SPEC 10.5). Pure.

Each chunk has exactly one choice. The last one holds the finish reason, the true token counts and Bedrock's metrics,
since clients stop reading at the finish reason and take the metrics from that same chunk (SPEC 10.5.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outcrop.records import JsonObject, JsonValue
from outcrop.serving.bodies.reply import ReplyIdentity, by_token_id, usage_members
from outcrop.serving.bodies.request import InvokeRequest, Schema
from outcrop.serving.deltas import ChoiceEnd, Delta, StreamEnd

METRICS = "amazon-bedrock-invocationMetrics"


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings:
    """How long a stream took, in milliseconds from the request's arrival."""

    first_ms: int
    """To the first piece of the reply."""
    whole_ms: int


class ChunkWriter:
    """Writes the chunks of one stream."""

    def __init__(self, request: InvokeRequest, identity: ReplyIdentity) -> None:
        self._identity = identity
        self._write = _WRITERS[request.schema]
        self._has_opened: set[int] = set()
        self._pieces = 0

    def piece(self, delta: Delta) -> JsonObject:
        """Returns the chunk of a delta."""
        is_first = delta.index not in self._has_opened
        self._has_opened.add(delta.index)
        self._pieces += 1
        return self._write(self._identity, _Piece(delta=delta, is_first=is_first, pieces=self._pieces))

    def last(self, end: StreamEnd, timings: Timings) -> list[JsonObject]:
        """Returns the chunks that end each choice, the counts and metrics in the last."""
        *others, final = [
            self._write(
                self._identity,
                _Piece(
                    delta=Delta(index=choice.index),
                    is_first=choice.index not in self._has_opened,
                    pieces=self._pieces,
                    end=choice,
                    counts=end if choice is end.choices[-1] else None,
                ),
            )
            for choice in end.choices
        ]
        metrics: JsonObject = {
            "inputTokenCount": end.input_tokens,
            "outputTokenCount": end.output_tokens,
            "invocationLatency": timings.whole_ms,
            "firstByteLatency": timings.first_ms,
        }
        return [*others, {**final, METRICS: metrics}]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    delta: Delta
    is_first: bool
    """Of its choice."""
    pieces: int
    """How many pieces were written, this one included: about as many as tokens."""
    end: ChoiceEnd | None = None
    counts: StreamEnd | None = None
    """Of the last chunk."""

    @property
    def finish_reason(self) -> str | None:
        return None if self.end is None else self.end.finish_reason


def _meta(_: ReplyIdentity, piece: _Piece) -> JsonObject:
    """SPEC 10.5.1. The engine tells the counts at the end; until then the pieces stand for the tokens generated."""
    return {
        "generation": piece.delta.text,
        "prompt_token_count": None if piece.counts is None else piece.counts.input_tokens,
        "generation_token_count": piece.pieces if piece.counts is None else piece.counts.output_tokens,
        "stop_reason": piece.finish_reason,
    }


def _bedrock(identity: ReplyIdentity, piece: _Piece) -> JsonObject:
    logprobs = piece.delta.logprobs
    return {**_meta(identity, piece), "logprobs": None if logprobs is None else by_token_id(logprobs)}


def _mistral(_: ReplyIdentity, piece: _Piece) -> JsonObject:
    return {"outputs": [{"text": piece.delta.text, "stop_reason": piece.finish_reason}]}


def _completion(identity: ReplyIdentity, piece: _Piece) -> JsonObject:
    choice: dict[str, JsonValue] = {
        "index": piece.delta.index,
        "text": piece.delta.text,
        "logprobs": piece.delta.logprobs,
        "finish_reason": piece.finish_reason,
        # langchain-aws looks for DeepSeek's end here (SPEC 10.5.3).
        "stop_reason": piece.finish_reason,
    }
    return _openai(f"cmpl-{identity.id}", "text_completion", identity, choice, piece)


def _chat(identity: ReplyIdentity, piece: _Piece) -> JsonObject:
    said: dict[str, JsonValue] = {"role": "assistant"} if piece.is_first else {}
    if piece.delta.text or piece.is_first:
        said["content"] = piece.delta.text
    if piece.delta.reasoning:
        said["reasoning_content"] = piece.delta.reasoning
    if piece.delta.tool_calls:
        said["tool_calls"] = list(piece.delta.tool_calls)
    choice: dict[str, JsonValue] = {
        "index": piece.delta.index,
        "delta": said,
        "logprobs": piece.delta.logprobs,
        "finish_reason": piece.finish_reason,
        "stop_reason": None if piece.end is None else piece.end.stop,
    }
    return _openai(f"chatcmpl-{identity.id}", "chat.completion.chunk", identity, choice, piece)


def _openai(
    reply_id: str, kind: str, identity: ReplyIdentity, choice: JsonObject, piece: _Piece
) -> dict[str, JsonValue]:
    chunk: dict[str, JsonValue] = {
        "id": reply_id,
        "object": kind,
        "created": identity.created,
        "model": identity.model,
        "choices": [choice],
    }
    if piece.counts is not None:
        chunk["usage"] = usage_members(piece.counts.input_tokens, piece.counts.output_tokens)
    return chunk


_WRITERS: Mapping[Schema, Callable[[ReplyIdentity, _Piece], JsonObject]] = {
    Schema.BEDROCK: _bedrock,
    Schema.COMPLETION: _completion,
    Schema.CHAT: _chat,
    Schema.META: _meta,
    Schema.MISTRAL: _mistral,
}
