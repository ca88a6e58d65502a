"""The operations that Outcrop serves, read from botocore's service models: a small typed facade, frozen at start-up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from botocore.loaders import Loader
from botocore.model import ServiceModel

from outcrop.wire.shapes import Location, Member, Shape, read_shape

CONTROL = "bedrock"
RUNTIME = "bedrock-runtime"

SERVICES: Mapping[str, str] = {
    "CreateModelImportJob": CONTROL,
    "GetModelImportJob": CONTROL,
    "ListModelImportJobs": CONTROL,
    "GetImportedModel": CONTROL,
    "ListImportedModels": CONTROL,
    "DeleteImportedModel": CONTROL,
    "TagResource": CONTROL,
    "UntagResource": CONTROL,
    "ListTagsForResource": CONTROL,
    "InvokeModel": RUNTIME,
    "InvokeModelWithResponseStream": RUNTIME,
    "Converse": RUNTIME,
    "ConverseStream": RUNTIME,
    "CountTokens": RUNTIME,
}
"""Every operation that Outcrop knows how to serve, and the service whose model describes it."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Operation:
    """One operation of the model: how it travels, what it takes and gives, and which errors it declares."""

    name: str
    service: str
    method: str
    path: str
    """The URI template, such as `/model/{modelId}/invoke`."""
    success_status: int
    input: Shape = field(repr=False)
    output: Shape = field(repr=False)
    errors: Mapping[str, Shape] = field(repr=False)
    """The error shapes that the operation declares, by code."""
    service_errors: Mapping[str, Shape] = field(repr=False)
    """Every error shape of its service, by code."""
    input_payload: Member | None
    """The member that is the whole body of the request; None when the body is JSON or empty."""
    output_payload: Member | None
    """The member that is the whole body of the answer, raw; None when that is JSON or an event stream."""
    events: Shape | None
    """The union of events that the answer streams; None for all other operations."""


def load_operations(names: Iterable[str] = tuple(SERVICES)) -> tuple[Operation, ...]:
    """Reads operations from the service models of the installed botocore. Raises KeyError for an unknown name."""
    return tuple(_load(name) for name in names)


@cache
def _load(name: str) -> Operation:
    service = SERVICES[name]
    model = _model(service).operation_model(name)
    output = read_shape(model.output_shape)
    payload = next((member for member in output.members if member.location is Location.PAYLOAD), None)
    is_streaming = bool(model.has_event_stream_output)
    shape = read_shape(model.input_shape)
    return Operation(
        name=name,
        service=service,
        method=model.http["method"],
        path=model.http["requestUri"],
        success_status=model.http.get("responseCode", 200),
        input=shape,
        output=output,
        errors={error.name: read_shape(error) for error in model.error_shapes},
        service_errors=_service_errors(service),
        input_payload=next((member for member in shape.members if member.location is Location.PAYLOAD), None),
        output_payload=None if is_streaming else payload,
        events=payload.shape if is_streaming and payload is not None else None,
    )


@cache
def _service_errors(service: str) -> Mapping[str, Shape]:
    return {error.name: read_shape(error) for error in _model(service).error_shapes}


@cache
def _model(service: str) -> Any:
    # Only botocore's own data: by default the loader would let a file under ~/.aws/models replace the model.
    loader = Loader(extra_search_paths=[Loader.BUILTIN_DATA_PATH], include_default_search_paths=False)
    return ServiceModel(loader.load_service_model(service, "service-2"), service)
