"""Tables: names and values, each in a box of its own that scrolls sideways where it is too wide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from loadtest.report.fields import flat, mapping
from loadtest.report.markup import Markup, element, joined
from loadtest.report.units import MISSING


def table(caption: str, heads: Sequence[object], rows: Iterable[Sequence[object]], *, narrow: bool = False) -> Markup:
    """The first column names the row; a `Markup` cell that is a `td`, or a head that is a `th`, stays as it is."""
    head = element("thead", element("tr", joined(_head(head) for head in heads)))
    body = element("tbody", joined(element("tr", _row(row)) for row in rows))
    framed = {"role": "region", "aria_label": caption, "tabindex": "0"}
    box = element("div", element("table", head, body), class_="scroll", **framed)
    return element("div", element("p", caption, class_="caption"), box, class_="narrow" if narrow else None)


def pairs(title: str, tree: object) -> Markup | None:
    """Every leaf of an object by its name; None where there is none."""
    rows = [(name, said) for name, said in flat(tree) if name]
    if not rows:
        return None
    listed = joined(element("div", element("dt", _spaced(name)), element("dd", said)) for name, said in rows)
    return element("section", element("h3", title), element("dl", listed, class_="pairs"), class_="facts")


def differing(a: Mapping[str, object], b: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """The leaves that are not the same on both sides, as (name, A, B)."""
    of_a, of_b = dict(flat(a)), dict(flat(b))
    names = [name for name in {**of_a, **of_b} if name and of_a.get(name) != of_b.get(name)]
    return [(name, of_a.get(name, MISSING), of_b.get(name, MISSING)) for name in names]


def profile_boxes(document: object) -> tuple[Markup | None, Markup | None]:
    """Adapters and settings of the document's profile."""
    return pairs("Adapters", mapping(document, "profile", "adapters")), pairs("Settings", mapping(document, "profile", "settings"))


def _spaced(name: str) -> str:
    """`memory_gib` as words; a variable in capitals as it is written."""
    return name if name.isupper() else name.replace("_", " ")


def _head(name: object) -> Markup:
    return name if isinstance(name, Markup) and name.startswith("<th") else element("th", name, scope="col")


def _row(cells: Sequence[object]) -> Markup:
    first, *others = cells
    return joined([element("th", first, scope="row"), *(_cell(cell) for cell in others)])


def _cell(cell: object) -> Markup:
    return cell if isinstance(cell, Markup) and cell.startswith("<td") else element("td", cell)
