"""A call as CloudTrail records it: who, what, when, from where, and how it ended. No prompt, no reply.

The members are those of "CloudTrail record contents" (AWS CloudTrail User Guide), and what is told of a runtime call is
what Bedrock tells there: the model and no body ("Monitor Amazon Bedrock API calls using CloudTrail").
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from outcrop.records import Caller
from outcrop.wire.faults import Fault
from outcrop.wire.service import RUNTIME, Operation
from outcrop.wire.shapes import Location
from outcrop.wire.timestamps import format_timestamp

Record = Mapping[str, Any]
"""One event, ready for JSON."""

EVENT_VERSION = "1.11"
EVENT_SOURCE = "bedrock.amazonaws.com"
_READING = ("Get", "List", "Invoke", "Converse", "CountTokens")
_TOLD_OF_RUNTIME = (Location.PATH, Location.HEADER, Location.QUERY)
"""Where the members are that no prompt is in."""


def record_of(
    operation: Operation,
    *,
    at: datetime,
    event_id: str,
    request_id: str,
    source_ip: str,
    user_agent: str,
    caller: Caller | None,
    params: Mapping[str, Any] | None,
    output: Mapping[str, Any] | None,
    fault: Fault | None,
) -> Record:
    """Returns the record of a call.

    Args:
        operation: what was called.
        at: when it was answered, UTC.
        event_id: a UUID of the record's own.
        request_id: what the answer carried as x-amzn-RequestId.
        source_ip: the other end of the connection.
        user_agent: what the client says that it is.
        caller: who called; None when that was not proved.
        params: the members of the input; None when they could not be read.
        output: the members of the output; None when there was none.
        fault: what was answered instead.
    """
    is_reading = operation.name.startswith(_READING)
    record: dict[str, Any] = {
        "eventVersion": EVENT_VERSION,
        "userIdentity": {"type": "Unknown"} if caller is None else _identity(caller),
        "eventTime": format_timestamp(at),
        "eventSource": EVENT_SOURCE,
        "eventName": operation.name,
        "awsRegion": "" if caller is None else caller.tenant.region,
        "sourceIPAddress": source_ip,
        "userAgent": user_agent,
        "requestParameters": None if params is None else _plain(_told(operation, params)),
        "responseElements": None if output is None or is_reading else _plain(output) or None,
        "requestID": request_id,
        "eventID": event_id,
        "readOnly": is_reading,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": "" if caller is None else caller.tenant.account,
        "eventCategory": "Management",
    }
    if fault is not None:
        record |= {"errorCode": fault.code, "errorMessage": fault.message}
    return record


def _identity(caller: Caller) -> Mapping[str, str]:
    account, name = caller.tenant.account, caller.principal_arn.partition(":user/")[2]
    told = {"arn": caller.principal_arn, "accountId": account, "accessKeyId": caller.access_key_id}
    if not name:
        return {"type": "Root", "principalId": account, **told}
    return {"type": "IAMUser", "principalId": name, **told, "userName": name}


def _told(operation: Operation, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if operation.service != RUNTIME:
        return params
    told = {member.name for member in operation.input.members if member.location in _TOLD_OF_RUNTIME}
    # What a client wrote into these of its own accord is as private as its prompt.
    return {name: value for name, value in params.items() if name in told and name != "requestMetadata"}


def _plain(value: Any) -> Any:
    if isinstance(value, str):  # nearly always, and told by far the fastest
        return value
    if isinstance(value, datetime):
        return format_timestamp(value)
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
