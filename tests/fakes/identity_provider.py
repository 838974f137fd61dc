"""An identity provider on a port of this machine: it serves the public keys of the tokens that it signs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import OKPAlgorithm


class IdentityProvider:
    """`answers` is cleared to let it hang; `fetches` counts how often it was asked for its keys."""

    def __init__(self) -> None:
        self.fetches = 0
        self.answers = asyncio.Event()
        self.answers.set()
        self.url = ""
        self.body: bytes | None = None
        self._keys: dict[str, Ed25519PrivateKey] = {}

    def add_key(self, key_id: str) -> None:
        self._keys[key_id] = Ed25519PrivateKey.generate()

    def remove_key(self, key_id: str) -> None:
        del self._keys[key_id]

    def token(self, key_id: str, *, user_id: str = "ann") -> str:
        """Signed with the key of that id, with a key of nobody's if there is none."""
        key = self._keys.get(key_id) or Ed25519PrivateKey.generate()
        return jwt.encode({"sub": user_id, "exp": time.time() + 600}, key, algorithm="EdDSA", headers={"kid": key_id})

    def _key_set(self) -> bytes:
        keys = [json.loads(OKPAlgorithm.to_jwk(key.public_key())) | {"kid": key_id, "use": "sig"} for key_id, key in self._keys.items()]
        return json.dumps({"keys": keys}).encode()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.fetches += 1
        await self.answers.wait()
        body = self.body or self._key_set()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        writer.close()

    @classmethod
    @asynccontextmanager
    async def running(cls) -> AsyncIterator[Self]:
        provider = cls()
        server = await asyncio.start_server(provider._serve, "127.0.0.1", 0)
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/jwks"
        async with server:
            yield provider
            provider.answers.set()
