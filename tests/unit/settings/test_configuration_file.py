"""What a configuration file may say, and how its mistakes are told."""

from pathlib import Path

import pytest

from shared.settings import Configuration, ConfigurationError, load

DEMO = {"TOLLWAY_DEMO_URL": "http://127.0.0.1:9100", "TOLLWAY_DEMO_KEY": "sk-demo"}


@pytest.fixture
def written(tmp_path: Path) -> "Written":
    """Return what writes a file and gives its path."""
    return Written(tmp_path / "tollway.yaml")


class Written:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, text: str) -> Path:
        self.path.write_text(text)
        return self.path


def problems(path: Path, env: dict[str, str] | None = None) -> list[str]:
    """Return the problems of a file, each without the folder's name."""
    with pytest.raises(ConfigurationError) as error:
        load(path, env or {})
    return [line.replace(f"{path.parent}/", "") for line in str(error.value).splitlines()]


def test_no_file_means_the_defaults() -> None:
    """Without a file and an environment everything has its default."""
    assert load(None, {}) == Configuration()


def test_an_empty_file_means_the_defaults(written: Written) -> None:
    """A file that says nothing is valid."""
    assert load(written("# nothing yet\n"), {}) == Configuration()


def test_every_problem_is_told_with_its_line(written: Written) -> None:
    """All mistakes of a file come at once, in the order of the file, each with its place."""
    path = written(
        """\
server:
  prot: 4000
models:
  - model_name: fast
    deployments:
      - provider: opnai
        model: gpt-5
        api_key: ${NOPE}
        wieght: 2
max_in_hand: many
"""
    )
    assert problems(path) == [
        "tollway.yaml:2: 'server.prot' is not a setting. Did you mean 'port'?",
        "tollway.yaml:6: 'models[0].deployments[0].provider': input should be 'openai', 'anthropic' or 'demo'.",
        "tollway.yaml:8: 'models[0].deployments[0].api_key' refers to ${NOPE}, which the environment does not have.",
        "tollway.yaml:9: 'models[0].deployments[0].wieght' is not a setting. Did you mean 'weight'?",
        "tollway.yaml:10: 'max_in_hand': input should be a valid integer, unable to parse string as an integer.",
    ]


def test_a_missing_variable_is_one_mistake(written: Written) -> None:
    """What its empty value would break is no second one; what else is wrong beside it is told."""
    path = written("keys:\n  - {key_alias: ci, key: '${CI_KEY}', rpm_limit: many}\n  - {key_alias: b, key: short}\n")
    assert problems(path) == [
        "tollway.yaml:2: 'keys[0].key' refers to ${CI_KEY}, which the environment does not have.",
        "tollway.yaml:2: 'keys[0].rpm_limit': input should be a valid integer, unable to parse string as an integer.",
        "tollway.yaml:3: 'keys[1]': the key 'b' must begin with 'sk-' and have 16 ASCII characters or more.",
    ]


def test_the_wrong_kind_of_value_is_told_in_words_of_yaml(written: Written) -> None:
    """A section without anything in it, for instance; Python's types mean nothing to who writes the file."""
    assert problems(written("users:\nteams: {a: 1}\nkeys: [ci]\ndefaults:\n")) == [
        "tollway.yaml:1: 'users': input should be a list.",
        "tollway.yaml:2: 'teams': input should be a list.",
        "tollway.yaml:3: 'keys[0]': input should be a mapping of settings.",
        "tollway.yaml:4: 'defaults': input should be a mapping of settings.",
    ]


def test_a_setting_written_twice_is_refused(written: Written) -> None:
    """YAML would keep the last one and say nothing."""
    path = written("server:\n  port: 4000\n  port: 5000\n")
    assert problems(path) == ["tollway.yaml:3: 'server.port' is written twice; the first one would be forgotten."]


