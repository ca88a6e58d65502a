"""Constraints, in AWS's phrases."""

from collections.abc import Callable
from typing import Any

import pytest

from outcrop.errors import ValidationError
from outcrop.wire.service import Operation
from outcrop.wire.validate import compile_validator

JOB = {
    "jobName": "job-1",
    "importedModelName": "model_1",
    "roleArn": "arn:aws:iam::123456789012:role/r",
    "modelDataSource": {"s3DataSource": {"s3Uri": "s3://bucket/prefix/"}},
}
NAME_PATTERN = r"[a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*"


@pytest.fixture(scope="session")
def complaints(operation: Callable[[str], Operation]) -> Callable[..., Any]:
    """Returns what the validator of an operation says to parameters; None when it is content."""

    def _complaints(name: str, params: dict[str, Any]) -> str | None:
        try:
            compile_validator(operation(name))(params)
        except ValidationError as error:
            return error.message
        return None

    return _complaints


MUST = {
    "exist": "Member must not be null",
    "match": f"Member must satisfy regular expression pattern: {NAME_PATTERN}",
    "be_64": "Member must have length less than or equal to 63",
    "be_empty": "Member must have length greater than or equal to 1",
    "be_one": "Member must have exactly one of these set: [s3DataSource]",
    "be_subnets": "Member must satisfy constraint: [Member must have length less than or equal to 32, "
    "Member must satisfy regular expression pattern: [-0-9a-zA-Z]+, Member must not be null]",
}


def _one(value: str, path: str, constraint: str) -> str:
    return f"1 validation error detected: {value} at '{path}' failed to satisfy constraint: {constraint}"


def _network(*subnets: str) -> dict[str, Any]:
    return {"vpcConfig": {"subnetIds": list(subnets), "securityGroupIds": ["sg-1"]}}


def test_sound_parameters_pass(complaints: Callable[..., Any]) -> None:
    """Parameters that keep every rule raise nothing."""
    assert complaints("CreateModelImportJob", JOB) is None


@pytest.mark.parametrize(
    ("changes", "value", "path", "must"),
    [
        ({"jobName": "bad name!"}, "Value 'bad name!'", "jobName", "match"),
        ({"jobName": None}, "Value null", "jobName", "exist"),
        ({"jobName": "a" * 64}, f"Value '{'a' * 64}'", "jobName", "be_64"),
        ({"jobTags": [{"key": "", "value": "v"}]}, "Value ''", "jobTags.1.member.key", "be_empty"),
        ({"jobTags": [{"key": "k", "value": "v"}, {"key": "k"}]}, "Value null", "jobTags.2.member.value", "exist"),
        ({"modelDataSource": {}}, "Value", "modelDataSource", "be_one"),
        ({"modelDataSource": {"s3DataSource": {}}}, "Value null", "modelDataSource.s3DataSource.s3Uri", "exist"),
        (_network(), "Value '[]'", "vpcConfig.subnetIds", "be_empty"),
        (_network("a b", "c"), "Value '[a b, c]'", "vpcConfig.subnetIds", "be_subnets"),
    ],
)
def test_each_constraint_has_awss_phrase(
    complaints: Callable[..., Any], changes: dict[str, Any], value: str, path: str, must: str
) -> None:
    """Patterns, lengths, required members, unions and lists, phrased as AWS phrases them."""
    params = {name: given for name, given in {**JOB, **changes}.items() if given is not None}

    assert complaints("CreateModelImportJob", params) == _one(value, path, MUST[must])


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"maxResults": 1001}, _one("Value '1001'", "maxResults", "Member must have value less than or equal to 1000")),
        ({"maxResults": 0}, _one("Value '0'", "maxResults", "Member must have value greater than or equal to 1")),
        (
            {"statusEquals": "Done"},
            _one(
                "Value 'Done'",
                "statusEquals",
                "Member must satisfy enum value set: [InProgress, Completed, Failed]",
            ),
        ),
    ],
)
def test_ranges_and_enums_have_awss_phrases(
    complaints: Callable[..., Any], params: dict[str, Any], message: str
) -> None:
    """Numbers and enumerations, phrased as AWS phrases them."""
    assert complaints("ListModelImportJobs", params) == message


