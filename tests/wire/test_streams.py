"""What our encoder frames, botocore's event stream reads."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from botocore.eventstream import EventStream
from botocore.exceptions import EventStreamError
from botocore.parsers import EventStreamJSONParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outcrop.api.calls import Reply
from outcrop.errors import ModelFailedError, ThrottledError
from outcrop.wire.eventstream import EventEncoder
from outcrop.wire.service import load_operations

STREAMING = ["InvokeModelWithResponseStream", "ConverseStream"]
ENCODERS = {operation.name: EventEncoder(operation) for operation in load_operations(STREAMING)}


class _Raw:
    """A response body in pieces of any size."""

    def __init__(self, body: bytes, size: int) -> None:
        self._body, self._size = body, size

    def stream(self) -> Any:
        return (self._body[start : start + self._size] for start in range(0, len(self._body), self._size))

    def close(self) -> None:
        pass


def _union(model: Callable[..., Any]) -> Any:
    return next(member for member in model.output_shape.members.values() if member.serialization.get("eventstream"))


@pytest.mark.parametrize("name", STREAMING)
@settings(max_examples=100, derandomize=True, suppress_health_check=list(HealthCheck), deadline=None)
@given(data=st.data())
def test_events_arrive_as_they_were_given(
    model: Callable[..., Any], values: Callable[..., Any], name: str, data: st.DataObject
) -> None:
    """Any sequence of events of the union, cut at any place, is read back."""
    union = _union(model(name))
    kinds = sorted(member for member, shape in union.members.items() if not shape.metadata.get("exception"))
    # botocore reports an event without any member as no event.
    event = st.sampled_from(kinds).flatmap(
        lambda kind: st.fixed_dictionaries({kind: values(union.members[kind]).filter(bool)})
    )
    events = data.draw(st.lists(event, max_size=4))

    body = b"".join(ENCODERS[name].event(event) for event in events)
    stream = EventStream(_Raw(body, data.draw(st.integers(1, 200))), union, EventStreamJSONParser(), name)

    assert list(stream) == events


async def _events(*items: Any) -> AsyncIterator[Any]:
    for item in items:
        if isinstance(item, Exception):
            raise item
        yield item


def test_a_client_reads_the_chunks_of_a_stream(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """invoke_model_with_response_stream yields the model's own JSON."""
    reply = Reply(
        output={"contentType": "application/json"},
        events=_events({"chunk": {"bytes": b'{"generation":"a"}'}}, {"chunk": {"bytes": b'{"generation":"b"}'}}),
    )
    client = connect("bedrock-runtime", InvokeModelWithResponseStream=answering(reply))

    response = client.invoke_model_with_response_stream(modelId="m", body=b"{}")

    assert response["contentType"] == "application/json"
    assert [event["chunk"]["bytes"] for event in response["body"]] == [b'{"generation":"a"}', b'{"generation":"b"}']


def test_a_client_reads_a_conversation(connect: Callable[..., Any], answering: Callable[..., Any]) -> None:
    """converse_stream yields the events in order, as dictionaries."""
    events = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"contentBlockIndex": 0, "delta": {"text": "Hi"}}},
        {"contentBlockStop": {"contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {
            "metadata": {
                "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2},
                "metrics": {"latencyMs": 0},
            }
        },
    ]
    client = connect("bedrock-runtime", ConverseStream=answering(Reply(events=_events(*events))))

    messages = [{"role": "user", "content": [{"text": "hello"}]}]
    assert list(client.converse_stream(modelId="m", messages=messages)["stream"]) == events


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ThrottledError("slow down"), "throttlingException"),
        (ModelFailedError("died", original_status=500, resource_name="arn"), "modelStreamErrorException"),
        (RuntimeError("bug"), "internalServerException"),
    ],
)
def test_a_client_gets_the_error_that_ends_a_stream(
    connect: Callable[..., Any], answering: Callable[..., Any], error: Exception, code: str
) -> None:
    """The client raises EventStreamError under the name of the union's member."""
    reply = Reply(output={"contentType": "application/json"}, events=_events({"chunk": {"bytes": b"{}"}}, error))
    client = connect("bedrock-runtime", InvokeModelWithResponseStream=answering(reply))

    stream = iter(client.invoke_model_with_response_stream(modelId="m", body=b"{}")["body"])
    next(stream)

    with pytest.raises(EventStreamError) as caught:
        next(stream)
    assert caught.value.response["Error"]["Code"] == code
