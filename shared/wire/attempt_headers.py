"""Headers that say how many attempts a request took, which deployment had the last one, and whose an error is."""

FROM_PROVIDER = ("x-tollway-error-source", "provider")
"""On an error that a provider said, or failed to say; all others are Tollway's own."""


def attempt_headers(deployment: str, attempts: int) -> tuple[tuple[str, str], ...]:
    """Return the headers of an answer after so many attempts, the last one at this deployment."""
    return (
        ("x-tollway-model-id", deployment),
        ("x-litellm-model-id", deployment),
        ("x-tollway-attempts", str(attempts)),
    )
