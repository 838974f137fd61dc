"""How each service is spoken to over HTTP: the bytes of a send, and whether an answer is the right one."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod

import jwt

from loadtest.benchmarks.clients.http import post
from tests.servers.imcore import SECRET

TEXT_CHARS = 150
ECHO_BYTES = 230
_TTL_S = 24 * 3600


def text_of(number: int) -> str:
    """A message of about 150 characters."""
    return f"m{number} " + "x" * TEXT_CHARS


def token_of(user_id: str) -> str:
    """As `imcore token` prints it."""
    return jwt.encode({"sub": user_id, "exp": int(time.time()) + _TTL_S}, SECRET, algorithm="HS256")


class Dialect(ABC):
    """One user's sends, one after another."""

    def __init__(self, user_id: str) -> None:
        self.user_id = user_id
        self.number = 0

    @abstractmethod
    def request(self) -> bytes:
        """The next send."""

    @abstractmethod
    def is_right(self, status: int, body: bytes) -> bool:
        """Whether this answers the last send, and well."""


class ImcoreDialect(Dialect):
    """Every send has a message id of its own."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self._headers = b"Authorization: Bearer %s\r\n" % token_of(user_id).encode()
        self._stem, self._expected = f"{uuid.uuid4().hex}-", b""

    def request(self) -> bytes:
        self.number += 1
        message_id = f"{self._stem}{self.number}"
        self._expected = b'"message_id":"%s"' % message_id.encode()
        body = f'{{"message_id":"{message_id}","msg_content":"{text_of(self.number)}"}}'
        return post("/api/message/send", body.encode(), self._headers)

    def is_right(self, status: int, body: bytes) -> bool:
        return status == 202 and self._expected in body and b'"record_id"' in body  # noqa: PLR2004  (accepted)


class BaselineDialect(Dialect):
    """It knows no message ids of clients: the content tells."""

    def request(self) -> bytes:
        self.number += 1
        return post("/messages", f'{{"session_id":"{self.user_id}","content":"{text_of(self.number)}"}}'.encode())

    def is_right(self, status: int, body: bytes) -> bool:
        return status == 200 and f'"content":"m{self.number} x'.encode() in body and b'"message_id"' in body  # noqa: PLR2004  (OK)


class EchoDialect(Dialect):
    """230 bytes of JSON there and back."""

    def __init__(self, user_id: str) -> None:
        super().__init__(user_id)
        self._body = b""

    def request(self) -> bytes:
        self.number += 1
        head = f'{{"message_id":"{self.user_id}-{self.number}","msg_content":"'
        self._body = head.encode() + b"x" * (ECHO_BYTES - len(head) - 2) + b'"}'
        return post("/", self._body)

    def is_right(self, status: int, body: bytes) -> bool:
        return status == 202 and body == self._body  # noqa: PLR2004  (accepted)


DIALECTS: dict[str, type[Dialect]] = {"imcore": ImcoreDialect, "baseline": BaselineDialect, "echo": EchoDialect}
