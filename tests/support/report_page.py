"""A page as its elements and its text."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "link", "br", "col", "img", "input", "hr", "use", "image", "path", "rect"}


class Page(HTMLParser):
    """Elements of a page, its texts, and whether every element is closed in its place."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.text += data

    def all(self, *tags: str) -> list[dict[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]

    @property
    def plain(self) -> str:
        """The text without the marks that keep numbers in one line."""
        for mark, shown in (("\u00a0", " "), ("\u2060", ""), ("\u2011", "-")):
            self.text = self.text.replace(mark, shown)
        return " ".join(self.text.split())
