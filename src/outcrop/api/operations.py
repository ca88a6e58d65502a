"""The table of operations, which function carries out which, and what every call must pass before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from outcrop.api import converse, count_tokens, import_jobs, imported_models, invoke, tags
from outcrop.api.calls import Call, Handler, Reply
from outcrop.api.services import Services

Operation = Callable[[Call, Services], Awaitable[Reply]]

OPERATIONS: dict[str, Operation] = {
    "CreateModelImportJob": import_jobs.create_model_import_job,
    "GetModelImportJob": import_jobs.get_model_import_job,
    "ListModelImportJobs": import_jobs.list_model_import_jobs,
    "GetImportedModel": imported_models.get_imported_model,
    "ListImportedModels": imported_models.list_imported_models,
    "DeleteImportedModel": imported_models.delete_imported_model,
    "TagResource": tags.tag_resource,
    "UntagResource": tags.untag_resource,
    "ListTagsForResource": tags.list_tags_for_resource,
    "InvokeModel": invoke.invoke_model,
    "InvokeModelWithResponseStream": invoke.invoke_model_with_response_stream,
    "Converse": converse.converse,
    "ConverseStream": converse.converse_stream,
    "CountTokens": count_tokens.count_tokens,
}


def handlers(services: Services) -> dict[str, Handler]:
    """Returns each operation, ready to be called by whoever may."""

    def bind(operation: Operation) -> Handler:
        async def handle(call: Call) -> Reply:
            services.throttle.take(call.caller.tenant, call.operation, services.clock.monotonic())
            await services.permissions.require(call)
            # Uses of keys and roles are told with who asked for them.
            with structlog.contextvars.bound_contextvars(principal=call.caller.principal_arn):
                return await operation(call, services)

        return handle

    return {name: bind(operation) for name, operation in OPERATIONS.items()}
