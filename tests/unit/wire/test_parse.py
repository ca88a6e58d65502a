"""From HTTP to parameters."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from outcrop.errors import RequestError, ValidationError
from outcrop.wire.parse import compile_parser
from outcrop.wire.refusals import SerializationError
from outcrop.wire.request import HttpRequest
from outcrop.wire.service import Operation


@pytest.fixture(scope="session")
def parse(operation: Callable[[str], Operation]) -> Callable[..., Any]:
    """Parses the parts of a request for an operation."""

    def _parse(
        name: str,
        *,
        labels: dict[str, str] | None = None,
        query: bytes = b"",
        headers: dict[str, str] | None = None,
        body: Any = b"",
    ) -> Any:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = HttpRequest(method="POST", raw_path=b"/", query=query, headers=headers or {}, body=raw)
        return compile_parser(operation(name))(labels or {}, request)

    return _parse


def test_path_parameters_become_members(parse: Callable[..., Any]) -> None:
    """A label of the path is a member like any other."""
    assert parse("GetModelImportJob", labels={"jobIdentifier": "j"}) == {"jobIdentifier": "j"}


def test_query_members_have_their_types(parse: Callable[..., Any]) -> None:
    """Numbers, times and text are read from the query string; what is not modelled is ignored."""
    query = b"maxResults=7&creationTimeAfter=2026-01-02T03%3A04%3A05Z&nameContains=a%2Bb&sortBy=&other=%zz&X-Amz-Date=1"

    assert parse("ListModelImportJobs", query=query) == {
        "maxResults": 7,
        "creationTimeAfter": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "nameContains": "a+b",
        "sortBy": "",
    }


def test_a_plus_in_a_query_is_a_space(parse: Callable[..., Any]) -> None:
    """Botocore's encoder writes spaces so."""
    assert parse("ListModelImportJobs", query=b"nextToken=a+b") == {"nextToken": "a b"}


@pytest.mark.parametrize("value", [b"%", b"%1", b"%xy", b"%ff"])
def test_broken_query_encodings_are_the_callers_mistake(parse: Callable[..., Any], value: bytes) -> None:
    """A value that cannot be decoded is refused with its name."""
    with pytest.raises(ValidationError, match="nextToken"):
        parse("ListModelImportJobs", query=b"nextToken=" + value)


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (b"maxResults=ten", "STRING_VALUE can not be converted to an Integer at 'maxResults'"),
        (b"maxResults=", "STRING_VALUE can not be converted to an Integer at 'maxResults'"),
        (b"maxResults=1.5", "STRING_VALUE can not be converted to an Integer at 'maxResults'"),
        (b"maxResults=" + b"9" * 5000, "STRING_VALUE can not be converted to an Integer at 'maxResults'"),
        (b"maxResults=9999999999999999999", "NUMBER_VALUE can not be converted to an Integer at 'maxResults'"),
        (b"creationTimeAfter=soon", "STRING_VALUE can not be converted to a Timestamp at 'creationTimeAfter'"),
    ],
)
def test_query_values_of_the_wrong_type_are_named(parse: Callable[..., Any], query: bytes, reason: str) -> None:
    """AWS's words, and where."""
    with pytest.raises(SerializationError) as caught:
        parse("ListModelImportJobs", query=query)

    assert caught.value.message == reason


def test_headers_and_payload_become_members(parse: Callable[..., Any]) -> None:
    """InvokeModel's body is the whole HTTP body, its options are headers."""
    headers = {"content-type": "application/json", "x-amzn-bedrock-trace": "ENABLED", "host": "h"}

    assert parse("InvokeModel", labels={"modelId": "m"}, headers=headers, body=b"\x00{") == {
        "modelId": "m",
        "contentType": "application/json",
        "trace": "ENABLED",
        "body": b"\x00{",
    }


def test_nothing_is_required_to_parse(parse: Callable[..., Any]) -> None:
    """Content-Type, headers and body may all be missing (SPEC 3.1.3); the validator says what must be given."""
    assert parse("InvokeModel", labels={"modelId": "m"}) == {"modelId": "m"}
    assert parse("CreateModelImportJob") == {}


def test_bodies_are_read_by_shape(parse: Callable[..., Any]) -> None:
    """Structures, lists, maps, blobs and documents come out as Python values; integers of floats are floats."""
    body = {
        "messages": [
            {"role": "user", "content": [{"text": "hi"}, {"image": {"format": "png", "source": {"bytes": "AAE="}}}]}
        ],
        "inferenceConfig": {"temperature": 1, "maxTokens": 5},
        "requestMetadata": {"k": "v"},
        "additionalModelRequestFields": {"top_k": 3, "free": [None, {"x": None}]},
    }

    assert parse("Converse", labels={"modelId": "m"}, body=body) == {
        "modelId": "m",
        "messages": [
            {
                "role": "user",
                "content": [{"text": "hi"}, {"image": {"format": "png", "source": {"bytes": b"\x00\x01"}}}],
            }
        ],
        "inferenceConfig": {"temperature": 1.0, "maxTokens": 5},
        "requestMetadata": {"k": "v"},
        "additionalModelRequestFields": {"top_k": 3, "free": [None, {"x": None}]},
    }


