"""LiteLLM's deployments and credentials: decrypted with its salt key, and sealed with Tollway's. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from services.admin.domain.credential_fields import read_new_credential, shown_values
from services.admin.domain.model_fields import read_new_model
from services.admin.domain.secrets import check_reference
from shared.security.sealing import seal
from shared.settings.credentials import CredentialSettings
from shared.store.credentials import CredentialRecord, sealed_values
from shared.store.models import ModelRecord
from tollway.litellm.decryption import NotOpened, SaltKey, sealed_bytes
from tollway.litellm.found import Found, Known, Triple
from tollway.litellm.rows import LeftOut, author, mapping, moment

_SAYS_NOTHING: dict[str, Any] = {
    "merge_reasoning_content_in_choices": False,
    "use_in_pass_through": False,
    "use_litellm_proxy": False,
}
"""Parameters that LiteLLM writes into every deployment, with their defaults."""


class ModelTranslation:
    """Turns rows into sealed records; `salt` is None where nobody said it.

    Both methods raise `LeftOut`, or `InvalidRequest` by the rules of `/model/new` and `/credentials`.
    """

    def __init__(self, salt: SaltKey | None, encryption_key: bytes, settings: CredentialSettings) -> None:
        self._salt = salt
        self._key = encryption_key
        self._settings = settings

    def credential(self, triple: Triple, known: Known) -> Found:
        """Return a credential."""
        row = triple.row
        values = self._opened(mapping(row.get("credential_values")))
        info = {name: value for name, value in mapping(row.get("credential_info")).items() if value is not None}
        body = {"credential_name": row["credential_name"], "credential_values": values, "credential_info": info}
        wanted = read_new_credential(body)
        for name, value in wanted.values.items():
            check_reference(value, f"credential_values.{name}", self._settings)
        record = CredentialRecord(
            id=wanted.name,
            created_at=moment(row.get("created_at")),
            display_name=str(row.get("display_name") or ""),
            info=wanted.info,
            sealed=sealed_values(wanted.name, wanted.values, self._key),
            shown=shown_values(wanted.values),
            created_by=author(row),
        )
        secrets = tuple(f"{name}={value}" for name, value in sorted(wanted.values.items()))
        return Found("credential", record.id, record.id, record, secrets=secrets)

    def model(self, triple: Triple, known: Known) -> Found:
        """Return a deployment."""
        row = triple.row
        params = self._opened(mapping(row.get("litellm_params")))
        given = {
            name: value
            for name, value in params.items()
            if value is not None and (name not in _SAYS_NOTHING or value != _SAYS_NOTHING[name])
        }
        info = mapping(row.get("model_info")) | {"id": row["model_id"]}
        wanted = read_new_model({"model_name": row["model_name"], "litellm_params": given, "model_info": info})
        known.need("credential", wanted.credential_name)
        if wanted.api_key:
            check_reference(wanted.api_key, "litellm_params.api_key", self._settings)
        record = ModelRecord(
            id=wanted.id,
            model_name=wanted.name,
            provider=wanted.provider,
            model=wanted.model,
            created_at=moment(row.get("created_at")),
            api_base=wanted.api_base,
            api_key_sealed=seal(wanted.api_key, self._key, wanted.id) if wanted.api_key else "",
            weight=wanted.weight,
            timeouts=wanted.timeouts,
            prices=wanted.prices,
            litellm_params=wanted.params,
            model_info=wanted.info,
            rpm=wanted.rpm,
            tpm=wanted.tpm,
            credential_name=wanted.credential_name,
            blocked=bool(row.get("blocked")) or wanted.blocked,
            created_by=author(row),
        )
        name = f"{record.model_name} ({record.id})"
        return Found(
            "model", record.id, name, record, secrets=(wanted.api_key or "",), notes=tuple(wanted.ignored)
        )  # fmt: skip

    def _opened(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return values in clear, at any depth."""
        return {name: self._value(value) for name, value in given.items()}

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self._opened(value)
        if isinstance(value, list):
            return [self._value(item) for item in value]
        if not isinstance(value, str) or sealed_bytes(value) is None:
            return value
        if self._salt is None:
            raise LeftOut("It is encrypted, and LITELLM_SALT_KEY is not set.")
        try:
            return self._salt.opened(value)
        except NotOpened:
            raise LeftOut("It does not open under this LITELLM_SALT_KEY.") from None


def encrypted_values(value: Any) -> Iterator[str]:
    """Yield the texts of a column that look encrypted."""
    if isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from encrypted_values(item)
    elif isinstance(value, str) and sealed_bytes(value) is not None:
        yield value
