"""From outputs to answers."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.wire.serialize import compile_serializer, dump_json
from outcrop.wire.service import Operation

INSTANT = datetime(2024, 8, 13, 23, 38, 42, 457999, tzinfo=UTC)


@pytest.fixture(scope="session")
def serialize(operation: Callable[[str], Operation]) -> Callable[..., Any]:
    """Serializes the output of an operation."""
    return lambda name, output: compile_serializer(operation(name))(output)


def test_an_output_is_json_with_the_models_status(serialize: Callable[..., Any]) -> None:
    """CreateModelImportJob answers 201 and compact JSON."""
    answer = serialize("CreateModelImportJob", {"jobArn": "arn"})

    assert answer.status == 201
    assert answer.headers == [(b"content-type", b"application/json")]
    assert answer.body == b'{"jobArn":"arn"}'


def test_an_empty_output_is_an_empty_object(serialize: Callable[..., Any]) -> None:
    """TagResource answers `{}`."""
    assert serialize("TagResource", {}).body == b"{}"


def test_given_members_only_and_falsy_ones_kept(serialize: Callable[..., Any]) -> None:
    """None is absent; false, zero and empty are values."""
    answer = serialize(
        "GetImportedModel",
        {
            "modelName": None,
            "instructSupported": False,
            "modelArchitecture": "",
            "customModelUnits": {"customModelUnitsPerModelCopy": 0, "customModelUnitsVersion": None},
        },
    )

    assert json.loads(answer.body) == {
        "instructSupported": False,
        "modelArchitecture": "",
        "customModelUnits": {"customModelUnitsPerModelCopy": 0},
    }


def test_times_are_iso_with_milliseconds(serialize: Callable[..., Any]) -> None:
    """Exactly as in the user guide, cut and not rounded."""
    assert (
        serialize("GetModelImportJob", {"creationTime": INSTANT}).body == b'{"creationTime":"2024-08-13T23:38:42.457Z"}'
    )


def test_lists_of_structures_are_written_by_shape(serialize: Callable[..., Any]) -> None:
    """Members of list items follow the same rules."""
    answer = serialize("ListImportedModels", {"modelSummaries": [{"modelName": "m", "creationTime": INSTANT}]})

    assert json.loads(answer.body) == {
        "modelSummaries": [{"modelName": "m", "creationTime": "2024-08-13T23:38:42.457Z"}]
    }


def test_blobs_in_json_are_base64_and_documents_free(serialize: Callable[..., Any]) -> None:
    """Converse may answer with bytes and with free JSON."""
    message = {"role": "assistant", "content": [{"image": {"format": "png", "source": {"bytes": b"\x00\x01"}}}]}

    answer = serialize(
        "Converse", {"output": {"message": message}, "additionalModelResponseFields": {"a": [None, 1.5]}}
    )

    written = json.loads(answer.body)
    assert written["output"]["message"]["content"][0]["image"]["source"]["bytes"] == "AAE="
    assert written["additionalModelResponseFields"] == {"a": [None, 1.5]}


def test_a_payload_is_the_whole_body(serialize: Callable[..., Any]) -> None:
    """InvokeModel's bytes go out as they are, under the content type that the output names."""
    answer = serialize("InvokeModel", {"body": b"\xff\x00", "contentType": "text/plain", "serviceTier": "default"})

    assert answer.body == b"\xff\x00"
    assert answer.headers == [(b"content-type", b"text/plain"), (b"x-amzn-bedrock-service-tier", b"default")]


def test_an_event_stream_has_its_own_type(serialize: Callable[..., Any]) -> None:
    """The type of the payloads travels in a header of its own (SPEC 3.2.2)."""
    answer = serialize("InvokeModelWithResponseStream", {"contentType": "application/json"})

    assert answer.headers == [
        (b"content-type", b"application/vnd.amazon.eventstream"),
        (b"x-amzn-bedrock-content-type", b"application/json"),
    ]


def test_half_a_surrogate_pair_becomes_a_replacement_character() -> None:
    """Engines stream an emoji in halves: the answer is valid UTF-8 all the same."""
    assert dump_json(["\ud83d", "\ud83d\ude00"]) == '["\ufffd","\U0001f600"]'.encode()


@pytest.mark.parametrize(
    ("output", "error"),
    [
        ({"unknown": 1}, KeyError),
        ({"creationTime": INSTANT.replace(tzinfo=None)}, ValueError),
        ({"jobName": object()}, TypeError),
        ({"jobName": float("nan")}, ValueError),
    ],
)
def test_outputs_that_are_not_of_their_shape_are_our_bugs(
    serialize: Callable[..., Any], output: dict[str, Any], error: type[Exception]
) -> None:
    """A handler's mistake surfaces in its tests instead of on the wire."""
    with pytest.raises(error):
        serialize("GetModelImportJob", output)
