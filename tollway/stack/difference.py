"""`tollway check --diff`: what a configuration file would change of what runs."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shared.security.keys import key_digest
from shared.settings import Configuration
from shared.settings.declared import DeclaredKey
from tollway.stack.errors import StackError
from tollway.stack.folder import DataFolder

SECONDS = 30.0

NOTHING = "No object and no model would change; other sections are not compared."

_SIGNS = {"create": "+", "change": "~", "remove": "-"}


def differences(configuration: Configuration, data_dir: Path, url: str | None, env: Mapping[str, str]) -> list[str]:
    """Return a line for each object that would be made (`+`), changed (`~`) or removed (`-`); raise `StackError`.

    A sentence for each model follows that an object may use and that exists neither there nor in the configuration.
    """
    address, key = (url, env.get("TOLLWAY_MASTER_KEY", "")) if url else _here(DataFolder(data_dir), env)
    if not key:
        raise StackError("TOLLWAY_MASTER_KEY is not set; it is the master key of what runs there.")
    plan = _asked(f"{address.rstrip('/')}/config/plan", key, declared_sections(configuration))
    unknown = [
        f"The {grant['object']} may use the model '{grant['model']}', which does not exist."
        for grant in plan.get("unknown_models", ())
    ]
    return ([_line(change) for change in plan["changes"]] or [NOTHING]) + unknown


def declared_sections(configuration: Configuration) -> dict[str, Any]:
    """Return what a reload would apply, as JSON: keys by their hash, and no secret of a provider."""
    sections: dict[str, Any] = {
        name: [item.model_dump(mode="json", exclude_defaults=True) for item in getattr(configuration, name)]
        for name in ("budgets", "users", "organizations", "teams", "customers")
    }
    sections["keys"] = [_key(key) for key in configuration.keys]
    sections["models"] = [
        group.model_dump(mode="json", exclude_defaults=True, exclude={"deployments": {"__all__": {"api_key"}}})
        for group in configuration.models
    ]
    return {name: items for name, items in sections.items() if items}


def _key(key: DeclaredKey) -> dict[str, Any]:
    shown = key.model_dump(mode="json", exclude_defaults=True, exclude={"key"})
    if key.key is not None:
        shown["key_hash"] = key_digest(key.key.get_secret_value())
    return shown


def _here(folder: DataFolder, env: Mapping[str, str]) -> tuple[str, str]:
    try:
        run = json.loads(folder.run_file.read_text())
        key = env.get("TOLLWAY_MASTER_KEY") or (folder.secrets / "master_key").read_text().strip()
    except (OSError, ValueError):
        raise StackError(f"Nothing runs in {folder.path}; say where with --data-dir or --url.") from None
    return str(run["url"]), key


def _asked(url: str, key: str, body: dict[str, Any]) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)  # noqa: S310 - the operator's address
    try:
        with urllib.request.urlopen(request, timeout=SECONDS) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise StackError(f"{url} answered with {error.code}: {_message(error)}") from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise StackError(f"{url} cannot be asked: {error}") from None


def _message(error: urllib.error.HTTPError) -> str:
    try:
        return str(json.load(error)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return error.reason


def _line(change: Mapping[str, Any]) -> str:
    fields = f" ({', '.join(change['fields'])})" if change["fields"] else ""
    return f"{_SIGNS[change['action']]} {change['kind']} {change['name']}{fields}"
