import pickle

import pytest

from services.router.translate import translator
from services.router.translate.registry import TRANSLATORS
from shared.errors import Dialect

BODY = b'{"model": "g", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}], "tags": ["a"]}'
ANSWERS = {
    "openai": b'{"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": 1}}',
    "anthropic": b'{"type": "message", "content": [{"type": "text", "text": "x"}], "usage": {"input_tokens": 1}}',
}


@pytest.mark.parametrize(("client", "provider"), sorted(TRANSLATORS))
def test_what_crosses_processes_can_be_pickled(client: Dialect, provider: Dialect) -> None:
    """Large bodies are translated in another process: requests and answers survive the way."""
    ask = translator(client, provider).ask(BODY, "m", stream=False)
    whole = translator(client, provider).whole(ask, ANSWERS[provider], "g")
    assert pickle.loads(pickle.dumps((ask, whole))) == (ask, whole)


def test_every_pair_has_a_translation() -> None:
    """Both dialects over both, all four."""
    assert len(TRANSLATORS) == 4
