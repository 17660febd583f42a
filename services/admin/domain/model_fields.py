"""The bodies of `/model/new` and `/model/update`: LiteLLM's `Deployment` and `updateDeployment`.

An update is read as a new deployment whose body is the stored one's with what changes in it, so both follow the same
rules. `docs/compatibility.md` lists the fields.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_args

from services.admin.domain.addresses import checked_base
from services.admin.domain.fields import FieldPolicy, Fields, nearest, says_nothing
from services.admin.domain.litellm_params import PARAMS, PRICES, is_price
from services.admin.domain.masking import is_secret
from services.admin.domain.secrets import read_secret
from shared.settings.models import Deployment
from shared.store.models import ModelRecord

PROVIDERS: tuple[str, ...] = get_args(Deployment.model_fields["provider"].annotation)
"""Those that the configuration file knows."""

_FAMILIES = {
    "anthropic": ("claude-",),
    "openai": ("gpt-", "chatgpt-", "o1", "o3", "o4"),
}
"""Names that tell their provider, as in LiteLLM, where `model` names none."""

_BODY = FieldPolicy(
    known=frozenset({"blocked", "model_name", "litellm_params", "model_info"}), refused={}, kept=frozenset()
)
_CHANGE = FieldPolicy(_BODY.known | {"id"}, {}, frozenset())
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}")
_FROM_ENVIRONMENT = "env/"
"""Ids of deployments that provider keys in the environment switch on begin so."""

_RESTRICTING_INFO: dict[str, Any] = {
    "access_windows": None,
    "enable_tag_filtering": False,
    "team_id": None,
    "team_public_model_name": None,
}
_SERVER_MADE = frozenset({"blocked", "created_at", "created_by", "db_model", "id", "updated_at", "updated_by"})
_TIMEOUTS = (("timeout", "total"), ("stream_timeout", "first_token"))
"""LiteLLM's `timeout` is the whole call, `stream_timeout` a stream's first token."""
_MAX_TIMEOUT = 86_400.0
_MAX_WEIGHT = 1_000_000.0


@dataclass(frozen=True, slots=True)
class NewModel:
    """What was asked for; `api_key` in clear, to be sealed at once."""

    id: str
    """The caller's choice of id; empty for one that the server makes."""
    name: str
    provider: str
    model: str
    api_base: str
    api_key: str | None
    """None where the update does not speak of it; empty for none."""
    credential_name: str
    blocked: bool
    rpm: int | None
    tpm: int | None
    weight: float
    timeouts: dict[str, float]
    prices: dict[str, str]
    params: dict[str, Any]
    info: dict[str, Any]
    ignored: tuple[str, ...]

    def __repr__(self) -> str:
        return f"NewModel({self.id!r}, {self.name!r})"


