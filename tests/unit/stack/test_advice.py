"""What `tollway check` says about a configuration that is valid."""

from pathlib import Path
from typing import Any

from shared.settings import Configuration
from tollway.stack.advice import unknown_models, unserved


def model(name: str, *deployments: dict[str, Any]) -> dict[str, Any]:
    """Return a model group over openai."""
    return {"model_name": name, "deployments": [{"provider": "openai", "model": "m"} | item for item in deployments]}


def configuration(**sections: Any) -> Configuration:
    """Return a configuration of these sections."""
    return Configuration.model_validate(sections)


def test_a_model_whose_deployments_have_no_credential_is_named_with_the_reason(tmp_path: Path) -> None:
    """References are followed, but for those to Vault; a deployment with an address of its own may need no key."""
    (tmp_path / "here").write_text("sk-1")
    found = unserved(
        configuration(
            models=[
                model("plain", {}),
                model("half", {"api_key": "os.environ/GONE"}, {"api_key": "os.environ/THERE"}),
                model("file", {"api_key": "file/here"}, {"api_key": "file/gone"}),
                model("local", {"api_base": "http://127.0.0.1:1"}),
                model("good", {"api_key": "sk-2"}),
                model("vault", {"api_key": "vault/a#b"}),
            ],
            credentials={
                "environment": ["GONE", "THERE"],
                "folder": str(tmp_path),
                "vault": {"address": "https://127.0.0.1:1", "token": "t"},
            },
        ),
        {"THERE": "sk-3"},
    )
    assert found == [
        "The model 'plain' is not served: the deployment 'plain/0' has no credential, since it states no api_key, "
        "which openai wants.",
        "The model 'half' is only partly served: the deployment 'half/0' has no credential, since the environment has "
        "no variable GONE.",
        "The model 'file' is only partly served: the deployment 'file/1' has no credential, since the file gone cannot "
        "be read: No such file or directory.",
    ]


def test_models_that_only_lists_name_are_told() -> None:
    """Groups, access groups, wildcards, LiteLLM's words, aliases and the demo model are no slips of the pen."""
    known = model("chat", {"access_groups": ["fast"], "api_key": "k"})
    team = {
        "team_id": "t",
        "models": ["chat", "fast", "openai/*", "all-proxy-models", "demo", "short", "caht"],
        "model_aliases": {"short": "chat"},
        "members": [{"user_id": "u", "allowed_models": ["slow"]}],
    }
    sections = {"models": [known], "teams": [team], "users": [{"user_id": "u", "models": ["gpt-4.1"]}]}
    assert [line.partition(", which")[0] for line in unknown_models(configuration(**sections), {})] == [
        "The user u may use the model 'gpt-4.1'",
        "The team t may use the model 'caht'",
        "The member u of team t may use the model 'slow'",
    ]
    with_key = unknown_models(configuration(**sections), {"OPENAI_API_KEY": "sk-4"})
    assert not any("gpt-4.1" in line for line in with_key)
