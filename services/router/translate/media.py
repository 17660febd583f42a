"""Images and documents: data URLs in OpenAI's dialect, sources in Anthropic's."""

import base64
import binascii
from typing import Any

from shared.errors import InvalidRequest
from shared.wire.anthropic_request import Source
from shared.wire.openai_request import FileData

PDF = "application/pdf"


def image_source(url: str, place: str) -> dict[str, Any]:
    """Return the source of an image at an address or in a data URL; raises `InvalidRequest`."""
    if url.startswith("data:"):
        media_type, data = _data_url(url, place)
        return {"type": "base64", "media_type": media_type, "data": data}
    if url.startswith(("https://", "http://")):
        return {"type": "url", "url": url}
    raise InvalidRequest("An image's 'url' must be an http, https or data URL.", param=place)


def document_block(file: FileData, place: str) -> dict[str, Any]:
    """Return the document block for a file that came as data; raises `InvalidRequest` for other files."""
    if file.file_data is None:
        raise InvalidRequest("A file by its id is not possible with this model; send it as 'file_data'.", param=place)
    media_type, data = _data_url(file.file_data, place) if file.file_data.startswith("data:") else (PDF, file.file_data)
    if media_type == PDF:
        source = {"type": "base64", "media_type": PDF, "data": data}
    elif media_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _text(data, place)}
    else:
        message = f"A file of type '{media_type[:64]}' is not possible with this model."
        raise InvalidRequest(message, param=place)
    title = {"title": file.filename} if file.filename else {}
    return {"type": "document", "source": source, **title}


def _data_url(url: str, place: str) -> tuple[str, str]:
    head, comma, data = url.partition(",")
    media_type, _, encoding = head.removeprefix("data:").rpartition(";")
    if not comma or encoding != "base64" or not media_type:
        raise InvalidRequest("A data URL must have the form data:TYPE;base64,DATA.", param=place)
    return media_type.partition(";")[0], data


def _text(data: str, place: str) -> str:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest("A text file must be UTF-8 in base64.", param=place) from None


def image_url(source: Source | str | None, place: str) -> str:
    """Return the address or data URL of an image; raises `InvalidRequest` for an uploaded one."""
    if isinstance(source, Source) and source.type == "base64":
        return f"data:{source.media_type};base64,{source.data}"
    if isinstance(source, Source) and source.type == "url":
        return source.url
    raise _wrong_source("image", source, place)


def file_data(source: Source, title: str | None, place: str) -> dict[str, Any]:
    """Return the file for a document in base64; raises `InvalidRequest` for one that is elsewhere."""
    if source.type != "base64":
        raise _wrong_source("document", source, place)
    return {"filename": title or "document.pdf", "file_data": f"data:{source.media_type or PDF};base64,{source.data}"}


def _wrong_source(kind: str, source: Source | str | None, place: str) -> InvalidRequest:
    name = source.type[:64] if isinstance(source, Source) else "unknown"
    return InvalidRequest(f"A source of type '{name}' for a {kind} is not possible with this model.", param=place)
