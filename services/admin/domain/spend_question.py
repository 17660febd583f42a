"""The body of `/spend/calculate`: a request that is not sent yet, or an answer that came. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.admin.domain.fields import FieldPolicy, Fields
from shared.pricing.estimate import estimate_input, estimated_usage
from shared.pricing.usage import Usage
from shared.wire import anthropic, openai

_BODY = FieldPolicy(frozenset({"completion_response", "messages", "model"}), {}, frozenset())


@dataclass(frozen=True, slots=True)
class SpendQuestion:
    """What is asked."""

    model: str
    """A model group, or a provider's own name of a model."""
    usage: Usage | None
    """What the answer says that it used; None where there is no answer yet."""
    prompt: bytes
    """A request's body with the messages."""

    def used(self, tokenized_as: str) -> Usage:
        """Return what was used, or what the messages are by our own count, as a model of that name reads them."""
        return self.usage or estimated_usage(estimate_input(self.prompt, "openai", tokenized_as), 0)


def read_question(body: Mapping[str, Any]) -> SpendQuestion:
    """Return the question; raise `InvalidRequest` that names the field. An answer counts before messages."""
    _BODY.sort_out(body)
    fields = Fields(body)
    answer = fields.mapping("completion_response")
    if not answer and not isinstance(fields["messages"], list):
        fields.wrong("messages", "must be a list of messages where there is no 'completion_response'")
    model = fields.text("model") or Fields(answer, "completion_response").text("model")
    if not model:
        fields.wrong("model", "is missing; it must name a model")
    usage = _usage_in(answer) if answer else None
    if answer and usage is None:
        fields.wrong("completion_response", "says nothing of what was used; 'usage' must be in it")
    return SpendQuestion(model, usage, msgspec.json.encode({"messages": fields["messages"]}))


def _usage_in(answer: Mapping[str, Any]) -> Usage | None:
    """Return the usage of an answer in OpenAI's or Anthropic's dialect; None where there is none that makes sense."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    if answer.get("type") == "message":
        return anthropic.usage_of(usage)
    return openai.usage_of(usage, answer.get("service_tier"))
