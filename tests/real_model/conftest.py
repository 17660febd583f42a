"""One model and one stack for all tests here, and an account of what was said and what it cost."""

from collections.abc import Iterator

import pytest

from tests.support.account import CACHED_NANOS, INPUT_NANOS, OUTPUT_NANOS, Sale
from tests.support.real_model import ALIAS, API_KEY, RealModel
from tests.support.stack import Stack

_ACCOUNT = pytest.StashKey[list[Sale]]()


def pytest_configure(config: pytest.Config) -> None:
    """Open the account."""
    config.stash[_ACCOUNT] = []


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the account after the tests, for the note of whoever ran them."""
    sales = config.stash[_ACCOUNT]
    if not sales:
        return
    terminalreporter.section("what the model said, and what it cost")
    for sale in sales:
        for line in sale.lines():
            terminalreporter.line(line)
    total = sum(sale.dollars for sale in sales)
    terminalreporter.line(f"{len(sales)} requests, ${total:.9f} in all")


@pytest.fixture(scope="session")
def account(pytestconfig: pytest.Config) -> list[Sale]:
    """The account that is printed after the tests."""
    return pytestconfig.stash[_ACCOUNT]


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealModel]:
    """The model behind its own server."""
    with RealModel(tmp_path_factory.mktemp("model")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(model: RealModel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole of Tollway with the model as its only provider."""
    deployment = {
        "provider": "openai",
        "model": ALIAS,
        "api_base": model.url,
        "api_key": "${REAL_MODEL_KEY}",
        "input_cost_per_token": INPUT_NANOS / 1e9,
        "cache_read_input_token_cost": CACHED_NANOS / 1e9,
        "output_cost_per_token": OUTPUT_NANOS / 1e9,
    }
    config = {"demo": False, "models": [{"model_name": "gemma", "deployments": [deployment]}]}
    with Stack(tmp_path_factory.mktemp("stack"), config=config, env={"REAL_MODEL_KEY": API_KEY}) as running:
        yield running
