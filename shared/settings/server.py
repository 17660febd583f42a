"""The edge's section of `tollway.yaml`."""

from pydantic import Field, IPvAnyNetwork, SecretStr

from shared.settings.section import Section


class ServerSettings(Section):
    """The edge."""

    host: str = "127.0.0.1"
    """Address to listen on; `--host` wins."""
    port: int = Field(4000, ge=0, le=65535)
    """Port to listen on, 0 for a free one; `--port` wins."""
    max_body_bytes: int = Field(32 * 1024 * 1024, ge=1024)
    """Bytes of the largest request body; a larger one gets 413."""
    max_upload_bytes: int = Field(1024 * 1024 * 1024, ge=1024)
    """Bytes of the largest body on pass-through routes, where bodies are streamed and never held."""
    max_held_bytes: int = Field(512 * 1024 * 1024, ge=1024)
    """Bytes of request bodies above 64 KiB that one edge holds at a time; past it, it sheds."""
    max_in_flight: int = Field(2000, ge=1)
    """Requests that one edge has open at a time; past it, it sheds."""
    request_timeout: float = Field(600.0, gt=0)
    """Seconds from the request's arrival to its one deadline."""
    drain_seconds: float = Field(30.0, ge=0)
    """How long requests in flight may take to end when a process stops; then they end with an error."""
    sse_ping_seconds: float = Field(10.0, gt=0)
    """A stream that is silent for so long after its first byte gets a comment, so that load balancers keep it."""
    key_header: str | None = None
    """One more header in which callers may send their key."""
    trusted_proxies: tuple[IPvAnyNetwork, ...] = ()
    """Networks of the proxies in front of the edge; only what they add to `X-Forwarded-For` is believed."""
    metrics_key: SecretStr | None = None
    """What `Authorization: Bearer …` must hold to read `/metrics`; anybody may while it is not set."""
    cors_origins: tuple[str, ...] = ()
    """Origins of web pages that may call the API; none unless listed."""