def changed_body(record: ModelRecord, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body that a stored deployment would be made of after an update; null takes a field away.

    Its credential is in it only if the update speaks of it.
    """
    given = Fields(body)
    _CHANGE.sort_out(body)
    wanted, info = given.mapping("litellm_params"), given.mapping("model_info")
    # A price may stand in either object, and the new word about it counts, wherever it is.
    priced = PRICES & (wanted.keys() | info.keys())
    before = {name: value for name, value in _params_of(record).items() if name not in priced}
    if wanted.get("model") is not None:
        # The new name tells its own provider.
        del before["custom_llm_provider"]
    if info.get("id") not in (None, record.id):
        Fields(info, "model_info").wrong("id", "cannot be changed; it is what the ledger knows the deployment by")
    return {
        "model_name": record.model_name if body.get("model_name") is None else body["model_name"],
        "litellm_params": before | wanted,
        "model_info": {name: value for name, value in record.model_info.items() if name not in priced} | info,
        "blocked": body["blocked"] if "blocked" in body else info.get("blocked", record.blocked),
    }


def _params_of(record: ModelRecord) -> dict[str, Any]:
    return {
        **record.litellm_params,
        **{name: record.timeouts[clock] for name, clock in _TIMEOUTS if clock in record.timeouts},
        **record.prices,
        "model": record.model,
        "custom_llm_provider": record.provider,
        "api_base": record.api_base,
        "weight": record.weight,
        "rpm": record.rpm,
        "tpm": record.tpm,
        "litellm_credential_name": record.credential_name,
    }


def read_new_model(body: Mapping[str, Any]) -> NewModel:
    """Return what a body asks for; raise `InvalidRequest` that names the field."""
    _BODY.sort_out(body)
    fields = Fields(body)
    name = fields.needed_text("model_name")
    if "litellm_params" not in fields:
        fields.wrong("litellm_params", "is missing; it must be an object")
    given, info = fields.mapping("litellm_params"), fields.mapping("model_info")
    params = Fields(given, "litellm_params")
    kept = _sorted_params(given)
    provider, model = _provider_and_model(params)
    other_prices = [f"litellm_params.{name}" for name in kept]
    return NewModel(
        id=_id(info),
        name=name,
        provider=provider,
        model=model,
        api_base=checked_base(params.text("api_base", longest=2048), "litellm_params.api_base"),
        api_key=read_secret(params, "api_key") if "api_key" in given else None,
        credential_name=params.text("litellm_credential_name"),
        blocked=fields.flag("blocked") or Fields(info, "model_info").flag("blocked"),
        rpm=params.whole("rpm"),
        tpm=params.whole("tpm"),
        weight=_weight(params),
        timeouts=_timeouts(params),
        prices=_prices(info, "model_info") | _prices(given, "litellm_params"),
        params=kept,
        info=_info(info),
        ignored=(*other_prices, *(["model_info.base_model"] if not says_nothing(info.get("base_model")) else [])),
    )


def _sorted_params(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters that are kept without a meaning."""
    for name, value in given.items():
        secret = None if name == "api_key" else _secret_in(name, value)
        if secret is not None:
            Fields(given, "litellm_params").wrong(secret, "would hold a credential of a kind that is not supported yet")
    prices = {name: value for name, value in given.items() if is_price(name) and name not in PRICES}
    kept = PARAMS.sort_out({name: value for name, value in given.items() if name not in prices}, "litellm_params")
    return kept | {name: value for name, value in prices.items() if not says_nothing(value)}


def _secret_in(name: str, value: Any) -> str | None:
    """Return the path of the first secret-looking name that holds something, by depth."""
    if is_secret(name) and not is_price(name) and not says_nothing(value, False):
        return name
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for inner, item in pairs:
        found = _secret_in(str(inner), item)
        if found is not None:
            return f"{name}.{found}"
    return None


def _provider_and_model(params: Fields) -> tuple[str, str]:
    model = params.needed_text("model")
    provider = params.text("custom_llm_provider")
    before, slash, after = model.partition("/")
    if slash and before in PROVIDERS and provider in ("", before):
        return before, _named(params, after)
    if provider:
        if provider not in PROVIDERS:
            params.wrong("custom_llm_provider", f"'{provider}' is not supported{_choices(provider)}")
        return provider, model
    if slash:
        params.wrong("model", f"names the provider '{before}', which is not supported{_choices(before)}")
    family = family_of(model)
    if not family:
        params.wrong("model", "must name its provider, for example 'openai/gpt-4o-mini' or 'anthropic/claude-opus-4-1'")
    return family, model


def family_of(model: str) -> str:
    """Return the provider whose own name of a model this is; empty where the name does not tell."""
    return next((known for known, beginnings in _FAMILIES.items() if model.startswith(beginnings)), "")


def _named(params: Fields, model: str) -> str:
    if not model:
        params.wrong("model", "names a provider but no model")
    return model


def _choices(provider: str) -> str:
    return nearest(provider, PROVIDERS) or f"; Tollway has {', '.join(PROVIDERS)}"


def _weight(params: Fields) -> float:
    weight = params.amount("weight")
    if weight is not None and weight > _MAX_WEIGHT:
        params.wrong("weight", f"must not be larger than {_MAX_WEIGHT:.0f}")
    return 1.0 if weight is None else weight


def _timeouts(params: Fields) -> dict[str, float]:
    found = {}
    for name, clock in _TIMEOUTS:
        seconds = params.amount(name)
        if seconds is None:
            continue
        if not 0 < seconds <= _MAX_TIMEOUT:
            params.wrong(name, f"must be more than 0 and at most {_MAX_TIMEOUT:.0f} seconds")
        found[clock] = seconds
    return found


def _prices(given: Mapping[str, Any], within: str) -> dict[str, str]:
    """Return the prices that Tollway applies as decimal text, exactly as they were given."""
    fields = Fields(given, within)
    found = {}
    for name in sorted(PRICES):
        amount = fields.amount(name)
        if amount is not None:
            found[name] = repr(amount)
    return found


def _id(info: Mapping[str, Any]) -> str:
    fields = Fields(info, "model_info")
    id = fields.text("id")
    if id and (not _ID.fullmatch(id) or id.startswith(_FROM_ENVIRONMENT)):
        fields.wrong(
            "id", f"must be letters, digits and '._:/@+-', at most 128, not beginning with '{_FROM_ENVIRONMENT}'"
        )
    return id


def _info(info: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of `model_info`, whose names are free; null keeps nothing."""
    fields = Fields(info, "model_info")
    fields.texts("access_groups")
    for name, value in info.items():
        if not says_nothing(value, _RESTRICTING_INFO.get(name)) and name in _RESTRICTING_INFO:
            fields.wrong(name, "is not supported yet, and leaving it out would permit more than was asked for")
        secret = _secret_in(name, value)
        if secret is not None:
            fields.wrong(secret, "would hold a credential, which belongs in litellm_params.api_key")
    return {name: value for name, value in info.items() if name not in _SERVER_MADE and value is not None}
