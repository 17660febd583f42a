"""Which models a request names, for keys that may use some models only."""

import json
from typing import Any

import msgspec

from shared.errors import Forbidden, InvalidRequest
from shared.schemas.context import Principal

_BOM = b"\xef\xbb\xbf"


class _Named(msgspec.Struct):
    model: Any = None


_named = msgspec.json.Decoder(_Named)


def model_of(body: bytes) -> str:
    """Return the model that a JSON body names at its top, or an empty string; never fails."""
    try:
        model = _named.decode(body).model
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""
    return model if isinstance(model, str) else ""


def looks_like_json(content_type: str, beginning: bytes) -> bool:
    """Tell whether a provider might read the body as JSON, whatever its content type says."""
    if "json" in content_type.lower():
        return True
    text = beginning[:64].decode(json.detect_encoding(beginning[:4]), "ignore")
    return text.lstrip("\ufeff \t\r\n").startswith("{")


def models_named(body: bytes) -> tuple[str, ...]:
    """Return every model that a JSON body asks for, those of a batch's requests included.

    Raises `InvalidRequest` where two readers could see different models: JSON that is not UTF-8, not an object,
    or has a name twice.
    """
    try:
        document = json.loads(body.removeprefix(_BOM).decode(), object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise InvalidRequest("The request body is not valid JSON in UTF-8, so its model cannot be read.") from None
    if not isinstance(document, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    asked = [document.get("model")]
    models = document.get("models")
    asked += models if isinstance(models, list) else []
    requests = document.get("requests")
    for request in requests if isinstance(requests, list) else []:
        params = request.get("params") if isinstance(request, dict) else None
        asked.append(params.get("model") if isinstance(params, dict) else None)
    return tuple(model for model in asked if isinstance(model, str))


def check_models(principal: Principal, models: tuple[str, ...], vendor: str | None = None) -> None:
    """Raise `Forbidden` for the first model that the key may not use; `vendor` is whose models they are, if known."""
    for model in models:
        if not principal.may_use(model, (f"{vendor}/{model}",) if vendor else ()):
            raise Forbidden(f"This API key may not use the model '{model}'.", param="model", code="model_not_allowed")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise InvalidRequest("A name stands twice in one object of the request body.")
    return result
