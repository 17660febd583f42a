"""Where a deployment's price comes from: the deployment, the operator's file, the table, or nowhere."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from shared.pricing import snapshot
from shared.pricing.dollars import FIELDS, always, service_tiers
from shared.pricing.prices import UNPRICED, Price
from shared.settings.models import Deployment
from shared.settings.problems import ConfigurationError

DEMO_PRICES = {"input_cost_per_token": "1e-6", "output_cost_per_token": "2e-6"}
"""What the built-in demo model pretends to cost, so that a first request shows a cost in the ledger."""


class PriceTable:
    """Knows the price of every deployment, as of the moment it was made."""

    def __init__(self, file: Path | None = None, *, as_of: float | None = None) -> None:
        """Read the operator's file, if there is one; raise `ConfigurationError` when it cannot be used.

        `as_of` (Unix seconds, now unless set) decides between prices that change on a day.
        """
        self._as_of = time.time() if as_of is None else as_of
        self._file = file
        self._own = _read(file) if file else {}

    def price_of(self, deployment: Deployment) -> Price:
        """Return the price of a deployment, or `UNPRICED`.

        Prices that the deployment states stand alone: nothing is mixed in from another source. Else the
        operator's file answers, then the table of the package. The first question about a real provider's
        model imports that table; `load` does it beforehand.
        """
        stated = {name: getattr(deployment, name, None) for name in FIELDS}
        if tiers := service_tiers(stated):
            return Price("override", always(tiers), self._as_of)
        for name in (f"{deployment.provider}/{deployment.model}", deployment.model):
            if tiers := service_tiers(self._own.get(name, {})):
                return Price(f"file/{name}", always(tiers), self._as_of)
        if deployment.provider == "demo":
            return Price("demo", always(service_tiers(DEMO_PRICES)), self._as_of)
        found = snapshot.find(deployment.model, deployment.provider, deployment.api_base)
        if found is None or not (periods := snapshot.compile_model(*found)):
            return UNPRICED
        return Price(f"{snapshot.version()}:{found[0].id}/{found[1].id}", periods, self._as_of)

    def most_output(self, deployment: Deployment) -> int | None:
        """Return the tokens that a deployment's model writes at most: as it says, or as the operator's file does.

        The package's table does not know. Files in LiteLLM's form have it as `max_output_tokens`.
        """
        if deployment.max_output_tokens is not None:
            return deployment.max_output_tokens
        for name in (f"{deployment.provider}/{deployment.model}", deployment.model):
            stated = self._own.get(name, {}).get("max_output_tokens")
            if isinstance(stated, int) and stated > 0:
                return stated
        return None

    def load(self) -> None:
        """Import the package's table now, so that no later question holds the event loop for it."""
        snapshot.load()

    def context_window(self, deployment: Deployment) -> int | None:
        """Return the tokens that a deployment's model takes in; None where the package's table does not say."""
        found = snapshot.find(deployment.model, deployment.provider, deployment.api_base)
        return found[1].context_window if found is not None else None

    def models(self, provider: str) -> list[str]:
        """Return the names of the chat models of a provider (`openai`, `anthropic`) that the table knows."""
        return snapshot.chat_models(provider)


def _read(file: Path) -> Mapping[str, Mapping[str, Any]]:
    try:
        document = yaml.safe_load(file.read_text())
    except OSError as error:
        raise ConfigurationError(f"The price file {file} cannot be read: {error.strerror}.") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"The price file {file} is neither JSON nor YAML: {error}") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"The price file {file} must map names of models to their prices.")
    return {str(name): _checked(file, str(name), entry) for name, entry in document.items()}


def _checked(file: Path, name: str, entry: object) -> Mapping[str, Any]:
    if not isinstance(entry, dict):
        raise ConfigurationError(f"The price file {file} has no mapping of prices under '{name}'.")
    return {field: _number(file, name, field, value) if "cost" in field else value for field, value in entry.items()}


def _number(file: Path, name: str, field: str, value: object) -> object:
    """Return the price; YAML reads `1e-6` as text, so text that is a number counts as one."""
    if isinstance(value, dict | list | None):
        return None
    try:
        number = float(str(value))
    except ValueError:
        number = -1.0
    if not 0 <= number < 1e6:
        raise ConfigurationError(f"The price file {file} has no price in dollars under '{name}', '{field}': {value!r}.")
    return str(value)
