"""The bodies of the `/credentials` routes: LiteLLM's `CreateCredentialItem` and `UpdateCredentialItem`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.admin.domain.addresses import checked_base
from services.admin.domain.fields import FieldPolicy, Fields
from services.admin.domain.masking import MASK, is_secret
from services.admin.domain.secrets import is_reference, read_secret

VALUES = FieldPolicy(frozenset({"api_base", "api_key"}), {}, frozenset())
"""What a deployment takes from a credential."""

_NEW = FieldPolicy(
    frozenset({"credential_info", "credential_name", "credential_values", "display_name", "model_id"}), {}, frozenset()
)
_CHANGE = FieldPolicy(_NEW.known | {"credential_values_to_delete"}, {}, frozenset())


@dataclass(frozen=True, slots=True)
class CredentialBody:
    """What was asked for; values in clear, to be sealed at once."""

    name: str
    display_name: str | None
    """None where the body does not speak of it."""
    info: dict[str, Any]
    values: dict[str, str]
    removed: frozenset[str]
    """Values that are taken away."""
    model_id: str
    """A deployment whose credential is copied."""

    def __repr__(self) -> str:
        return f"CredentialBody({self.name!r})"


def read_new_credential(body: Mapping[str, Any]) -> CredentialBody:
    """Return what a body asks for; raise `InvalidRequest` that names the field."""
    _NEW.sort_out(body)
    fields = Fields(body)
    fields.needed_text("credential_name")
    found = _read(fields)
    if not found.values and not found.model_id:
        fields.wrong("credential_values", "must hold an 'api_key', or 'model_id' must name a deployment")
    return found


def read_credential_change(body: Mapping[str, Any], name: str) -> CredentialBody:
    """Return what a body changes of the credential of that name; a value that is null is taken away."""
    _CHANGE.sort_out(body)
    fields = Fields(body)
    if fields.text("credential_name") not in ("", name):
        fields.wrong("credential_name", "cannot be changed; deployments refer to it")
    return _read(fields)


def shown_values(values: Mapping[str, str]) -> dict[str, str]:
    """Return values as they may be shown."""
    return {name: value if name == "api_base" or is_reference(value) else MASK for name, value in values.items()}


def _read(fields: Fields) -> CredentialBody:
    given, info = fields.mapping("credential_values"), fields.mapping("credential_info")
    VALUES.sort_out(given, "credential_values")
    for name in info:
        if is_secret(name):
            Fields(info, "credential_info").wrong(name, "would hold a secret, which belongs in credential_values")
    removed = frozenset(name for name, value in given.items() if value is None)
    return CredentialBody(
        name=fields.text("credential_name"),
        display_name=fields.text("display_name") if fields.says("display_name") else None,
        info=info,
        values=_values(Fields(given, "credential_values")),
        removed=removed | frozenset(fields.texts("credential_values_to_delete")),
        model_id=fields.text("model_id"),
    )


def _values(given: Fields) -> dict[str, str]:
    values = {
        "api_key": read_secret(given, "api_key"),
        "api_base": checked_base(given.text("api_base", longest=2048), given.path("api_base")),
    }
    return {name: value for name, value in values.items() if value}
