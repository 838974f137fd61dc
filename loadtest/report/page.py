"""Page: the frame of every report. One file, no address of another; style and script are allowed by their hash alone."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from loadtest.report.markup import Markup, element, joined, void

STYLE = Markup(Path(__file__).with_name("style.css").read_text())
SCRIPT = Markup(Path(__file__).with_name("script.js").read_text())


def page(title: str, document: Mapping[str, object], *content: Markup | None) -> str:
    """The whole page, with the document at its end."""
    head = element(
        "head",
        void("meta", charset="utf-8"),
        void("meta", http_equiv="Content-Security-Policy", content=_policy()),
        void("meta", name="viewport", content="width=device-width, initial-scale=1"),
        void("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", STYLE),
    )
    body = element("body", element("main", *content, _as_json(document)), element("script", SCRIPT))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def header(kind: str, title: str, *lines: str) -> Markup:
    """What this is a report of."""
    said = [element("p", line, class_="about") for line in lines if line]
    return element("header", element("p", kind, class_="kind"), element("h1", title), joined(said))


def section(title: str, *content: Markup | None) -> Markup:
    """A part of the page under its heading."""
    return element("section", element("h2", title), *content)


def save(text: str, path: Path) -> None:
    """Writes UTF-8; half a surrogate pair, which JSON may hold, becomes a question mark."""
    path.write_bytes(text.encode("utf-8", "replace"))


def _policy() -> str:
    return f"default-src 'none'; style-src {_hash(STYLE)}; script-src {_hash(SCRIPT)}; base-uri 'none'; form-action 'none'"


def _hash(source: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _as_json(document: Mapping[str, object]) -> Markup:
    """ASCII only, and no `<`, `>` or `&`: nothing in it can end the element."""
    source = json.dumps(document, separators=(",", ":"), default=str)
    for sign in "<>&":
        source = source.replace(sign, f"\\u{ord(sign):04x}")
    button = element("button", "Download JSON", type="button", id="download", hidden=True)
    held = element("script", Markup(source), type="application/json", id="document")
    shown = element("div", held, class_="json", role="region", aria_label="The document", tabindex="0")
    return element("details", element("summary", "All figures as JSON"), button, shown)
