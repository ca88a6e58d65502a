"""The conditions of a statement: which operators and keys there are, and how a block of them is read. Pure.

The rules are those of the IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple
context keys or values" and "AWS global condition context keys". What is not in the tables below is refused.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

from outcrop.access.patterns import Addresses, ArnPattern, Exactly, Matcher, Wildcard, is_address_range, is_arn_pattern
from outcrop.access.place import Place, quoted

_IF_EXISTS = "IfExists"


class Family(Enum):
    """What kind of value an operator compares."""

    STRING = "a string"
    ARN = "an ARN"
    ADDRESS = "an IP address"
    PRESENCE = "whether the key is there"


class Operator(StrEnum):
    """How a condition compares (IAM User Guide, Condition operators)."""

    STRING_EQUALS = "StringEquals"
    STRING_NOT_EQUALS = "StringNotEquals"
    STRING_LIKE = "StringLike"
    STRING_NOT_LIKE = "StringNotLike"
    ARN_EQUALS = "ArnEquals"
    ARN_NOT_EQUALS = "ArnNotEquals"
    ARN_LIKE = "ArnLike"
    ARN_NOT_LIKE = "ArnNotLike"
    IP_ADDRESS = "IpAddress"
    NOT_IP_ADDRESS = "NotIpAddress"
    NULL = "Null"

    @property
    def family(self) -> Family:
        """What kind of value is compared."""
        return _READERS[self][0]

    @property
    def is_negated(self) -> bool:
        """Whether the condition holds where none of its values does (NOR), and where its key is missing."""
        return "Not" in self


class Quantifier(StrEnum):
    """How a condition looks at a key with many values (IAM User Guide, multivalued context keys)."""

    ALL = "ForAllValues"
    ANY = "ForAnyValue"


class Key(StrEnum):
    """What a condition looks at (IAM User Guide, global condition context keys); names are case-insensitive."""

    REQUEST_TAG = "aws:RequestTag"
    RESOURCE_TAG = "aws:ResourceTag"
    TAG_KEYS = "aws:TagKeys"
    SOURCE_IP = "aws:SourceIp"
    PRINCIPAL_ARN = "aws:PrincipalArn"
    PRINCIPAL_ACCOUNT = "aws:PrincipalAccount"
    REQUESTED_REGION = "aws:RequestedRegion"
    PASSED_TO_SERVICE = "iam:PassedToService"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One key of one operator, with the values that it is compared with."""

    operator: Operator
    quantifier: Quantifier | None = None
    is_if_exists: bool = False
    key: Key
    tag: str | None = None
    """The tag that an aws:RequestTag or aws:ResourceTag key names; compared without regard to case."""
    values: tuple[Matcher, ...]


def read_conditions(block: Place) -> tuple[Condition, ...]:
    """Reads a Condition element; all that it returns must hold. Raises ValidationError, which names the JSON path."""
    return tuple(condition for name in block.object() for condition in _read_operator(name, block.at(name)))


def _string(place: Place) -> Matcher:
    return Exactly(place.text())


def _wildcard(place: Place) -> Matcher:
    return Wildcard(place.text())


def _arn(place: Place) -> Matcher:
    text = place.text()
    if not is_arn_pattern(text):
        raise place.refused(
            f"{quoted(text)} is not an ARN of six parts, arn:partition:service:region:account:resource."
        )
    return ArnPattern(text)


def _addresses(place: Place) -> Matcher:
    text = place.text()
    if not is_address_range(text):
        raise place.refused(f"{quoted(text)} is not an IP address or a CIDR range such as 203.0.113.0/24.")
    return Addresses(text)


def _presence(place: Place) -> Matcher:
    value = str(place.value).lower() if isinstance(place.value, bool) else place.text()
    if value not in {"true", "false"}:
        raise place.refused(f'{quoted(value)} is neither "true" nor "false".')
    return Exactly(value)


_READERS: dict[Operator, tuple[Family, Callable[[Place], Matcher]]] = {
    Operator.STRING_EQUALS: (Family.STRING, _string),
    Operator.STRING_NOT_EQUALS: (Family.STRING, _string),
    Operator.STRING_LIKE: (Family.STRING, _wildcard),
    Operator.STRING_NOT_LIKE: (Family.STRING, _wildcard),
    Operator.ARN_EQUALS: (Family.ARN, _arn),
    Operator.ARN_NOT_EQUALS: (Family.ARN, _arn),
    Operator.ARN_LIKE: (Family.ARN, _arn),
    Operator.ARN_NOT_LIKE: (Family.ARN, _arn),
    Operator.IP_ADDRESS: (Family.ADDRESS, _addresses),
    Operator.NOT_IP_ADDRESS: (Family.ADDRESS, _addresses),
    Operator.NULL: (Family.PRESENCE, _presence),
}

_TAGS = (Key.REQUEST_TAG, Key.RESOURCE_TAG)
_PLAIN_KEYS = {key.lower(): key for key in Key if key not in _TAGS}
_TAG_KEYS = {key.lower(): key for key in _TAGS}
_FAMILIES = {
    **dict.fromkeys(Key, frozenset({Family.STRING, Family.PRESENCE})),
    Key.SOURCE_IP: frozenset({Family.ADDRESS, Family.PRESENCE}),
    Key.PRINCIPAL_ARN: frozenset({Family.ARN, Family.STRING, Family.PRESENCE}),
}


def _read_operator(name: str, block: Place) -> Iterator[Condition]:
    before, colon, rest = name.rpartition(":")
    bare = rest.removesuffix(_IF_EXISTS)
    if (colon and before not in set(Quantifier)) or bare not in set(Operator):
        raise block.refused(f"the operator {quoted(name)} is not supported; there are {', '.join(Operator)}.")
    operator = Operator(bare)
    if operator is Operator.NULL and name != operator:
        raise block.refused("Null takes neither IfExists nor ForAllValues nor ForAnyValue.")
    if not block.object():
        raise block.refused("an operator needs at least one key.")
    for key_name in block.object():
        members = block.at(key_name)
        key, tag = _read_key(key_name, members)
        quantifier = Quantifier(before) if colon else None
        _check_use(operator, quantifier, key, members)
        yield Condition(
            operator=operator,
            quantifier=quantifier,
            is_if_exists=bare != rest,
            key=key,
            tag=tag,
            values=tuple(_READERS[operator][1](value) for value in members.items()),
        )


def _read_key(name: str, place: Place) -> tuple[Key, str | None]:
    whole = _PLAIN_KEYS.get(name.lower())
    if whole is not None:
        return whole, None
    family, _, tag = name.partition("/")
    key = _TAG_KEYS.get(family.lower())
    if key is None:
        shown = (f"{key}/…" if key in _TAGS else str(key) for key in Key)
        raise place.refused(f"the condition key {quoted(name)} is not supported; there are {', '.join(shown)}.")
    if not tag or "${" in tag:
        raise place.refused(f"{quoted(name)} must name one tag, as in {key}/team.")
    return key, tag


def _check_use(operator: Operator, quantifier: Quantifier | None, key: Key, place: Place) -> None:
    if operator.family not in _FAMILIES[key]:
        raise place.refused(f"{operator} compares {operator.family.value}, which {key} is not.")
    if operator is Operator.NULL:
        return
    if key is Key.TAG_KEYS and quantifier is None:
        raise place.refused(f"{key} has many values: write ForAllValues:{operator} or ForAnyValue:{operator}.")
    if key is not Key.TAG_KEYS and quantifier is not None:
        raise place.refused(f"{key} has one value: write {operator} without {quantifier}.")
