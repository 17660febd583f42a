"""What `/model/new` accepts."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.admin.domain.addresses import checked_base
from services.admin.domain.litellm_params import PARAMS, PRICES
from services.admin.domain.model_fields import changed_body, read_new_model
from shared.errors import InvalidRequest
from shared.store.models import ModelRecord


def body(**params: Any) -> dict[str, Any]:
    """Return a request for one deployment."""
    return {"model_name": "fast", "litellm_params": {"model": "openai/gpt-4o", **params}}


@pytest.mark.parametrize(
    ("params", "provider", "model"),
    [
        ({"model": "openai/gpt-4o"}, "openai", "gpt-4o"),
        ({"model": "anthropic/claude-sonnet-4-5"}, "anthropic", "claude-sonnet-4-5"),
        ({"model": "demo/demo"}, "demo", "demo"),
        ({"model": "claude-opus-4-1"}, "anthropic", "claude-opus-4-1"),
        ({"model": "gpt-4o-mini"}, "openai", "gpt-4o-mini"),
        ({"model": "meta/llama-3", "custom_llm_provider": "openai"}, "openai", "meta/llama-3"),
        ({"model": "openai/gpt-4o", "custom_llm_provider": "openai"}, "openai", "gpt-4o"),
        ({"model": "openai/org/model"}, "openai", "org/model"),
    ],
)
def test_a_model_names_its_provider(params: dict[str, Any], provider: str, model: str) -> None:
    """As in LiteLLM: by a prefix, by `custom_llm_provider`, or by a name that everybody knows."""
    wanted = read_new_model(body(**params))
    assert (wanted.provider, wanted.model) == (provider, model)


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"model": "azure/gpt-4o"}, "litellm_params.model"),
        ({"model": "openai/"}, "litellm_params.model"),
        ({"model": "llama"}, "litellm_params.model"),
        ({"model": 5}, "litellm_params.model"),
        ({"model": ""}, "litellm_params.model"),
        ({"custom_llm_provider": "bedrock"}, "litellm_params.custom_llm_provider"),
        ({"api_key": "os.environ/no name"}, "litellm_params.api_key"),
        ({"api_key": "file/../etc/passwd"}, "litellm_params.api_key"),
        ({"api_key": "vault/openai"}, "litellm_params.api_key"),
        ({"api_key": "sk-\n"}, "litellm_params.api_key"),
        ({"api_key": "sk-ü"}, "litellm_params.api_key"),
        ({"api_key": {"$ne": ""}}, "litellm_params.api_key"),
        ({"weight": -1}, "litellm_params.weight"),
        ({"weight": True}, "litellm_params.weight"),
        ({"timeout": 0}, "litellm_params.timeout"),
        ({"stream_timeout": "soon"}, "litellm_params.stream_timeout"),
        ({"input_cost_per_token": -1}, "litellm_params.input_cost_per_token"),
        ({"input_cost_per_token": "inf"}, "litellm_params.input_cost_per_token"),
        ({"rpm": -10}, "litellm_params.rpm"),
        ({"tpm": 1.5}, "litellm_params.tpm"),
        ({"max_budget": 0}, "litellm_params.max_budget"),
        ({"aws_secret_access_key": "x"}, "litellm_params.aws_secret_access_key"),
        ({"extra_headers": {"Authorization": "x"}}, "litellm_params.extra_headers.Authorization"),
        ({"litellm_credential_name": 1}, "litellm_params.litellm_credential_name"),
        ({"api_bse": "x"}, "litellm_params.api_bse"),
    ],
)
def test_what_cannot_be_done_is_refused(params: dict[str, Any], param: str) -> None:
    """The error names the field; limits and credentials of other kinds are never dropped silently."""
    with pytest.raises(InvalidRequest) as refused:
        read_new_model(body(**params))
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "model_name"),
        ({"model_name": "x"}, "litellm_params"),
        ({"model_name": "x", "litellm_params": []}, "litellm_params"),
        ({**body(), "blocked": "yes"}, "blocked"),
        ({**body(), "model_info": {"access_groups": "beta"}}, "model_info.access_groups"),
        ({**body(), "model_infos": {}}, "model_infos"),
        ({**body(), "model_info": {"id": "a b"}}, "model_info.id"),
        ({**body(), "model_info": {"id": "env/openai/x"}}, "model_info.id"),
        ({**body(), "model_info": {"team_id": "t"}}, "model_info.team_id"),
        ({**body(), "model_info": {"api_key": "x"}}, "model_info.api_key"),
    ],
)
def test_the_object_around_is_checked_too(given: dict[str, Any], param: str) -> None:
    """Missing objects, wrong types and teams' models are refused."""
    with pytest.raises(InvalidRequest) as refused:
        read_new_model(given)
    assert refused.value.param == param


def test_all_that_is_asked_for_is_read() -> None:
    """Prices stay as they were given, clocks get their names, the rest is kept and named."""
    wanted = read_new_model(
        {
            "model_name": "fast",
            "litellm_params": {
                "model": "openai/gpt-4o",
                "api_base": "https://api.example.com/v1/",
                "api_key": "sk-provider",
                "weight": 2,
                "timeout": "30",
                "stream_timeout": 5,
                "input_cost_per_token": 2.5e-06,
                "output_cost_per_token": "0.00001",
                "output_cost_per_image": 0.04,
                "temperature": 0.5,
                "drop_params": False,
            },
            "model_info": {
                "id": "d-1",
                "output_cost_per_token": 9,
                "mode": "chat",
                "created_by": "me",
            },
        }
    )
    assert (wanted.id, wanted.api_base, wanted.api_key) == ("d-1", "https://api.example.com/v1", "sk-provider")
    assert (wanted.weight, wanted.timeouts) == (2.0, {"total": 30.0, "first_token": 5.0})
    assert wanted.prices == {"input_cost_per_token": "2.5e-06", "output_cost_per_token": "1e-05"}
    assert wanted.params == {"temperature": 0.5, "output_cost_per_image": 0.04}
    assert wanted.ignored == ("litellm_params.temperature", "litellm_params.output_cost_per_image")
    assert wanted.info == {"output_cost_per_token": 9, "mode": "chat"}
    assert "sk-provider" not in repr(wanted)


