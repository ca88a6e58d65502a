"""Whether the caller of an operation may carry it out: its resource is looked up, and the policies are asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from outcrop import arn
from outcrop.access.actions import OPERATIONS, Subject, requests, require_allowed
from outcrop.access.policy import Policy
from outcrop.api.calls import Call
from outcrop.api.identifiers import identifier_of
from outcrop.arn import ResourceKind, Tenant
from outcrop.errors import NotFoundError
from outcrop.ports import JobCatalog, ModelCatalog, TagCatalog
from outcrop.records import Tag

_IDENTIFIERS = ("jobIdentifier", "modelIdentifier", "modelId")
"""The members that name the resource of an operation that has one."""

_RESOURCE_ARN = "resourceARN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What principals may do."""

    policies_of: Callable[[str], tuple[Policy, ...] | None]
    """From a principal's ARN to its policies; None for one who may do everything."""
    jobs: JobCatalog
    models: ModelCatalog
    tags: TagCatalog

    async def require(self, call: Call) -> None:
        """Raises AccessDeniedError, in AWS's words, when the caller may not do this."""
        policies = self.policies_of(call.caller.principal_arn)
        if policies is not None:
            require_allowed(policies, requests(call.operation, call.caller, await self._subject(call)))

    async def _subject(self, call: Call) -> Subject:
        params = call.params
        resource_arn = await self._resource_arn(call)
        return Subject(
            resource_arn=resource_arn,
            resource_tags={} if resource_arn is None else await self._tags_of(resource_arn, call.caller.tenant),
            request_tags=_tags(params.get("tags", ()), params.get("jobTags", ())),
            model_tags=_tags(params.get("importedModelTags", ())),
            untagged_keys=tuple(params.get("tagKeys", ())),
            role_arn=params.get("roleArn"),
        )

    async def _resource_arn(self, call: Call) -> str | None:
        """Returns the ARN of what the call names; None where it names nothing, or nothing that there is."""
        if _RESOURCE_ARN in call.params:
            text: str = call.params[_RESOURCE_ARN]
            return text
        text = next((call.params[member] for member in _IDENTIFIERS if member in call.params), "")
        kind, tenant = OPERATIONS[call.operation].kind, call.caller.tenant
        if not text or kind is None:
            return None
        try:
            identifier = identifier_of(text, kind, tenant)
            if kind is ResourceKind.JOB:
                return (await self.jobs.get(tenant, identifier)).arn
            return (await self.models.get(tenant, identifier)).arn
        except NotFoundError:
            # Who may do this to any such resource learns from the operation that there is none; others learn nothing.
            return text if text.startswith("arn:") else None

    async def _tags_of(self, resource_arn: str, tenant: Tenant) -> dict[str, str]:
        found = arn.parse(resource_arn)
        if found is None or found.tenant != tenant:
            return {}
        try:
            return {tag.key: tag.value for tag in await self.tags.get(found.tenant, found.kind, found.id)}
        except NotFoundError:
            return {}


def _tags(*lists: list[Mapping[str, str]] | tuple[()]) -> tuple[Tag, ...]:
    return tuple(Tag(key=entry["key"], value=entry["value"]) for entries in lists for entry in entries)
