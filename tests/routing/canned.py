"""Answers as bytes, for what no server would send by itself."""

from __future__ import annotations

import socket
from contextlib import suppress

from tests.system.stub_model import SECRET


def answer_all(listener: socket.socket, answer: bytes) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            asked = b""
            while SECRET.encode() not in asked:
                asked += connection.recv(65_536)
            with suppress(OSError):  # who has seen enough may hang up first
                connection.sendall(answer)
                connection.shutdown(socket.SHUT_WR)


def http(body: bytes = b"", *, status: int = 200, **headers: str) -> bytes:
    given = {"Content-Length": len(body), **headers}.items()
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in given]
    return "\r\n".join([f"HTTP/1.1 {status} X", *lines, "", ""]).encode() + body
