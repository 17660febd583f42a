"""A real language model behind an OpenAI-compatible server, as a process of its own."""

import contextlib
import json
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tollway.stack.servers import free_port

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-real-model" / "bin" / "python"
"""Where `make test-real-model` installs the model and its server."""
ALIAS = "gemma-3-270m"
API_KEY = "sk-of-the-real-model"
START_SECONDS = 90.0


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens that the server worked through; `prompt` includes those that came from its cache."""

    prompt: int
    cached: int
    completion: int

    def __sub__(self, other: "Tokens") -> "Tokens":
        return Tokens(self.prompt - other.prompt, self.cached - other.cached, self.completion - other.completion)


class RealModel:
    """Starts the server in a folder of its own, asks it directly, and reads what it counted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.output = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start and wait until the weights are loaded."""
        assert PYTHON.exists(), "the real model is not installed; run `make test-real-model`"
        self.folder.mkdir(parents=True, exist_ok=True)
        server = Path(__file__).with_name("real_model_server.py")
        with self.output.open("wb") as output:
            self._process = subprocess.Popen(
                [str(PYTHON), str(server), str(self.folder), str(self.port), ALIAS, API_KEY],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
            )
        end = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > end:
                self.stop()
                raise AssertionError(
                    f"the real model did not start:\n{self.output.read_text(errors='replace')[-4000:]}"
                )
            time.sleep(0.05)

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return what the server answers to a caller of its own, with no gateway between."""
        answer: dict[str, Any] = json.loads(self._ask("/v1/chat/completions", json.dumps(body).encode()))
        return answer

    def counted(self) -> Tokens:
        """Return the tokens since its start, by the server's own metrics."""
        read = self._metrics()
        fresh, cached = read["prompt_tokens_total"], read["prompt_tokens_cached_total"]
        return Tokens(fresh + cached, cached, read["tokens_predicted_total"])

    def busy(self) -> int:
        """Return the number of requests that it works on now."""
        return self._metrics()["requests_processing"]

    def _metrics(self) -> dict[str, int]:
        lines = [line.split() for line in self._ask("/metrics").decode().splitlines() if line.startswith("llamacpp:")]
        return {name.removeprefix("llamacpp:"): int(float(value)) for name, value in lines}

    def _healthy(self) -> bool:
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            return bool(json.loads(self._ask("/health"))["status"] == "ok")
        return False

    def _ask(self, path: str, body: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, headers)
        with urllib.request.urlopen(request, timeout=60) as response:
            return bytes(response.read())

    def stop(self) -> None:
        """Kill it and remove the weights, which are 250 MB."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate(timeout=10)
            self._process = None
        shutil.rmtree(self.folder / "weights", ignore_errors=True)

    def __enter__(self) -> "RealModel":
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
