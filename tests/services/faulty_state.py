"""What the misbehaving S3 server of faulty_s3.py holds and is told to do wrong."""

from __future__ import annotations

import hashlib
import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto


class Fault(Enum):
    """What happens to one GET of an object."""

    NONE = auto()
    RESET = auto()
    """Half of the bytes, then the connection is reset."""
    SHORT = auto()
    """Half of the bytes, then an orderly end."""
    STALL = auto()
    """Half of the bytes, then nothing, until the server ends."""
    SLOW_DOWN = auto()
    INTERNAL = auto()
    EXPIRED = auto()
    DENIED = auto()
    KMS_DENIED = auto()
    """The object is under a KMS key that the reader may not use."""
    ARCHIVED = auto()
    CUSTOMER_KEY = auto()
    """The object is encrypted with a key of its owner's own."""
    PAGE = auto()
    """A web page, with status 200."""
    LONGER = auto()
    """The Content-Length is more than what follows."""
    CHANGED = auto()
    """The object is replaced before it is read."""
    CHANGED_UNNOTICED = auto()
    """So it is, and the server does not know If-Match."""
    IF_MATCH_OVERLOOKED = auto()
    """The server does not know If-Match; nothing has changed."""
    WRONG = auto()
    """One byte of the range is another, with the right length and ETag."""
    WHOLE = auto()
    """The server does not know ranges."""


ANSWERS = {
    Fault.SLOW_DOWN: (503, "SlowDown"),
    Fault.INTERNAL: (500, "InternalError"),
    Fault.EXPIRED: (400, "ExpiredToken"),
    Fault.DENIED: (403, "AccessDenied"),
    Fault.KMS_DENIED: (403, "AccessDenied"),
    Fault.ARCHIVED: (403, "InvalidObjectState"),
    Fault.CUSTOMER_KEY: (400, "InvalidRequest"),
}
MESSAGES = {
    Fault.KMS_DENIED: (
        "User: arn:aws:sts::000000000000:assumed-role/import/s is not authorized to perform: kms:Decrypt on resource: "
        "arn:aws:kms:us-east-1:000000000000:key/k because no identity-based policy allows the kms:Decrypt action"
    ),
    Fault.CUSTOMER_KEY: (
        "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to "
        "retrieve the object."
    ),
}
"""What AWS says beside the code."""


@dataclass
class Dialect:
    """How a server differs from S3 without being at fault."""

    knows_lists_of_version_2: bool = True
    """Else it answers them as lists of version 1."""
    refuses_lists_of_version_2: bool = False
    encodes_keys: bool = True
    """In lists, when asked to (encoding-type=url)."""
    etag: Callable[[str], str] = str
    """What becomes of an ETag in a list."""
    region: str = ""
    """Where the buckets are: requests that are signed for another region are sent on."""
    requires_payer: bool = False
    """Requests that do not say who pays are refused."""
    is_public: bool = True
    """Unsigned requests are answered."""
    is_virtual: str = ""
    """The host before which buckets stand; empty: they stand in the path."""


@dataclass
class Stored:
    """An object."""

    data: bytes
    headers: dict[str, str] = field(default_factory=dict)
    """More headers of a HEAD and a GET: checksums, version."""
    part_bytes: tuple[int, ...] = ()
    """What GetObjectAttributes tells; empty: it is refused."""
    fault: Fault = Fault.NONE
    """Of every HEAD and GET."""

    @property
    def etag(self) -> str:
        """As S3 makes it for a single PUT."""
        return f'"{hashlib.md5(self.data, usedforsecurity=False).hexdigest()}"'


@dataclass(frozen=True, kw_only=True)
class Refusing:
    """What a server answers in place of anything else."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/xml"})
    is_for_all: bool = False
    """Also to requests that are not signed."""

    @classmethod
    def with_code(cls, status: int, code: str, more: str = "", **headers: str) -> Refusing:
        """As S3 refuses."""
        body = f"<Error><Code>{code}</Code><Message>as told</Message>{more}</Error>".encode()
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status=status, body=body, headers={"Content-Type": "application/xml", **told})


class FaultyS3:
    """The server's state, for tests to look at and to change."""

    def __init__(self) -> None:
        self.url = ""
        self.buckets: dict[str, dict[str, Stored]] = {}
        self.uploads: dict[str, tuple[str, str, dict[int, bytes]]] = {}
        """Upload id → bucket, key, parts."""
        self.faults: deque[Fault] = deque()
        """Of the next GETs of objects, one each."""
        self.faults_from_bytes = 0
        """Faults hit only GETs of at least so many bytes."""
        self.fault_for_all: Fault = Fault.NONE
        """Of every GET of an object once there are no others."""
        self.put_error: tuple[int, str] | None = None
        """What everything that takes space is answered with."""
        self.dialect = Dialect()
        self.refusing: Refusing | None = None
        """What signed requests are answered with; None: what they ask for."""
        self.date: str | None = None
        """What the server takes for the time; None: what it is."""
        self.page_objects = 1000
        self.bytes_sent = 0
        """Of objects, to readers."""
        self.signers: list[str] = []
        """Access key id of each request; empty where it has none."""
        self.ended_keys: set[str] = set()
        """Access key ids of sessions that have expired."""
        self.conditions: list[str | None] = []
        """If-Match of each GET of an object."""
        self.gets: list[tuple[str, str]] = []
        """Key and Range of each GET of an object."""
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.ids = itertools.count(1)

    def put(self, bucket: str, key: str, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Keeps an object."""
        self.buckets.setdefault(bucket, {})[key] = Stored(data, dict(headers or {}))

    def next_fault(self, size_bytes: int) -> Fault:
        """Takes the fault of a GET."""
        with self.lock:
            if size_bytes < self.faults_from_bytes:
                return Fault.NONE
            return self.faults.popleft() if self.faults else self.fault_for_all
