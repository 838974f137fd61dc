"""Markup: HTML elements from text that may say anything. What is not `Markup` already is escaped."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape


class Markup(str):
    """Text that is HTML and safe to place as it is."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: object) -> Markup:
    """`<tag attribute="value">children</tag>`. `class_` is class, `stroke_width` stroke-width; None and False leave an attribute out."""
    return Markup(f"<{tag}{_attributes(attributes)}>{joined(children)}</{tag}>")


def void(tag: str, **attributes: object) -> Markup:
    """An element that has no end tag: `<meta …>`."""
    return Markup(f"<{tag}{_attributes(attributes)}>")


def joined(children: Iterable[object]) -> Markup:
    """The children one after the other; None is nothing."""
    return Markup("".join(child if isinstance(child, Markup) else escape(str(child)) for child in children if child is not None))


def _attributes(attributes: dict[str, object]) -> str:
    given = ((name.rstrip("_").replace("_", "-"), value) for name, value in attributes.items() if value is not None and value is not False)
    return "".join(f" {name}" if value is True else f' {name}="{escape(str(value))}"' for name, value in given)