def test_names_are_used_once(written: Written) -> None:
    """Two model groups of one name are one mistake, not one group."""
    group = "  - model_name: fast\n    deployments: [{provider: demo, model: demo}]\n"
    assert problems(written(f"models:\n{group}{group}")) == [
        "tollway.yaml: there are two of the model group 'fast'; each needs a name of its own."
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: [", "tollway.yaml is not valid YAML in line 1: expected the node content, but found '<stream end>'."),
        ("- a\n- b\n", "tollway.yaml must hold a mapping of sections, such as 'models:'."),
    ],
)
def test_what_is_no_mapping_is_one_sentence(written: Written, text: str, says: str) -> None:
    """A file that cannot be read as settings says why."""
    assert problems(written(text)) == [says]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "budgets: [{budget_id: b, budget_duration: soon}]",
            "'budgets[0].budget_duration': use a number and s, m, h, d, w or mo, such as 30d, "
            "or daily, weekly or monthly.",
        ),
        (
            "organizations: [{organization_id: a, max_budget: yes}]",
            "'organizations[0].max_budget': use a number of dollars.",
        ),
        (
            "defaults: {keys: {bounds: {duration: 30 days}}}",
            "'defaults.keys.bounds.duration': use a number and s, m, h, d, w or mo, such as 30d.",
        ),
        (
            'teams: [{team_id: "a\\tb"}]',
            "'teams[0].team_id': leave control characters out of it.",
        ),
        (
            "keys: [{key_alias: k, key_hash: ABC}]",
            "'keys[0].key_hash': use the 64 hexadecimal digits of a SHA-256, in small letters.",
        ),
        (
            "credentials: {vault: {address: 'https://vault', mount: /secret/}}",
            "'credentials.vault.mount': use letters, digits, '_' and '-', with '/' between parts, such as kv/teams.",
        ),
    ],
)
def test_a_text_of_another_form_is_told_as_a_sentence(written: Written, text: str, says: str) -> None:
    """Operators read what to write, and no pattern."""
    assert problems(written(text)) == [f"tollway.yaml:1: {says}"]


def test_a_period_may_go_by_its_name(written: Written) -> None:
    """As in LiteLLM; how long a key works is a number and a unit."""
    assert load(written("budgets: [{budget_id: a, max_budget: 1, budget_duration: monthly}]"), {}).budgets
    assert problems(written("defaults: {keys: {bounds: {duration: monthly}}}"))


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    """It names the file."""
    assert problems(tmp_path / "none.yaml") == ["none.yaml cannot be read: No such file or directory."]


def test_a_value_is_never_part_of_a_message(written: Written) -> None:
    """What stands in the wrong place may be a secret."""
    path = written("models:\n  - model_name: a\n    deployments: sk-secret-in-the-wrong-place\n")
    assert "sk-secret" not in problems(path)[0]


def test_references_are_replaced(written: Written) -> None:
    """`${NAME}` takes the environment's value, also inside a longer one."""
    path = written(
        "models:\n  - model_name: a\n    deployments:\n"
        "      - {provider: openai, model: m, api_key: '${KEY}', api_base: 'https://${HOST}/v1'}\n"
    )
    deployment = load(path, {"KEY": "sk-1", "HOST": "llm.example"}).models[0].deployments[0]
    assert deployment.api_key is not None
    assert (deployment.api_key.get_secret_value(), deployment.api_base) == ("sk-1", "https://llm.example/v1")


def test_a_process_without_need_reads_no_secret(written: Written) -> None:
    """Secrets of the file stay out of processes whose role has no use for them, and their references unasked for."""
    path = written(
        "models:\n  - model_name: a\n    deployments: [{provider: openai, model: m, api_key: '${NOT_THERE}'}]\n"
    )
    assert load(path, {}, with_secrets=False).models[0].deployments[0].api_key is None


def test_the_demo_provider_of_the_environment_is_a_model_group() -> None:
    """It has the stack's own address; its price is in the price table."""
    (group,) = load(None, DEMO).models
    (deployment,) = group.deployments
    assert (group.model_name, deployment.api_base) == ("demo", "http://127.0.0.1:9100")


def test_a_demo_deployment_needs_no_address(written: Written) -> None:
    """A deployment of the provider `demo` goes to the stack's own demo provider, with its key."""
    path = written("models:\n  - model_name: slow\n    deployments: [{provider: demo, model: 'demo;latency=2s'}]\n")
    slow, demo = load(path, DEMO).models
    assert [slow.model_name, demo.model_name] == ["slow", "demo"]
    assert slow.deployments[0].api_base == DEMO["TOLLWAY_DEMO_URL"]
    assert slow.deployments[0].api_key is not None


def test_a_demo_deployment_needs_an_address_where_no_demo_provider_starts(written: Written) -> None:
    """`demo: false` and a demo deployment without `api_base` contradict each other."""
    path = written("demo: false\nmodels:\n  - model_name: a\n    deployments: [{provider: demo, model: demo}]\n")
    assert problems(path) == [
        "tollway.yaml: a deployment of 'a' needs an 'api_base', for 'demo: false' starts no demo provider."
    ]


def test_names_that_no_attempt_could_carry_are_told(written: Written) -> None:
    """A deployment's id and a model group's name have the lengths that `/model/new` takes."""
    path = written(
        f"""\
models:
  - model_name: {"n" * 257}
    deployments:
      - id: {"i" * 129}
        provider: demo
        model: demo
"""
    )
    assert problems(path) == [
        "tollway.yaml:2: 'models[0].model_name': string should have at most 256 characters.",
        "tollway.yaml:4: 'models[0].deployments[0].id': string should have at most 128 characters.",
    ]
