"""The generated documents: valid, complete, and the same as the committed ones."""

import inspect
import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from openapi_spec_validator import validate

from shared.bus import subjects
from shared.openapi import VERSION, openapi
from shared.openapi.document import SHAPES
from shared.routes import ROUTES
from shared.schemas import context, control, events, frames
from shared.schemas.context import Principal, RequestContext
from shared.schemas.frames import Ending, FrameHeader, Opening
from tollway.generate.__main__ import ROOT, main
from tollway.generate.asyncapi import CHANNELS, Channel, asyncapi
from tollway.generate.messages import message_schema, message_schemas
from tollway.stack.permissions import permissions


def references(document: Any) -> Iterator[str]:
    """Yield every `$ref` of a document."""
    if isinstance(document, dict):
        if isinstance(document.get("$ref"), str):
            yield document["$ref"]
        document = list(document.values())
    if isinstance(document, list):
        for item in document:
            yield from references(item)


def resolve(document: Any, reference: str) -> Any:
    """Return what a reference names; raises KeyError."""
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_committed_documents_say_what_the_code_does() -> None:
    """Nothing has drifted since `make generate`."""
    assert main(["--check"]) == 0


def test_the_openapi_document_is_valid_and_has_every_route() -> None:
    """It passes the specification's own schema, and each route's paths are in it with a shape."""
    document = openapi()
    validate(document)
    assert set(SHAPES) == set(ROUTES)
    expected = {(path, route.method.lower()) for route in ROUTES.values() for path in route.paths}
    assert expected <= {(path, method) for path, item in document["paths"].items() for method in item}


def test_the_documents_carry_the_version() -> None:
    """The version is the one of pyproject.toml."""
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


@pytest.mark.parametrize("name", sorted(message_schemas()))
def test_message_schemas_are_valid(name: str) -> None:
    """Each is a JSON Schema of the 2020-12 draft."""
    jsonschema.Draft202012Validator.check_schema(message_schemas()[name])


def test_every_message_type_is_described() -> None:
    """Each type of `shared.schemas` is a message, or is part of one."""
    types = {
        name
        for module in (context, control, events, frames)
        for name, item in vars(module).items()
        if inspect.isclass(item) and issubclass(item, msgspec.Struct) and item.__module__ == module.__name__
    }
    described = {name for schema in message_schemas().values() for name in schema["$defs"]}
    assert types <= described


def test_what_is_sent_fits_its_schema() -> None:
    """An encoded message passes the schema that describes it."""
    ctx = RequestContext(
        "r1", "tollway.edge.e1.r1", "tollway.edge.e1", "models", "openai", 2.0, 1.0, 0.0, 65536,
        principal=Principal("key_holder", models=("a",)), headers=(("openai-beta", "x"),),
    )  # fmt: skip
    for message in (ctx, FrameHeader(0, open=Opening(201, (("a", "b"),)), end=Ending(cost=3))):
        jsonschema.validate(json.loads(msgspec.json.encode(message)), message_schema(type(message)))


def test_the_asyncapi_document_names_every_subject() -> None:
    """Each constant of the grammar appears as a channel's address, and every reference leads somewhere."""
    document = asyncapi()
    for reference in references(document):
        resolve(document, reference)
    addresses = {channel.address for channel in CHANNELS}
    fixed = {value for name, value in vars(subjects).items() if name.isupper() and str(value).startswith("tollway.")}
    assert {value for value in fixed if "*" not in value} <= addresses


def fits(subject: str, pattern: str) -> bool:
    """Tell whether nats-server lets a subject through a pattern."""
    tokens, wanted = subject.split("."), pattern.split(".")
    if wanted[-1] == ">":
        tokens, wanted = tokens[: len(wanted) - 1], wanted[:-1]
    return len(tokens) == len(wanted) and all(w in ("*", t) for t, w in zip(tokens, wanted, strict=True))


def addresses(channel: Channel) -> set[str]:
    """Return a concrete subject of a channel for each of its receivers."""
    named = {"{worker}": "w1", "{lane}": "r1", "{kind}": "key"}
    written = channel.address
    for name, value in named.items():
        written = written.replace(name, value)
    return {written.replace("{service}", service) for service in channel.receivers or ("billing",)}


@pytest.mark.parametrize("channel", CHANNELS, ids=lambda channel: channel.name)
def test_the_asyncapi_document_says_what_the_broker_permits(channel: Channel) -> None:
    """Who is said to send or to listen may do so by the permissions of its user."""
    allowed = permissions()
    for sender in channel.senders:
        assert any(fits(one, pattern) for one in addresses(channel) for pattern in allowed[sender].publish), sender
    if channel.name in ("completions", "deadCompletions", "limitJournal"):
        return
    for receiver in channel.receivers:
        own = {one for one in addresses(channel) if "{service}" not in channel.address or f".{receiver}" in one}
        assert any(fits(one, pattern) for one in own for pattern in allowed[receiver].subscribe), receiver


def test_a_drifted_document_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After an edit by hand, the check fails and says which document it is; generating mends it."""
    assert main([], tmp_path) == 0
    (tmp_path / "docs/schemas/openapi.json").write_text("{}")
    assert main(["--check"], tmp_path) == 1
    assert "docs/schemas/openapi.json does not say what the code does." in capsys.readouterr().err
    assert main([], tmp_path) == 0
    assert main(["--check"], tmp_path) == 0


def test_an_incompatible_message_is_not_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A field that the committed schema has and the code has no more stops the generator, until it is told to."""
    assert main([], tmp_path) == 0
    path = tmp_path / "docs/schemas/messages/Clock.json"
    schema = json.loads(path.read_text())
    schema["$defs"]["Clock"]["properties"]["gone"] = {"type": "string"}
    path.write_text(json.dumps(schema))
    assert main([], tmp_path) == 1
    assert "Clock.gone was removed; a field may only be left unused." in capsys.readouterr().err
    assert main(["--break-messages"], tmp_path) == 0
    assert "gone" not in path.read_text()