def test_unknown_members_and_nulls_are_absent(parse: Callable[..., Any]) -> None:
    """AWS ignores what it does not know, and takes null for absent, also inside lists and maps."""
    body = {"jobName": None, "nonsense": {"deep": [1]}, "jobTags": [None, {"key": "k", "value": None, "x": 1}]}

    assert parse("CreateModelImportJob", body=body) == {"jobTags": [{"key": "k"}]}
    assert parse("Converse", labels={"modelId": "m"}, body={"requestMetadata": {"a": None}})["requestMetadata"] == {}


def test_decimals_for_integers_are_cut(parse: Callable[..., Any]) -> None:
    """As AWS does it."""
    assert parse("Converse", labels={"modelId": "m"}, body={"inferenceConfig": {"maxTokens": 1.9}})[
        "inferenceConfig"
    ] == {"maxTokens": 1}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"jobName": 5}, "NUMBER_VALUE can not be converted to a String at 'jobName'"),
        ({"jobName": True}, "TRUE_VALUE can not be converted to a String at 'jobName'"),
        ({"jobName": False}, "FALSE_VALUE can not be converted to a String at 'jobName'"),
        ({"jobName": ["a"]}, "Start of list found where not expected at 'jobName'"),
        ({"jobName": {}}, "Start of structure or map found where not expected at 'jobName'"),
        ({"jobTags": "a"}, "Expected list or null at 'jobTags'"),
        ({"jobTags": {}}, "Start of structure or map found where not expected at 'jobTags'"),
        (
            {"jobTags": [{"key": "k", "value": 1}]},
            "NUMBER_VALUE can not be converted to a String at 'jobTags.1.member.value'",
        ),
        ({"modelDataSource": "s3://"}, "Expected null at 'modelDataSource'"),
        ({"modelDataSource": [1]}, "Start of list found where not expected at 'modelDataSource'"),
        (
            {"vpcConfig": {"subnetIds": [["s"]]}},
            "Start of list found where not expected at 'vpcConfig.subnetIds.1.member'",
        ),
        ([], "The request body must be a JSON object."),
        (b"null", "The request body must be a JSON object."),
        (b'"text"', "The request body must be a JSON object."),
    ],
)
def test_json_of_the_wrong_type_is_named(parse: Callable[..., Any], body: Any, reason: str) -> None:
    """AWS's words, and where."""
    with pytest.raises(SerializationError) as caught:
        parse("CreateModelImportJob", body=body)

    assert caught.value.message == reason


IMAGE = "messages.1.member.content.1.member.image.source.bytes"


def _image(source: object) -> dict[str, Any]:
    return {"messages": [{"content": [{"image": {"source": {"bytes": source}}}]}]}


def _inference(**config: object) -> dict[str, Any]:
    return {"inferenceConfig": config}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"requestMetadata": "x"}, "Expected map or null at 'requestMetadata'"),
        ({"requestMetadata": [1]}, "Start of list found where not expected at 'requestMetadata'"),
        ({"requestMetadata": {"k": 1}}, "NUMBER_VALUE can not be converted to a String at 'requestMetadata.k.member'"),
        (_inference(topP="1"), "STRING_VALUE can not be converted to a Float at 'inferenceConfig.topP'"),
        (_inference(maxTokens=True), "TRUE_VALUE can not be converted to an Integer at 'inferenceConfig.maxTokens'"),
        (
            {"toolConfig": {"tools": [{"toolSpec": {"strict": "true"}}]}},
            "STRING_VALUE can not be converted to a Boolean at 'toolConfig.tools.1.member.toolSpec.strict'",
        ),
        (_image("%"), f"STRING_VALUE is not base64 and can not be converted to a Blob at '{IMAGE}'"),
        (_image(1), f"NUMBER_VALUE can not be converted to a Blob at '{IMAGE}'"),
    ],
)
def test_values_of_every_kind_have_their_refusal(parse: Callable[..., Any], body: Any, reason: str) -> None:
    """Maps, floats, integers, booleans and blobs, each in its place."""
    with pytest.raises(SerializationError) as caught:
        parse("Converse", labels={"modelId": "m"}, body=body)

    assert caught.value.message == reason


def test_a_long_key_does_not_make_a_long_message(parse: Callable[..., Any]) -> None:
    """Keys of maps are the caller's; a message repeats a part of them."""
    with pytest.raises(RequestError) as caught:
        parse("Converse", labels={"modelId": "m"}, body={"requestMetadata": {"k" * 100_000: 1}})

    assert len(caught.value.message) < 500
