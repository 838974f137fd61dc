"""Server-sent events out of the bytes of a stream, however the network has cut them."""

from __future__ import annotations


class EventReader:
    """Puts events together from reads. Lines may end in LF, CRLF or CR; comments, names and ids are dropped."""

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False

    def feed(self, data: bytes) -> list[bytes]:
        """The data of each event that these bytes complete, in order. What is not complete waits for the next call, or for nothing."""
        if not data:  # says nothing about what follows a CR
            return []
        if self._after_cr or b"\r" in data:
            data = self._with_line_feeds(data)
        *events, self._rest = (self._rest + data).split(b"\n\n")
        return [text for event in events if (text := _data_of(event)) is not None]

    def _with_line_feeds(self, data: bytes) -> bytes:
        follows_cr, self._after_cr = self._after_cr, data.endswith(b"\r")
        if follows_cr and data.startswith(b"\n"):  # the second half of a CRLF
            data = data[1:]
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data_of(event: bytes) -> bytes | None:
    """The lines of data of one event, joined; None if it has none."""
    if event.startswith(b"data: ") and b"\n" not in event:
        return event[6:]
    values = [value.removeprefix(b" ") for field, _, value in (line.partition(b":") for line in event.split(b"\n")) if field == b"data"]
    return b"\n".join(values) if values else None
