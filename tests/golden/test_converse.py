"""What engines said, chunk by chunk, and the events and the output that Converse makes of it, word for word."""

import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from outcrop.adapters import engine_transformers, engine_vllm
from outcrop.serving.bodies import InvokeRequest, Sampling, Schema
from outcrop.serving.converse import Conversation, whole_output
from outcrop.serving.reading import ReplyReader

TRANSCRIPTS = sorted(Path(__file__).with_name("converse").glob("*.json"))
CAPABILITIES = {"transformers": engine_transformers.CAPABILITIES, "vllm": engine_vllm.CAPABILITIES}


def events_of(transcript: dict[str, Any]) -> list[Any]:
    """The events of a transcript's chunks."""
    numbers = count(1)

    def new_id() -> str:
        return f"tooluse_{next(numbers)}"

    stop = tuple(transcript["stop"])
    tools = [{"type": "function", "function": {"name": name}} for name in transcript["tools"]]
    request = InvokeRequest(schema=Schema.CHAT, sampling=Sampling(stop=stop), options={"tools": tools} if tools else {})
    reader = ReplyReader(request, CAPABILITIES[transcript["engine"]], new_id)
    conversation = Conversation(stop_sequences=stop, response_paths=(), new_id=new_id)
    events = list(conversation.begin())
    for chunk in transcript["chunks"]:
        for delta in reader.read(chunk):
            events += conversation.add(delta)
    ending = reader.finish()
    for delta in ending.deltas:
        events += conversation.add(delta)
    return [*events, *conversation.end(ending.end, latency_ms=7)]


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_a_transcript_makes_its_events(path: Path) -> None:
    """In this order, and no others; and the output of Converse is what they add up to."""
    transcript = json.loads(path.read_text())

    events = events_of(transcript)

    assert events == transcript["events"]
    assert whole_output(events) == transcript["output"]


def test_there_are_transcripts() -> None:
    """Of every family's way to call a tool, and of both engines."""
    assert len(TRANSCRIPTS) >= 9
