"""Evidence: what the service itself says of every user's messages, read over its public API, and what its audit counts."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

from tests.faults.installation import Installation
from tests.faults.user import User

PAGE = 200
READERS = 8
TRIES = 20

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Said:
    """One user's `messages` of both sides in the order of `seq`, and `records`."""

    user: User
    messages: list[Json]
    records: list[Json]

    @property
    def replies(self) -> list[Json]:
        return [message for message in self.messages if message["msg_type"] == "AI_REPLY"]

    def record_of(self, message_id: str) -> list[Json]:
        """One, if all is well."""
        return [record for record in self.records if record["user_message_id"] == message_id]


@dataclass(frozen=True, slots=True)
class Evidence:
    """`audit` as `imcore audit` prints it."""

    said: list[Said]
    audit: dict[str, int] = field(default_factory=dict)


async def gather_evidence(installation: Installation, users: Sequence[User]) -> Evidence:
    """Read it all, through the first API process."""
    readers = asyncio.Semaphore(READERS)
    async with httpx.AsyncClient(base_url=installation.urls[0], timeout=20) as http:

        async def read(user: User) -> Said:
            async with readers:
                return Said(user, await _messages(http, user), await _records(http, user))

        said = await asyncio.gather(*(read(user) for user in users))
    return Evidence(list(said), await installation.audit())


async def _messages(http: httpx.AsyncClient, user: User) -> list[Json]:
    found: list[Json] = []
    while True:
        after = found[-1]["seq"] if found else 0
        page = await _get(http, user, "/api/message/list", {"after_seq": after, "limit": PAGE})
        found += page["items"]
        if len(page["items"]) < PAGE:
            return found


async def _records(http: httpx.AsyncClient, user: User) -> list[Json]:
    found: list[Json] = []
    cursor: dict[str, str] = {}
    while True:
        page = await _get(http, user, "/api/ai/records", {"limit": PAGE, **cursor})
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = {"cursor": page["next_cursor"]}


async def _get(http: httpx.AsyncClient, user: User, path: str, parameters: dict[str, Any]) -> Json:
    """Again for a while where the service is not quite back."""
    for _ in range(TRIES):
        try:
            answer = await http.get(path, params=parameters, headers=user.headers)
        except httpx.TransportError:
            await asyncio.sleep(0.5)
            continue
        if answer.status_code == 200:
            found: Json = answer.json()
            return found
        await asyncio.sleep(0.5)
    raise TimeoutError(f"{path} cannot be read")
