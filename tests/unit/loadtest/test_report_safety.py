"""Nothing that a server wrote becomes markup, nothing is loaded, and every drawing says what it shows."""

from __future__ import annotations

import re
from typing import Any

import pytest

from loadtest.report.markup import element
from tests.unit.loadtest.report_documents import PAGES, Page

HOSTILE = """</script><script>alert(1)</script><img src=x onerror='alert(2)'>"&amp;"""


def hostile(tree: Any) -> Any:
    match tree:
        case dict():
            return {f"{name}{HOSTILE}" if name in ("store", "LEASE_S", "api 1") else name: hostile(value) for name, value in tree.items()}
        case list():
            return [hostile(value) for value in tree]
        case str():
            return tree + HOSTILE
        case _:
            return tree


@pytest.mark.parametrize("kind", PAGES)
def test_text_from_a_server_is_escaped(kind: str) -> None:
    render, make = PAGES[kind]
    clean, page = Page(render(make())), Page(render(hostile(make())))
    assert {tag for tag, _ in page.tags} == {tag for tag, _ in clean.tags}
    assert len(page.scripts) == 2
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_value_of_an_attribute_cannot_end_it() -> None:
    assert element("p", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;"></p>'


@pytest.mark.parametrize("kind", PAGES)
def test_the_document_can_be_read_back_from_the_page(kind: str) -> None:
    render, make = PAGES[kind]
    assert Page(render(hostile(make()))).document == hostile(make())


@pytest.mark.parametrize("kind", PAGES)
def test_no_address_appears_and_nothing_is_loaded(kind: str) -> None:
    render, make = PAGES[kind]
    source = render(make())
    assert "://" not in source
    assert "url(" not in source
    assert "@import" not in source
    for _, attributes in Page(source).tags:
        assert not attributes.keys() & {"src", "href", "srcset", "action", "style", "xlink:href"}


@pytest.mark.parametrize("kind", PAGES)
def test_the_policy_allows_the_style_and_the_script_by_their_hash_and_nothing_else(kind: str) -> None:
    render, make = PAGES[kind]
    (policy,) = (
        attributes["content"] for _, attributes in Page(render(make())).tags if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert policy.count("'sha256-") == 2


@pytest.mark.parametrize("kind", PAGES)
def test_every_drawing_is_an_image_with_a_title_and_a_description_or_hidden_from_readers(kind: str) -> None:
    render, make = PAGES[kind]
    source = render(make())
    drawings = re.findall(r"<svg [^>]*>.{0,40}", source)
    assert drawings
    assert all('aria-hidden="true"' in drawing or re.search(r'role="img".*><title>', drawing) for drawing in drawings)
    assert source.count("<desc>") == source.count('role="img"')
