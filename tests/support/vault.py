"""A small server that speaks Vault's API for a key-value store, version 2."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

TOKEN = "hvs.token-for-tests"


class VaultServer:
    """Holds secrets by path; `reads` counts the answers, `sealed` makes it refuse."""

    def __init__(self, token: str = TOKEN) -> None:
        self._token = token
        self.secrets: dict[str, dict[str, str]] = {}
        self.reads = 0
        self.sealed = False
        outer = self

        class Handler(BaseHTTPRequestHandler):
            """Answers `GET /v1/secret/data/PATH`."""

            def do_GET(self) -> None:
                """Look a secret up."""
                outer.reads += 1
                status, body = outer.answer(self.path, self.headers.get("X-Vault-Token", ""))
                content = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the tests' output to themselves."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def answer(self, path: str, token: str) -> tuple[int, dict[str, object]]:
        """Return status and body as Vault does."""
        if self.sealed:
            return 503, {"errors": ["Vault is sealed"]}
        if token != self._token:
            return 403, {"errors": ["permission denied"]}
        fields = self.secrets.get(path.removeprefix("/v1/secret/data/"))
        if fields is None:
            return 404, {"errors": []}
        return 200, {"request_id": "r", "data": {"data": fields, "metadata": {"version": 1, "destroyed": False}}}

    def __enter__(self) -> "VaultServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