def test_all_violations_are_told_at_once(complaints: Callable[..., Any]) -> None:
    """One answer names everything that is wrong, in the order of the model."""
    message = complaints("CreateModelImportJob", {**JOB, "jobName": "", "importedModelName": "a.b", "roleArn": "nope"})

    assert message.startswith("4 validation errors detected: Value '' at 'jobName' failed")
    assert "; Value 'a.b' at 'importedModelName' failed" in message
    assert "; Value 'nope' at 'roleArn' failed" in message


def test_numbers_are_echoed_as_aws_echoes_them(complaints: Callable[..., Any]) -> None:
    """AWS writes floats with a decimal and limits without one, as its users quote it."""
    message = complaints("Converse", {"modelId": "m", "inferenceConfig": {"temperature": 99.0}})

    assert message == _one(
        "Value '99.0'", "inferenceConfig.temperature", "Member must have value less than or equal to 1"
    )


@pytest.mark.parametrize("tokens", [2**31, -(2**31) - 1])
def test_integers_have_32_bits_also_where_no_range_is_stated(complaints: Callable[..., Any], tokens: int) -> None:
    """MaxTokens has no stated maximum; an Integer has one all the same."""
    assert "Member must have value" in complaints(
        "Converse", {"modelId": "m", "inferenceConfig": {"maxTokens": tokens}}
    )


def test_unions_take_exactly_one_member(complaints: Callable[..., Any]) -> None:
    """None is as wrong as two."""
    two = {"text": "a", "cachePoint": {"type": "default"}}
    messages = [{"role": "user", "content": [{}, two]}]

    message = complaints("Converse", {"modelId": "m", "messages": messages})

    assert message.startswith("2 validation errors detected: Value at 'messages.1.member.content.1.member' failed")
    assert "messages.1.member.content.2.member" in message


def test_maps_of_plain_values_are_told_as_one(complaints: Callable[..., Any]) -> None:
    """AWS names the map, and all rules of its keys or values."""
    message = complaints("Converse", {"modelId": "m", "requestMetadata": {"": "v", "k": "\u00e9"}})

    assert message.startswith("2 validation errors detected: Value at 'requestMetadata' failed")
    assert "Map keys must satisfy constraint: [Member must have length less than or equal to 256, " in message
    assert "Map value must satisfy constraint: [Member must have length less than or equal to 256, " in message
    assert message.count("Member must not be null") == 1


def test_maps_of_structures_are_walked(complaints: Callable[..., Any]) -> None:
    """A member of a map's value is named by the map's key."""
    message = complaints("Converse", {"modelId": "m", "promptVariables": {"name": {}}})

    assert "'promptVariables.name.member'" in message


def test_sensitive_values_are_not_echoed(complaints: Callable[..., Any]) -> None:
    """A message names the place of a secret, never the secret."""
    message = complaints("InvokeModel", {"modelId": "m", "requestMetadata": "secret" * 2000})

    assert message == _one("Value", "requestMetadata", "Member must have length less than or equal to 8500")


def test_patterns_match_the_whole_value(complaints: Callable[..., Any]) -> None:
    """A good beginning is not enough, and a line break at the end is not nothing."""
    assert complaints("GetModelImportJob", {"jobIdentifier": "job\n"}) is not None
    assert complaints("GetModelImportJob", {"jobIdentifier": "job"}) is None


def test_huge_values_make_small_messages(complaints: Callable[..., Any]) -> None:
    """Echoed values, and the number of violations that are listed, are bounded; all are counted."""
    tags = [{"key": "!" * 10_000, "value": "v"}] * 100

    message = complaints("CreateModelImportJob", {**JOB, "jobTags": tags})

    assert message.startswith("200 validation errors detected: ")
    assert len(message) < 70_000


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:bedrock:us-east-1:123456789012:model-import-job/abcdef123456",
        "arn:aws-us-gov:bedrock:us-gov-west-1:123456789012:imported-model/abcdef123456",
    ],
)
def test_arns_of_both_kinds_can_be_tagged(complaints: Callable[..., Any], arn: str) -> None:
    """The pattern of resourceARN has anchors inside of alternatives; it works all the same."""
    assert complaints("ListTagsForResource", {"resourceARN": arn}) is None
    assert complaints("ListTagsForResource", {"resourceARN": arn + "!"}) is not None
