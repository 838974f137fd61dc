"""Files that pages are made of, out of the package, with headers that let a page do nothing it need not do."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib import resources

from starlette.datastructures import Headers
from starlette.responses import Response

from imcore.errors import NotFoundError

CHAT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; require-trusted-types-for 'script'"
)
DOCS_POLICY = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'"
"""Swagger UI sets styles of its own on elements."""

_LOCKED = "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_MEDIA_TYPES = {"html": "text/html", "js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}


class Assets:
    """Some files of the package's folder `page`, read when the first of them is asked for."""

    def __init__(self, *names: str, policy: str = CHAT_POLICY) -> None:
        self._names = names
        self._policy = policy + _LOCKED

    def response(self, name: str, asked: Headers) -> Response:
        """`304` if the client has it already; raises `NotFoundError` for any other file."""
        if name not in self._names:
            raise NotFoundError("There is no such file.")
        content, etag = self._files[name]
        headers = {
            "ETag": etag,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": self._policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
        }
        if asked.get("if-none-match") == etag:
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=_MEDIA_TYPES[name.rpartition(".")[2]])

    @cached_property
    def _files(self) -> dict[str, tuple[bytes, str]]:
        folder = resources.files("entrypoints.api") / "page"
        contents = {name: folder.joinpath(*name.split("/")).read_bytes() for name in self._names}
        return {name: (content, f'"{hashlib.sha256(content).hexdigest()[:32]}"') for name, content in contents.items()}
