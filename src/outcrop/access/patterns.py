"""What the values of a policy are compared with: texts, wildcards, ARNs and address ranges. Pure.

Every pattern is compiled once, when its policy is read, and then costs time in proportion to the value that it is
tried on. A wildcard is tried without going back, as a set of positions kept in one integer (the bit-parallel form of
its automaton): the policy with the worst pattern that fits into one and the longest ARN meet in milliseconds.
"""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

_ARN_PARTS = 6
_NETWORK = re.compile(r"[0-9A-Fa-f:.]{2,45}(/[0-9]{1,3})?")
_IPV4_IN_IPV6 = 96


class Matcher(Protocol):
    """One value of a condition: the form of what the request has."""

    def accepts(self, value: str) -> bool:
        """Whether a value of the request is meant."""
        ...


@dataclass(frozen=True, slots=True)
class Exactly:
    """This text and no other, case-sensitive, as StringEquals compares (IAM User Guide, Condition operators)."""

    text: str

    def accepts(self, value: str) -> bool:
        """Whether the value is this text."""
        return value == self.text


@dataclass(frozen=True, slots=True)
class Wildcard:
    """A text in which `*` is any number of characters and `?` is exactly one; case-sensitive (IAM, StringLike)."""

    text: str
    _accepting: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _any: int = field(init=False, repr=False, compare=False)
    _stars: int = field(init=False, repr=False, compare=False)
    _end: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        one = 1
        any_, stars = 0, 0
        letters: dict[str, int] = {}
        for character in self.text:
            if character == "*":
                stars |= one
                continue
            if character == "?":
                any_ |= one
            else:
                letters[character] = letters.get(character, 0) | one
            one <<= 1
        object.__setattr__(self, "_accepting", {letter: bits | any_ for letter, bits in letters.items()})
        object.__setattr__(self, "_any", any_)
        object.__setattr__(self, "_stars", stars)
        object.__setattr__(self, "_end", one)

    def accepts(self, value: str) -> bool:
        """Whether the whole value is of this pattern."""
        # Bit i: what was read so far can be the first i characters of the pattern, stars not counted. A character
        # moves each bit on where it fits, and leaves each bit where a star stands.
        reached = 1
        for character in value:
            reached = (reached & self._accepting.get(character, self._any)) << 1 | reached & self._stars
            if not reached:
                return False
        return bool(reached & self._end)


@dataclass(frozen=True, slots=True)
class ArnPattern:
    """An ARN whose six parts are compared one by one, so that no wildcard crosses a colon.

    ArnEquals and ArnLike behave identically, and compare so (IAM User Guide, Condition operators, ARN).
    """

    text: str
    _parts: tuple[Wildcard, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", tuple(Wildcard(part) for part in _arn_parts(self.text)))

    def accepts(self, value: str) -> bool:
        """Whether the value is an ARN of this pattern."""
        parts = _arn_parts(value)
        return len(parts) == len(self._parts) and all(
            pattern.accepts(part) for pattern, part in zip(self._parts, parts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class Addresses:
    """A range of IPv4 or IPv6 addresses in CIDR form; one address is a range too (IAM, IpAddress)."""

    text: str
    _network: ipaddress.IPv4Network | ipaddress.IPv6Network = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_network", _plain(ipaddress.ip_network(self.text)))

    def accepts(self, value: str) -> bool:
        """Whether the value is an address of the range; an IPv4 address counts as itself in its IPv6 form too."""
        try:
            address = ipaddress.ip_address(value)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
        return (mapped or address) in self._network


def is_arn_pattern(text: str) -> bool:
    """Whether the text has an ARN's six parts: `arn:partition:service:region:account:resource`."""
    parts = _arn_parts(text)
    return len(parts) == _ARN_PARTS and parts[0] == "arn" and all((parts[1], parts[2], parts[5]))


def is_address_range(text: str) -> bool:
    """Whether the text is an address or a CIDR range without bits beyond its prefix."""
    if _NETWORK.fullmatch(text) is None:
        return False
    try:
        ipaddress.ip_network(text)
    except ValueError:
        return False
    return True


def _arn_parts(text: str) -> list[str]:
    return text.split(":", _ARN_PARTS - 1)


def _plain(
    network: ipaddress.IPv4Network | ipaddress.IPv6Network,
) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """A range of IPv4 addresses in their IPv6 form is the range of those addresses."""
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is None or network.prefixlen < _IPV4_IN_IPV6:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - _IPV4_IN_IPV6))
