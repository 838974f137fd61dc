"""The page `/integrity` of Locust's web server: the counts, and the first defects in words. `/integrity.json` is for programs."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

from flask import Response, jsonify
from locust.web import WebUI

from loadtest.users.crowd import Crowd
from loadtest.users.integrity import DEFECTS

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2"><title>Integrity</title>
<style>body{{font:16px system-ui;margin:2rem}}td{{padding:.2rem 1rem}}td+td{{text-align:right}}.bad{{color:#b00;font-weight:bold}}</style>
<h1>Integrity</h1><p><a href="./">Locust</a> · <a href="integrity.json">JSON</a></p>
<table>{rows}</table><h2>Defects</h2><ol>{examples}</ol></html>"""


def add_page(web_ui: WebUI, crowd: Crowd) -> None:
    """Add both routes."""
    app = web_ui.app
    assert app is not None  # noqa: S101  (Locust makes it with the page)

    @app.route("/integrity")
    def integrity() -> str:
        rows = "".join(_row(kind, times) for kind, times in crowd.integrity.counts().items())
        return _PAGE.format(rows=rows, examples="".join(f"<li>{escape(example)}</li>" for example in crowd.integrity.examples))

    @app.route("/integrity.json")
    def integrity_json() -> Response:
        return jsonify(counts=crowd.integrity.counts(), examples=crowd.integrity.examples, availability=crowd.integrity.availability)


def _row(kind: str, times: Any) -> str:
    shown = ", ".join(f"{code} {count}" for code, count in times.items()) if isinstance(times, Mapping) else str(times)
    style = ' class="bad"' if kind in DEFECTS and times else ""
    return f"<tr{style}><td>{escape(kind.replace('_', ' '))}</td><td>{escape(shown)}</td></tr>"
