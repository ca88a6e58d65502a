"""The IAM actions that each operation needs, on which resources, and AWS's words for a refusal. Pure.

The actions are those of the Service Authorization Reference, "Actions, resources, and condition keys for Amazon
Bedrock", and of SPEC 3.1.7, 3.2.4, 3.4.8 and 6.3.1.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from outcrop.access.evaluate import Decision, Reason, Request, decide
from outcrop.access.policy import Policy
from outcrop.arn import ResourceKind, Tenant, partition
from outcrop.errors import AccessDeniedError
from outcrop.records import Caller, Tag

TAG_RESOURCE = "bedrock:TagResource"
SERVICE = "bedrock.amazonaws.com"
"""The service to which the role of an import is passed (SPEC 6.1.1, 6.3.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """The action that an operation needs, and the kind of resource that it is about."""

    action: str
    kind: ResourceKind | None
    """None for the tag operations: either kind has tags."""


OPERATIONS: Mapping[str, Operation] = {
    "CreateModelImportJob": Operation(action="bedrock:CreateModelImportJob", kind=ResourceKind.JOB),
    "GetModelImportJob": Operation(action="bedrock:GetModelImportJob", kind=ResourceKind.JOB),
    "ListModelImportJobs": Operation(action="bedrock:ListModelImportJobs", kind=ResourceKind.JOB),
    "GetImportedModel": Operation(action="bedrock:GetImportedModel", kind=ResourceKind.MODEL),
    "ListImportedModels": Operation(action="bedrock:ListImportedModels", kind=ResourceKind.MODEL),
    "DeleteImportedModel": Operation(action="bedrock:DeleteImportedModel", kind=ResourceKind.MODEL),
    "TagResource": Operation(action=TAG_RESOURCE, kind=None),
    "UntagResource": Operation(action="bedrock:UntagResource", kind=None),
    "ListTagsForResource": Operation(action="bedrock:ListTagsForResource", kind=None),
    "InvokeModel": Operation(action="bedrock:InvokeModel", kind=ResourceKind.MODEL),
    "InvokeModelWithResponseStream": Operation(action="bedrock:InvokeModelWithResponseStream", kind=ResourceKind.MODEL),
    "Converse": Operation(action="bedrock:InvokeModel", kind=ResourceKind.MODEL),
    "ConverseStream": Operation(action="bedrock:InvokeModelWithResponseStream", kind=ResourceKind.MODEL),
    "CountTokens": Operation(action="bedrock:CountTokens", kind=ResourceKind.MODEL),
}
"""Every operation that Outcrop serves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a call is about, as far as permissions are concerned."""

    resource_arn: str | None = None
    """None in lists, at creation, and where nothing has the name that was given: all of the kind are meant then."""
    resource_tags: Mapping[str, str] = field(default_factory=dict)
    request_tags: tuple[Tag, ...] = ()
    """The tags of TagResource, or CreateModelImportJob's jobTags."""
    model_tags: tuple[Tag, ...] = ()
    """CreateModelImportJob's importedModelTags."""
    untagged_keys: tuple[str, ...] = ()
    role_arn: str | None = None
    """CreateModelImportJob's roleArn."""


def requests(operation: str, caller: Caller, subject: Subject) -> tuple[Request, ...]:
    """Returns all that the caller of an operation must be allowed to do; the operation's own action is first."""
    entry = OPERATIONS[operation]
    job_tags, model_tags = _mapping(subject.request_tags), _mapping(subject.model_tags)
    own = _request(
        caller,
        entry.action,
        subject.resource_arn or all_of(entry.kind, caller.tenant),
        request_tags=job_tags,
        resource_tags=subject.resource_tags,
        untagged_keys=subject.untagged_keys,
    )
    more: list[Request] = []
    if subject.role_arn is not None:
        more.append(_request(caller, "iam:PassRole", subject.role_arn, passed_to_service=SERVICE))
    if operation == "CreateModelImportJob":
        # Tags at creation need the permission to tag as well; the job and the model have tags of their own (2.7.5).
        for kind, tags in ((ResourceKind.JOB, job_tags), (ResourceKind.MODEL, model_tags)):
            if tags:
                more.append(_request(caller, TAG_RESOURCE, all_of(kind, caller.tenant), request_tags=tags))
    return (own, *more)


def require_allowed(policies: Iterable[Policy], wanted: Iterable[Request]) -> None:
    """Raises AccessDeniedError for the first request that the policies do not allow."""
    known = tuple(policies)
    for request in wanted:
        decision = decide(known, request)
        if not decision.allowed:
            raise denied(request, decision)


def denied(request: Request, decision: Decision) -> AccessDeniedError:
    """Returns the error in AWS's phrasing (IAM User Guide, "Troubleshoot access denied error messages")."""
    if decision.reason is Reason.EXPLICIT_DENY:
        why = "with an explicit deny in an identity-based policy"
    else:
        why = f"because no identity-based policy allows the {request.action} action"
    return AccessDeniedError(
        f"User: {request.principal_arn} is not authorized to perform: {request.action} "
        f"on resource: {request.resource} {why}"
    )


def all_of(kind: ResourceKind | None, tenant: Tenant) -> str:
    """Returns the ARN that stands for all resources of a kind, or of both: `…:imported-model/*`, `…:*`.

    Policies that allow List… on `imported-model/*`, as AWS's sample does (SPEC 6.3.1), hold, and those on `*` too.
    """
    resource = "*" if kind is None else f"{kind}/*"
    return f"{partition(tenant.region)}:bedrock:{tenant.region}:{tenant.account}:{resource}"


def _request(
    caller: Caller,
    action: str,
    resource: str,
    *,
    request_tags: Mapping[str, str] | None = None,
    resource_tags: Mapping[str, str] | None = None,
    untagged_keys: tuple[str, ...] = (),
    passed_to_service: str | None = None,
) -> Request:
    return Request(
        action=action,
        resource=resource,
        principal_arn=caller.principal_arn,
        account=caller.tenant.account,
        region=caller.tenant.region,
        source_ip=caller.source_ip,
        request_tags=request_tags or {},
        untagged_keys=untagged_keys,
        resource_tags=resource_tags or {},
        passed_to_service=passed_to_service,
    )


def _mapping(tags: Iterable[Tag]) -> dict[str, str]:
    return {tag.key: tag.value for tag in tags}
