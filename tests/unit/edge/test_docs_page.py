"""The documentation page: complete, self-contained, and closed to injection."""

import base64
import hashlib
import json
import re
import shlex
from html.parser import HTMLParser

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st

from services.edge.docs import Docs
from services.edge.domain.docs_page import curl, docs_page
from services.edge.domain.markup import element, prose
from shared.openapi import inlined, openapi
from shared.settings.server import ServerSettings

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]))


class Reader(HTMLParser):
    """Collects the elements and the text of a page as a browser would see them."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.attributes: list[tuple[str, str, str | None]] = []
        self.elements: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


@given(TEXT, TEXT)
def test_text_and_attributes_come_out_as_they_went_in(text: str, value: str) -> None:
    """Whatever a string holds, it neither makes an element nor leaves its attribute."""
    seen = Reader(element("p", text, title=value))
    assert (seen.elements, seen.text, seen.attributes) == (["p"], text, [("p", "title", value)])


@given(TEXT)
def test_prose_knows_code_and_nothing_else(text: str) -> None:
    """Only backticks have a meaning in a sentence."""
    seen = Reader(prose(text))
    assert set(seen.elements) <= {"code"}
    assert seen.text == text.replace("`", "")


def test_the_page_has_every_operation_and_loads_nothing() -> None:
    """Each operation has its own anchor, and no attribute names another server."""
    document = inlined()
    seen = Reader(docs_page(document, "http://127.0.0.1:4000"))
    anchors = {value for _, name, value in seen.attributes if name == "id"}
    operations = [item for path in document["paths"].values() for item in path.values()]
    assert anchors == {item["operationId"] for item in operations if "x-alias-of" not in item}
    assert {path for path in document["paths"] if path not in seen.text} == set()
    assert not {"script", "img", "iframe", "link", "form"} & set(seen.elements)
    links = {value or "" for _, name, value in seen.attributes if name in ("href", "src", "action")}
    assert all(link.startswith("#") or link == "/openapi.json" for link in links)


def test_every_example_is_a_command_that_a_shell_understands() -> None:
    """Each curl line splits into words, and its body is the JSON of the example."""
    for path, item in inlined()["paths"].items():
        for method, operation in item.items():
            words = shlex.split(curl(method.upper(), path, operation).replace("\\\n", " "))
            assert words[:2] == ["curl", f"$TOLLWAY_URL{path}"]
            if "application/json" in operation.get("requestBody", {}).get("content", {}):
                json.loads(words[words.index("-d") + 1])


async def test_the_page_may_run_and_load_nothing_but_its_own_style() -> None:
    """The policy forbids everything except the one style sheet, which it names by its hash."""
    docs = Docs(ServerSettings())
    app = web.Application()
    app.router.add_get("/docs", docs.page)
    app.router.add_get("/openapi.json", docs.document)
    async with TestClient(TestServer(app)) as client:
        answer = await client.get("/docs")
        style = re.search(r"<style>(.*?)</style>", await answer.text(), re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
        assert answer.content_type == "text/html"
        assert answer.headers["content-security-policy"] == (
            f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
            "form-action 'none'; frame-ancestors 'none'"
        )
        assert await (await client.get("/openapi.json")).json() == openapi()
