"""A page as a browser's parser would take it apart, to look at what is in it."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_TIMES = {"datetime"}
_WITHOUT_END = {"meta", "br", "col"}


@dataclass
class Node:
    """An element: its attributes, and what stands in it, elements and text."""

    tag: str
    attributes: dict[str, str | None] = field(default_factory=dict)
    children: list["Node | str"] = field(default_factory=list)

    def all(self, tag: str) -> "list[Node]":
        """Return every element of a kind within this one, in order."""
        found = []
        for child in self.children:
            if isinstance(child, Node):
                found += ([child] if child.tag == tag else []) + child.all(tag)
        return found

    @property
    def text(self) -> str:
        return "".join(one if isinstance(one, str) else one.text for one in self.children)

    @property
    def shape(self) -> tuple[object, ...]:
        """The element without its text and times: what text must never change."""
        inner = tuple(one.shape for one in self.children if isinstance(one, Node))
        told = sorted(f"{name}={self.attributes[name]}" for name in {*self.attributes} - _TIMES)
        return (self.tag, tuple(told), inner)


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.path = [Node("")]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        node = Node(tag, dict(attrs))
        self.path[-1].children.append(node)
        if tag not in _WITHOUT_END:
            self.path.append(node)

    def handle_endtag(self, tag: str) -> None:
        assert self.path.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.path[-1].children.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def read_page(path: Path) -> Node:
    """Read a page, which must be well formed."""
    parser = _Parser()
    text = path.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>\n")
    parser.feed(text)
    parser.close()
    [root] = parser.path
    [page] = [one for one in root.children if isinstance(one, Node)]
    return page
