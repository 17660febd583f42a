"""The table of generated documents: where each one lies, and what makes it."""

import inspect
import json
from pathlib import Path
from typing import Any

from services.billing.asyncapi import asyncapi as billing_asyncapi
from shared.openapi import VERSION, openapi
from tollway.generate.asyncapi import asyncapi
from tollway.generate.compose import compose_nats_config
from tollway.generate.configuration import schema
from tollway.generate.messages import message_schemas
from tollway.generate.settings_page import settings_page

MESSAGE_FOLDER = Path("docs/schemas/messages")


def documents() -> dict[Path, str]:
    """Return every generated document's text by its path from the repository's root."""
    made: dict[Path, Any] = {
        Path("docs/schemas/openapi.json"): openapi(),
        Path("docs/schemas/asyncapi.json"): asyncapi(),
        Path("docs/schemas/configuration.json"): schema(),
        **{MESSAGE_FOLDER / f"{name}.json": schema for name, schema in message_schemas().items()},
    }
    texts = {path: as_text(document) for path, document in made.items()}
    texts[Path("docs/schemas/asyncapi-billing.json")] = as_text(json.loads(billing_asyncapi(VERSION)))
    texts[Path("deploy/compose/nats.conf")] = compose_nats_config()
    texts[Path("docs/settings.md")] = settings_page()
    return texts


def as_text(document: Any) -> str:
    """Return a document as it is committed: readable, and the same for the same content on every Python."""
    return json.dumps(_dedented(document), indent=2, ensure_ascii=False) + "\n"


def _dedented(value: Any) -> Any:
    """Take the indentation out of docstrings, as Python does by itself from 3.13 on."""
    if isinstance(value, list):
        return [_dedented(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: inspect.cleandoc(item) if name == "description" and isinstance(item, str) else _dedented(item)
        for name, item in value.items()
    }
