"""The facade over botocore's service models."""

from collections.abc import Callable

import pytest

from outcrop.wire.service import SERVICES, Operation, load_operations
from outcrop.wire.shapes import Kind, Location


def test_all_supported_operations_load() -> None:
    """Each of the 14 operations is in the service model of the installed botocore."""
    operations = load_operations()

    assert [operation.name for operation in operations] == list(SERVICES)
    assert len(operations) == 14


def test_unknown_operations_are_refused() -> None:
    """An operation that Outcrop does not know cannot be asked for."""
    with pytest.raises(KeyError):
        load_operations(["CreateGuardrail"])


def test_addresses_and_statuses_are_those_of_the_model(operation: Callable[[str], Operation]) -> None:
    """Method, path and success status come from the model: CreateModelImportJob answers 201."""
    create = operation("CreateModelImportJob")

    assert (create.method, create.path, create.success_status) == ("POST", "/model-import-jobs", 201)


@pytest.mark.parametrize(
    ("name", "code", "status"),
    [
        ("CreateModelImportJob", "ConflictException", 400),
        ("CreateModelImportJob", "ServiceQuotaExceededException", 400),
        ("GetModelImportJob", "ResourceNotFoundException", 404),
        ("InvokeModel", "ModelNotReadyException", 429),
        ("InvokeModel", "ModelErrorException", 424),
        ("InvokeModel", "ModelTimeoutException", 408),
        ("Converse", "ServiceUnavailableException", 503),
    ],
)
def test_error_statuses_are_those_of_the_model(
    operation: Callable[[str], Operation], name: str, code: str, status: int
) -> None:
    """The statuses that differ from what one would guess come from the error shapes (SPEC 2.0.19, 3.0.2)."""
    assert operation(name).errors[code].error_status == status


def test_payloads_and_event_streams_are_told_apart(operation: Callable[[str], Operation]) -> None:
    """InvokeModel has raw bodies both ways, its streaming sibling an event union, Converse neither."""
    invoke, stream, converse = (
        operation(name) for name in ("InvokeModel", "InvokeModelWithResponseStream", "Converse")
    )

    assert (invoke.input_payload.name, invoke.output_payload.name, invoke.events) == ("body", "body", None)
    assert stream.output_payload is None
    assert stream.events.members[0].name == "chunk"
    assert (converse.input_payload, converse.output_payload, converse.events) == (None, None, None)


def test_members_know_where_they_travel(operation: Callable[[str], Operation]) -> None:
    """`accept` travels in another header when the answer is a stream (SPEC 3.2.1)."""
    accept = {
        name: next(member for member in operation(name).input.members if member.name == "accept")
        for name in ("InvokeModel", "InvokeModelWithResponseStream")
    }

    assert accept["InvokeModel"].wire_name == "Accept"
    assert accept["InvokeModelWithResponseStream"].wire_name == "X-Amzn-Bedrock-Accept"
    assert accept["InvokeModel"].location is Location.HEADER


def test_documents_and_unions_are_recognised(operation: Callable[[str], Operation]) -> None:
    """A document is free JSON, a union has exactly one member."""
    members = {member.name: member.shape for member in operation("Converse").input.members}

    assert members["additionalModelRequestFields"].kind is Kind.DOCUMENT
    assert members["messages"].item.members[1].shape.item.is_union
