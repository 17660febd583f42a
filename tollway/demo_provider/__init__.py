"""A stand-in for OpenAI's and Anthropic's APIs that answers, and misbehaves, as it is asked to.

For demos, tests and benchmarks; `docs/demo-provider.md` is its manual.
"""

from tollway.demo_provider.app import DemoProvider, demo_provider, run
from tollway.demo_provider.unreachable import unreachable

__all__ = ["DemoProvider", "demo_provider", "run", "unreachable"]
