"""An OIDC provider of authlib's own server side: discovery, keys that rotate, and tokens for client credentials."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from authlib.oidc.discovery import OpenIDProviderMetadata
from joserfc import jwt
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from tollway.stack.servers import free_port

AUDIENCE = "tollway"


@dataclass
class Client(ClientMixin):
    """Somebody who may have tokens: `claims` are those of its tokens beside the standard ones."""

    id: str
    secret: str
    scope: str = ""
    claims: dict[str, Any] = field(default_factory=dict)

    def get_client_id(self) -> str:
        return self.id

    def get_allowed_scope(self, scope: str) -> str:
        return " ".join(word for word in (scope or self.scope).split() if word in self.scope.split())

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == self.secret

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"


class _Grant(ClientCredentialsGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = ["client_secret_basic", "client_secret_post"]  # noqa: RUF012 - as authlib has it


class _Tokens(JWTBearerTokenGenerator):
    def __init__(self, provider: "OidcProvider") -> None:
        super().__init__(provider.issuer, alg=provider.algorithm, expires_generator=600)
        self._provider = provider

    def get_jwks(self) -> KeySet:
        return KeySet([self._provider.signing])

    def get_audiences(self, client: Client, user: Any, scope: str) -> str:
        return AUDIENCE

    def get_extra_claims(self, client: Client, grant_type: str, user: Any, scope: str) -> dict[str, Any]:
        return client.claims


class _Server(AuthorizationServer):
    def __init__(self, clients: Mapping[str, Client]) -> None:
        super().__init__()
        self._clients = clients

    def query_client(self, client_id: str) -> Client | None:
        return self._clients.get(client_id)

    def save_token(self, token: Any, request: Any) -> None:
        """Nobody asks for it again."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody hears it."""

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> web.Response:
        return web.json_response(body, status=status)


class _Request(OAuth2Request):
    def __init__(self, url: str, headers: Mapping[str, str], fields: dict[str, str]) -> None:
        super().__init__("POST", url, headers=headers)
        self.payload = BasicOAuth2Payload(fields)
        self._fields = fields

    @property
    def form(self) -> dict[str, str]:
        return self._fields


class OidcProvider:
    """Serves on a port of its own, rotates its keys, freezes, goes away and comes back."""

    def __init__(self, *, algorithm: str = "RS256") -> None:
        self.algorithm = algorithm
        self.signing = self.new_key("one")
        self.published: list[Key] = [self.signing]
        self.clients: dict[str, Client] = {}
        self.metadata: dict[str, Any] = {}
        """What its metadata says in place of the truth."""
        self.key_set: bytes | None = None
        """What it answers in place of its keys."""
        self.asked: list[str] = []
        """The paths of all requests."""
        self._running = asyncio.Event()
        self._running.set()
        self._runner: web.AppRunner | None = None

    @cached_property
    def _port(self) -> int:
        """Chosen when it is first needed: one that is chosen long before may be another's by then."""
        return free_port()

    @cached_property
    def issuer(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self._port}"

    def new_key(self, kid: str) -> Key:
        """Return a key of the provider's kind."""
        parameters: Any = {"kid": kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm.startswith("ES"):
            return ECKey.generate_key("P-256", parameters)
        return RSAKey.generate_key(2048, parameters)

    def rotate(self, kid: str, *, withdraw: bool = False) -> None:
        """Sign with a new key from now on; the old ones stay in the key set unless they are withdrawn."""
        self.signing = self.new_key(kid)
        self.published = [self.signing] if withdraw else [*self.published, self.signing]

    def claims(self, **other: Any) -> dict[str, Any]:
        """Return claims of a token that is good; None takes one away."""
        now = int(time.time())
        found = {"iss": self.issuer, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 600} | other
        return {name: value for name, value in found.items() if value is not None}

    def sign(self, claims: Mapping[str, Any], *, key: Key | None = None, **header: Any) -> str:
        """Return a token as the provider signs it, but for what is said otherwise."""
        key = key or self.signing
        head = {"alg": self.algorithm, "kid": key.kid} | header
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            dict(claims),
            key,
            algorithms=[head["alg"]],
        )

    def settings(self, **other: Any) -> dict[str, Any]:
        """Return the issuer's settings."""
        return {"issuer": self.issuer, "audience": [AUDIENCE]} | other

    async def start(self) -> None:
        """Serve, on the same port as before."""
        app = web.Application()
        app.router.add_get("/.well-known/openid-configuration", self._discovery)
        app.router.add_get("/keys", self._keys)
        app.router.add_get("/moved", self._moved)
        app.router.add_post("/token", self._token)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()

    async def stop(self) -> None:
        """Go away: connections are refused."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def freeze(self) -> None:
        """Take requests and answer none."""
        self._running.clear()

    def thaw(self) -> None:
        """Answer again."""
        self._running.set()

    async def __aenter__(self) -> "OidcProvider":
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.thaw()
        await self.stop()

    async def _note(self, request: web.Request) -> None:
        self.asked.append(request.path)
        await self._running.wait()

    async def _discovery(self, request: web.Request) -> web.Response:
        await self._note(request)
        metadata = OpenIDProviderMetadata(
            issuer=self.issuer,
            authorization_endpoint=f"{self.issuer}/authorize",
            token_endpoint=f"{self.issuer}/token",
            jwks_uri=f"{self.issuer}/keys",
            response_types_supported=["code"],
            subject_types_supported=["public"],
            id_token_signing_alg_values_supported=["RS256", "ES256"],
        )
        metadata.validate()
        return web.json_response({**metadata, **self.metadata})

    async def _keys(self, request: web.Request) -> web.Response:
        await self._note(request)
        if self.key_set is not None:
            return web.Response(body=self.key_set, content_type="application/json")
        return web.json_response(KeySet(self.published).as_dict(private=False))

    async def _moved(self, request: web.Request) -> web.Response:
        await self._note(request)
        raise web.HTTPFound("/keys")

    async def _token(self, request: web.Request) -> web.Response:
        await self._note(request)
        fields = dict(parse_qsl(await request.text()))
        server = _Server(self.clients)
        server.register_grant(_Grant)
        server.register_token_generator("default", _Tokens(self))
        made = _Request(f"{self.issuer}/token", dict(request.headers), fields)
        response: web.Response = server.create_token_response(made)
        return response