@given(price=st.floats(0, 1e3))
def test_a_price_is_kept_to_the_last_digit(price: float) -> None:
    """Its decimal text reads as the same number."""
    wanted = read_new_model(body(input_cost_per_token=price))
    assert float(wanted.prices["input_cost_per_token"]) == price


@pytest.mark.parametrize(
    "base",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://169.254.0.1:8080",
        "http://[fe80::1]/v1",
        "http://[::ffff:169.254.169.254]/",
        "http://[fd00:ec2::254]/",
        "http://2852039166/",
        "http://0xA9FEA9FE/",
        "http://0251.0376.0251.0376/",
        "http://169.254.169.254./",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
        "ftp://example.com",
        "file:///etc/passwd",
        "example.com/v1",
        "http://",
        "http://user:pass@example.com",
        "http://example.com/?x=1",
        "http://example.com/#f",
        "http://example.com:99999",
        "http://exa\\mple.com",
        "http://[::1",
    ],
)
def test_an_address_that_leads_astray_is_refused(base: str) -> None:
    """Link-local and metadata addresses in any spelling, and what is no plain URL."""
    with pytest.raises(InvalidRequest) as refused:
        checked_base(base, "litellm_params.api_base")
    assert refused.value.param == "litellm_params.api_base"


@pytest.mark.parametrize(
    "base", ["https://api.openai.com/v1", "http://127.0.0.1:8080", "http://vllm:8000/v1", "http://10.0.0.7"]
)
def test_an_operators_own_address_is_accepted(base: str) -> None:
    """Private networks are where self-hosted models live."""
    assert checked_base(base + "/", "x") == base


@given(base=st.text(max_size=40) | st.text(max_size=30).map("http://".__add__))
def test_any_text_is_an_address_or_refused(base: str) -> None:
    """Nothing else is raised."""
    with suppress(InvalidRequest):
        assert checked_base(base, "x") in ("", base.rstrip("/"))


def test_prices_that_are_applied_are_those_of_the_configuration_file() -> None:
    """One list for both, so that a deployment costs the same wherever it is declared."""
    assert {"input_cost_per_token", "output_cost_per_token", "cache_creation_input_token_cost"} <= PRICES
    assert PARAMS.known >= PRICES


STORED = ModelRecord(
    "d-1",
    "fast",
    "openai",
    "gpt-4o",
    1.0,
    api_base="https://api.example.com/v1",
    api_key_sealed="tw1:sealed",
    weight=2.0,
    timeouts={"total": 30.0},
    prices={"input_cost_per_token": "1e-06"},
    litellm_params={"temperature": 0.5},
    model_info={"mode": "chat", "access_groups": ["beta"], "input_cost_per_token": 1e-06},
    rpm=60,
)


def test_an_empty_update_changes_nothing() -> None:
    """A deployment read as a body and back is the same, and its credential is not spoken of."""
    wanted = read_new_model(changed_body(STORED, {}))
    assert (wanted.name, wanted.provider, wanted.model) == ("fast", "openai", "gpt-4o")
    assert (wanted.api_base, wanted.weight, wanted.rpm, wanted.tpm) == (STORED.api_base, 2.0, 60, None)
    assert (wanted.timeouts, wanted.prices) == (STORED.timeouts, STORED.prices)
    assert (wanted.params, wanted.info) == (STORED.litellm_params, STORED.model_info)
    assert wanted.api_key is None


def test_null_takes_away_and_absent_leaves() -> None:
    """Each field by itself, in both objects."""
    params = {"rpm": None, "api_key": None, "timeout": None, "temperature": None, "input_cost_per_token": None}
    wanted = read_new_model(
        changed_body(STORED, {"litellm_params": params, "model_info": {"access_groups": None}, "blocked": True})
    )
    assert (wanted.rpm, wanted.api_key, wanted.timeouts, wanted.params) == (None, "", {}, {})
    assert (wanted.prices, wanted.info, wanted.blocked) == ({}, {"mode": "chat"}, True)
    assert wanted.weight == 2.0


@pytest.mark.parametrize(
    ("params", "provider", "model"),
    [
        ({"model": "anthropic/claude-opus-4-1"}, "anthropic", "claude-opus-4-1"),
        ({"model": "gpt-4o-mini"}, "openai", "gpt-4o-mini"),
        ({"custom_llm_provider": "demo"}, "demo", "gpt-4o"),
    ],
)
def test_an_updated_model_names_its_provider(params: dict[str, Any], provider: str, model: str) -> None:
    """The new name tells its own, and a new provider alone keeps the name."""
    wanted = read_new_model(changed_body(STORED, {"litellm_params": params}))
    assert (wanted.provider, wanted.model) == (provider, model)


def test_a_new_price_counts_in_whichever_object_it_stands() -> None:
    """A price in `model_info` replaces one that was given in `litellm_params` before."""
    wanted = read_new_model(changed_body(STORED, {"model_info": {"input_cost_per_token": 5e-06}}))
    assert wanted.prices == {"input_cost_per_token": "5e-06"}


def test_the_id_of_a_deployment_lasts() -> None:
    """The ledger knows it by that."""
    with pytest.raises(InvalidRequest) as refused:
        changed_body(STORED, {"model_info": {"id": "d-2"}})
    assert refused.value.param == "model_info.id"
