"""TagResource, UntagResource, ListTagsForResource (SPEC 2.7), and the rules that all tags keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from outcrop import arn
from outcrop.api.calls import Call, Reply
from outcrop.api.services import Services
from outcrop.arn import Arn
from outcrop.errors import NotFoundError, TooManyTagsError, ValidationError
from outcrop.records import Tag

MOST_TAGS = 50
"""AWS's limit for a resource (https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html)."""

RESERVED = "aws:"


async def tag_resource(call: Call, services: Services) -> Reply:
    """Adds tags to a job or a model, or gives them new values."""
    resource = _resource(call)
    added = tags_of(call.params["tags"], resource=str(resource))
    await services.tags.put(resource.tenant, resource.kind, resource.id, added, most=MOST_TAGS)
    return Reply()


async def untag_resource(call: Call, services: Services) -> Reply:
    """Removes tags from a job or a model."""
    resource = _resource(call)
    await services.tags.remove(resource.tenant, resource.kind, resource.id, call.params["tagKeys"])
    return Reply()


async def list_tags_for_resource(call: Call, services: Services) -> Reply:
    """Lists the tags of a job or a model."""
    resource = _resource(call)
    found = await services.tags.get(resource.tenant, resource.kind, resource.id)
    return Reply(output={"tags": [{"key": tag.key, "value": tag.value} for tag in found]})


def tags_of(entries: Sequence[Mapping[str, str]], *, resource: str) -> tuple[Tag, ...]:
    """Reads a list of tags.

    Args:
        entries: the list, as the model describes it.
        resource: what the tags are for; TooManyTagsException names it.

    Raises:
        ValidationError: a key is given twice, or is one of AWS's own.
        TooManyTagsError: there are more than a resource may have.
    """
    keys = [entry["key"] for entry in entries]
    if len(set(keys)) != len(keys):
        raise ValidationError("The same tag key is given twice.")
    reserved = [key for key in keys if key.lower().startswith(RESERVED)]
    if reserved:
        raise ValidationError(f"{reserved[0]}: tag keys that begin with {RESERVED} are reserved for AWS.")
    if len(keys) > MOST_TAGS:
        raise TooManyTagsError(f"{len(keys)} tags are given; {MOST_TAGS} are allowed.", resource_name=resource)
    return tuple(Tag(key=entry["key"], value=entry["value"]) for entry in entries)


def _resource(call: Call) -> Arn:
    text = call.params["resourceARN"]
    found = arn.parse(text)
    # An ARN of another account, region or kind is told like one that was never given out.
    if found is None or found.tenant != call.caller.tenant:
        raise NotFoundError(f"Could not find {text}.")
    return found
