"""What the audit log tells of a call, and what it never tells."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from outcrop.api.calls import Call, Reply
from outcrop.arn import Tenant
from outcrop.errors import NotFoundError
from outcrop.records import Caller, Principal
from outcrop.wire.authenticate import SigV4Authenticator
from outcrop.wire.faults import Fault
from outcrop.wire.gateway import Gateway
from outcrop.wire.service import load_operations
from outcrop.wire.trail import record_of

OPERATIONS = {operation.name: operation for operation in load_operations()}
ANA = Caller(
    principal_arn="arn:aws:iam::000000000000:user/ana",
    tenant=Tenant(account="000000000000", region="eu-west-1"),
    request_id="request-1",
    source_ip="10.0.0.1",
    access_key_id="AKIAANA",
)


def recorded(operation: str, **changes: Any) -> dict[str, Any]:
    """The record of a call of ana's."""
    given: dict[str, Any] = {
        "at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "event_id": "event-1",
        "request_id": "request-1",
        "source_ip": "10.0.0.1",
        "user_agent": "Boto3/1.44",
        "caller": ANA,
        "params": {},
        "output": {},
        "fault": None,
    }
    return dict(record_of(OPERATIONS[operation], **(given | changes)))


def test_a_record_has_cloudtrails_members() -> None:
    """AWS CloudTrail User Guide, "CloudTrail record contents"."""
    record = recorded(
        "CreateModelImportJob", params={"jobName": "j", "jobTags": [{"key": "k", "value": "v"}]}, output={"jobArn": "a"}
    )

    assert record == {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "ana",
            "arn": ANA.principal_arn,
            "accountId": "000000000000",
            "accessKeyId": "AKIAANA",
            "userName": "ana",
        },
        "eventTime": "2026-01-02T03:04:05.000Z",
        "eventSource": "bedrock.amazonaws.com",
        "eventName": "CreateModelImportJob",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": "10.0.0.1",
        "userAgent": "Boto3/1.44",
        "requestParameters": {"jobName": "j", "jobTags": [{"key": "k", "value": "v"}]},
        "responseElements": {"jobArn": "a"},
        "requestID": "request-1",
        "eventID": "event-1",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "000000000000",
        "eventCategory": "Management",
    }


def test_reading_calls_tell_no_answer() -> None:
    """As CloudTrail; times are written as text."""
    when = datetime(2026, 1, 1, tzinfo=UTC)
    record = recorded("ListModelImportJobs", params={"creationTimeAfter": when}, output={"modelImportJobSummaries": []})

    assert (record["readOnly"], record["responseElements"]) == (True, None)
    assert record["requestParameters"] == {"creationTimeAfter": "2026-01-01T00:00:00.000Z"}


def test_no_prompt_and_no_reply_is_told() -> None:
    """Of inference the model, and no body in whatever member."""
    secret = "my secret prompt"
    told = [
        recorded("InvokeModel", params={"modelId": "m", "body": secret.encode()}, output={"body": secret.encode()}),
        recorded(
            "Converse",
            params={
                "modelId": "m",
                "messages": [{"role": "user", "content": [{"text": secret}]}],
                "system": [{"text": secret}],
                "requestMetadata": {"a": secret},
            },
            output={"output": {"message": {"role": "assistant", "content": [{"text": secret}]}}},
        ),
        recorded("CountTokens", params={"modelId": "m", "input": {"converse": {"messages": [secret]}}}),
        recorded("InvokeModel", params={"modelId": "m", "requestMetadata": secret}),
    ]

    for record in told:
        assert secret not in json.dumps(record)
        assert record["requestParameters"]["modelId"] == "m"


def test_a_refusal_tells_code_and_message() -> None:
    """With who asked for what."""
    fault = Fault(code="AccessDeniedException", status=403, message="no", members={}, headers={})

    record = recorded("DeleteImportedModel", params={"modelIdentifier": "m"}, output=None, fault=fault)

    assert (record["errorCode"], record["errorMessage"]) == ("AccessDeniedException", "no")
    assert (record["requestParameters"], record["responseElements"]) == ({"modelIdentifier": "m"}, None)


def test_who_did_not_prove_to_be_somebody_is_unknown() -> None:
    """Nothing that such a request says of itself is believed."""
    record = recorded("GetImportedModel", caller=None, params=None, output=None)

    assert record["userIdentity"] == {"type": "Unknown"}
    assert (record["recipientAccountId"], record["awsRegion"], record["requestParameters"]) == ("", "", None)


async def _nothing(_scope: Any, _receive: Any, _send: Any) -> None:
    raise AssertionError("only calls of operations are sent")


def test_every_call_leaves_a_record(
    principal: Principal, clock: Any, ask: Callable[..., Any], sign: Callable[..., Any]
) -> None:
    """Answered, refused and forged ones; what names no operation is no call."""
    records: list[Any] = []

    async def get(_call: Call) -> Reply:
        return Reply(output={"jobName": "j"})

    async def delete(_call: Call) -> Reply:
        raise NotFoundError("none")

    gateway = Gateway(
        handlers={"GetModelImportJob": get, "DeleteImportedModel": delete},
        authenticator=SigV4Authenticator({principal.access_key_id: principal}.get, clock),
        clock=clock,
        other=_nothing,
        trail=records.append,
    )
    for method, path in (("GET", "/model-import-jobs/j"), ("DELETE", "/imported-models/m"), ("GET", "/no-such-path")):
        signed = sign(method=method, url=f"http://localhost:8025{path}")
        ask(gateway, method, path, headers={**signed.headers, "user-agent": "test/1"})
    ask(gateway, "GET", "/model-import-jobs/j")

    told = [(each["eventName"], each.get("errorCode"), each["userIdentity"]["type"]) for each in records]
    assert told == [
        ("GetModelImportJob", None, "Root"),
        ("DeleteImportedModel", "ResourceNotFoundException", "Root"),
        ("GetModelImportJob", "MissingAuthenticationTokenException", "Unknown"),
    ]
    assert records[0]["userAgent"] == "test/1"
    assert records[1]["requestParameters"] == {"modelIdentifier": "m"}
    assert len({each["eventID"] for each in records} | {each["requestID"] for each in records}) == 6
