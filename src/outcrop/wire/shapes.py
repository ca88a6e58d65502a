"""Shapes of the AWS model as frozen values: what the rest of wire/ is compiled from, free of botocore's own classes.

Shapes are trees: botocore's shared shapes are copied to each place of use, so that a shape can carry what its place
says of it. A model whose shapes contain themselves is refused when it is read; none that Outcrop serves does.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from outcrop.errors import SettingError


class Kind(StrEnum):
    """What a value of a shape is; botocore's names, with `document` and `double` resolved."""

    STRUCTURE = "structure"
    LIST = "list"
    MAP = "map"
    STRING = "string"
    INTEGER = "integer"
    LONG = "long"
    FLOAT = "float"
    BOOLEAN = "boolean"
    BLOB = "blob"
    TIMESTAMP = "timestamp"
    DOCUMENT = "document"


class Location(StrEnum):
    """Where a member of an input or output travels in HTTP."""

    JSON = "json"
    PAYLOAD = "payload"
    PATH = "uri"
    QUERY = "querystring"
    HEADER = "header"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """One shape with its constraints. Which fields mean something depends on the kind.

    What it holds is left out of its representation: Converse's whole tree would fill any log or traceback.
    """

    name: str
    kind: Kind
    members: tuple["Member", ...] = field(default=(), repr=False)
    """Of a structure, in the model's order."""
    is_union: bool = False
    """Of a structure: exactly one member is set."""
    item: "Shape | None" = field(default=None, repr=False)
    """Of a list its items, of a map its values."""
    key: "Shape | None" = field(default=None, repr=False)
    """Of a map."""
    minimum: float | None = None
    """Least value of a number, least length of anything else."""
    maximum: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    is_sensitive: bool = False
    """Values are not repeated in error messages. Holds for everything inside a sensitive shape."""
    error_status: int | None = None
    """HTTP status of an error shape; None for all others."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """A member of a structure: its name in Python, its name on the wire, and where it travels."""

    name: str
    wire_name: str
    location: Location
    shape: Shape
    is_required: bool


def read_shape(model: Any, *, inside: tuple[str, ...] = (), is_sensitive: bool = False) -> Shape:
    """Copies a botocore shape. Raises SettingError for what wire/ cannot serve."""
    if model.name in inside:
        raise SettingError("botocore", f"its service model nests {model.name} in itself, which Outcrop cannot serve")
    metadata = model.metadata
    inside = (*inside, model.name)
    is_sensitive = is_sensitive or bool(metadata.get("sensitive"))
    kind = _kind(model)
    members: tuple[Member, ...] = ()
    item = key = None
    if kind is Kind.STRUCTURE:
        members = _members(model, inside, is_sensitive=is_sensitive)
    elif kind is Kind.LIST:
        item = read_shape(model.member, inside=inside, is_sensitive=is_sensitive)
    elif kind is Kind.MAP:
        key = read_shape(model.key, inside=inside, is_sensitive=is_sensitive)
        item = read_shape(model.value, inside=inside, is_sensitive=is_sensitive)
    return Shape(
        name=model.name,
        kind=kind,
        members=members,
        is_union=bool(metadata.get("union")),
        item=item,
        key=key,
        minimum=metadata.get("min"),
        maximum=metadata.get("max"),
        pattern=metadata.get("pattern"),
        enum=tuple(metadata.get("enum", ())),
        is_sensitive=is_sensitive,
        error_status=metadata.get("error", {}).get("httpStatusCode") if metadata.get("exception") else None,
    )


def _members(model: Any, inside: tuple[str, ...], *, is_sensitive: bool) -> tuple[Member, ...]:
    payload = model.serialization.get("payload")
    required = set(model.metadata.get("required", ()))
    return tuple(
        Member(
            name=name,
            wire_name=member.serialization.get("name", name),
            location=Location.PAYLOAD if name == payload else Location(member.serialization.get("location", "json")),
            shape=read_shape(member, inside=inside, is_sensitive=is_sensitive),
            is_required=name in required,
        )
        for name, member in model.members.items()
    )


def _kind(model: Any) -> Kind:
    if model.metadata.get("document") or getattr(model, "is_document_type", False):
        return Kind.DOCUMENT
    if model.type_name == "timestamp" and model.serialization.get("timestampFormat") != "iso8601":
        # Both services state iso8601 everywhere (SPEC 1.12); anything else would be written wrongly, so stop here.
        raise SettingError(
            "botocore", f"its service model writes {model.name} in a time format that Outcrop does not know"
        )
    name = "float" if model.type_name == "double" else model.type_name
    return Kind(name)
