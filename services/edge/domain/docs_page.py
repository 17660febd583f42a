"""The documentation page, made from the OpenAPI document: one HTML file that needs nothing else."""

import json
import shlex
from collections.abc import Iterator
from typing import Any

from services.edge.domain.docs_style import STYLE
from services.edge.domain.markup import Markup, element, joined, prose

Document = dict[str, Any]

DEEPEST = 2
"""Levels of fields that a table shows; what is deeper is in the OpenAPI document."""


def docs_page(document: Document, address: str) -> str:
    """Return the page; `address` is where the examples send their requests."""
    groups = [(tag, list(_operations(document, tag["name"]))) for tag in document["tags"]]
    contents = [
        joined(element("h2", tag["name"]), *(_link(*operation) for operation in operations))
        for tag, operations in groups
    ]
    sections = [
        element(
            "section",
            element("h2", tag["name"]),
            element("p", prose(tag["description"])),
            *(_article(*operation) for operation in operations),
        )
        for tag, operations in groups
    ]
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"{document['info']['title']} API"),
        element("style", Markup(STYLE)),
    )
    main = element("main", _introduction(document, address), *sections)
    body = element("body", element("div", element("nav", *contents), main, class_="columns"))
    return "<!doctype html>\n" + element("html", head, body, lang="en")


def _operations(document: Document, tag: str) -> Iterator[tuple[str, str, Document, list[str]]]:
    """Yield each operation once, as method, path, description and the other paths that it has."""
    aliases: dict[str, list[str]] = {}
    found = []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if operation["tags"] != [tag]:
                continue
            if "x-alias-of" in operation:
                aliases.setdefault(operation["x-alias-of"], []).append(path)
            else:
                found.append((method.upper(), path, operation))
    for method, path, operation in found:
        yield method, path, operation, aliases.get(operation["operationId"], [])


def _introduction(document: Document, address: str) -> Markup:
    info = document["info"]
    setting = f"export TOLLWAY_URL={shlex.quote(address)}\nexport TOLLWAY_KEY=sk-…"
    return joined(
        element("h1", info["title"]),
        element("p", f"{info['description']} Version {info['version']}."),
        element("p", "The same as a document for machines: ", element("a", "/openapi.json", href="/openapi.json"), "."),
        element("p", "The examples read the address and a key from the environment:"),
        element("pre", setting),
    )


def _link(method: str, path: str, operation: Document, _: list[str]) -> Markup:
    return element("a", element("span", method, class_=method), f" {path}", href=f"#{operation['operationId']}")


def _article(method: str, path: str, operation: Document, aliases: list[str]) -> Markup:
    parts: list[Markup] = [
        element("h3", element("span", method, class_=method), f" {path}"),
        element("p", prose(operation["summary"])),
    ]
    notes = [operation["description"]] if "description" in operation else []
    if aliases:
        notes.append(f"Also {', '.join(f'`{alias}`' for alias in aliases)}.")
    if notes:
        parts.append(element("p", prose(" ".join(notes)), class_="soft"))
    parts.append(element("pre", curl(method, path, operation)))
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    parts += _table("Parameters", [_parameter(item) for item in operation.get("parameters", [])])
    parts += _table("Body", list(_fields(body.get("schema", {}))))
    answer = operation["responses"].get("200", {}).get("content", {})
    parts += _table("Answer", list(_fields(answer.get("application/json", {}).get("schema", {}))))
    parts.append(_statuses(operation))
    return element("article", *parts, id=operation["operationId"])


def curl(method: str, path: str, operation: Document) -> str:
    """Return a command that calls the operation and works as pasted into a shell."""
    words = ["curl", f'"$TOLLWAY_URL{path}"']
    if method not in ("GET", "POST"):
        words.append(f"-X {method}")
    if operation.get("security") != []:
        words.append('-H "Authorization: Bearer $TOLLWAY_KEY"')
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is not None:
        example = json.dumps(content.get("example", {}), ensure_ascii=False)
        words += ["-H 'content-type: application/json'", f"-d {shlex.quote(example)}"]
    elif "requestBody" in operation:
        words.append("--data-binary @body")
    return " \\\n  ".join([" ".join(words[:2]), *words[2:]])


Row = tuple[str, str, bool, str]


def _parameter(parameter: Document) -> Row:
    needed = bool(parameter.get("required"))
    return parameter["name"], _type(parameter["schema"]), needed, parameter.get("description", "")


def _fields(schema: Document, prefix: str = "", depth: int = 1) -> Iterator[Row]:
    while schema.get("type") == "array":
        prefix, schema = f"{prefix}[]", schema["items"]
    for name, field in schema.get("properties", {}).items():
        where = f"{prefix}.{name}".lstrip(".")
        yield where, _type(field), name in schema.get("required", ()), field.get("description", "")
        if depth < DEEPEST:
            yield from _fields(field, where, depth + 1)


def _type(schema: Document) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(item) for item in schema["anyOf"])
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}"
    return str(schema.get("type", "anything"))


def _table(heading: str, rows: list[Row]) -> list[Markup]:
    if not rows:
        return []
    lines = [
        element(
            "tr",
            element("td", element("code", name), " required" if needed and heading != "Answer" else ""),
            element("td", kind),
            element("td", prose(description)),
        )
        for name, kind, needed, description in rows
    ]
    return [element("h4", heading), element("table", *lines)]


def _statuses(operation: Document) -> Markup:
    lines = [
        element("tr", element("td", element("code", status)), element("td", prose(response["description"])))
        for status, response in operation["responses"].items()
    ]
    return element("details", element("summary", "Statuses"), element("table", *lines))
