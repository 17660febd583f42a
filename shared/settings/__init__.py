"""The configuration file and what a process is told by its environment."""

from shared.settings.file import Configuration
from shared.settings.guardrails import GuardrailSettings
from shared.settings.load import load
from shared.settings.models import Deployment, ModelGroup
from shared.settings.problems import ConfigurationError
from shared.settings.providers import ProviderAccess
from shared.settings.runtime import NatsAccess, Runtime

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Deployment",
    "GuardrailSettings",
    "ModelGroup",
    "NatsAccess",
    "ProviderAccess",
    "Runtime",
    "load",
]
