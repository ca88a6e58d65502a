"""Servers that lie on an import's way: a DNS server and a proxy, both small, and both telling what they were asked."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

_HEAD_BYTES = 4096


class Dns:
    """What a DNS server answers, and what it was asked."""

    def __init__(self) -> None:
        self.addresses: dict[str, list[str]] = {}
        self.aliases: dict[str, str] = {}
        """CNAME records."""
        self.asked: list[str] = []
        self.clients: set[str] = set()
        """From where."""
        self.fails = False

    def answer(self, wire: bytes, *, most_bytes: int) -> bytes:
        """Answers a query; names are those without a final dot."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(f"{name} {kind}")
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if self.fails:
            reply.set_rcode(dns.rcode.SERVFAIL)
            return reply.to_wire()
        if name in self.aliases:
            reply.answer.append(dns.rrset.from_text(question.name, 0, "IN", "CNAME", f"{self.aliases[name]}."))
            name = self.aliases[name]
        wanted = [item for item in self.addresses.get(name, []) if (":" in item) == (kind == "AAAA")]
        if wanted and kind in ("A", "AAAA"):
            reply.answer.append(dns.rrset.from_text(f"{name}.", 0, "IN", kind, *wanted))
        try:
            return reply.to_wire(max_size=most_bytes)
        except dns.exception.TooBig:
            reply.answer.clear()
            reply.flags |= dns.flags.TC
            return reply.to_wire()


@contextmanager
def running_dns(host: str, port: int = 53) -> Iterator[Dns]:
    """Answers over UDP and TCP, in the namespace of the calling thread."""
    dns_server = Dns()
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with (
        socket.socket(family, socket.SOCK_DGRAM) as datagrams,
        socket.create_server((host, port), family=family) as streams,
    ):
        datagrams.bind((host, port))
        threads = [
            threading.Thread(target=_answer_datagrams, args=(dns_server, datagrams)),
            threading.Thread(target=_answer_streams, args=(dns_server, streams)),
        ]
        for thread in threads:
            thread.start()
        try:
            yield dns_server
        finally:
            # An empty datagram to itself: closing alone does not wake who waits.
            datagrams.sendto(b"", (host, port))
            streams.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


def _answer_datagrams(dns_server: Dns, datagrams: socket.socket) -> None:
    while True:
        wire, where = datagrams.recvfrom(4096)
        if not wire:
            return
        dns_server.clients.add(where[0])
        datagrams.sendto(dns_server.answer(wire, most_bytes=512), where)


def _answer_streams(dns_server: Dns, streams: socket.socket) -> None:
    with suppress(OSError):
        while True:
            connection, _ = streams.accept()
            with connection:
                length = int.from_bytes(connection.recv(2, socket.MSG_WAITALL), "big")
                answer = dns_server.answer(connection.recv(length, socket.MSG_WAITALL), most_bytes=65535)
                connection.sendall(len(answer).to_bytes(2, "big") + answer)


class _Proxy:
    """What a proxy does with its connections. Threads inherit the namespace of the one that starts them."""

    def __init__(self, listener: socket.socket) -> None:
        self.asked: list[str] = []
        self._listener = listener
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []

    def start(self, work: Callable[..., None], *arguments: object) -> None:
        """Runs a thread that `close` waits for."""
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def accept(self) -> None:
        """Takes connections until the listener ends."""
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._sockets.append(connection)
                self.start(self.tunnel, connection)

    def tunnel(self, connection: socket.socket) -> None:
        """Connects to where the client asks for, and carries what is said both ways."""
        with suppress(OSError):
            head = b""
            while not head.endswith(b"\r\n\r\n") and len(head) < _HEAD_BYTES:
                head += connection.recv(1)
            where = head.split()[1].decode()
            self.asked.append(where)
            name, _, number = where.rpartition(":")
            there = socket.create_connection((name.strip("[]"), int(number)))
            self._sockets.append(there)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            self.start(_pour, there, connection)
            _pour(connection, there)

    def close(self) -> None:
        """Ends every connection and thread."""
        self._listener.shutdown(socket.SHUT_RDWR)
        while self._threads:
            for item in self._sockets:
                with suppress(OSError):
                    item.shutdown(socket.SHUT_RDWR)
            self._threads.pop(0).join()
        for item in self._sockets:
            item.close()


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@contextmanager
def running_proxy(host: str, port: int) -> Iterator[list[str]]:
    """A proxy that knows CONNECT, in the namespace of the calling thread; gives what it was asked to connect to."""
    with socket.create_server((host, port)) as listener:
        proxy = _Proxy(listener)
        proxy.start(proxy.accept)
        try:
            yield proxy.asked
        finally:
            proxy.close()
