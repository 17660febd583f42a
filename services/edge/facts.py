"""What the edge notes on an HTTP request for everybody who handles it."""

from aiohttp import web

RECEIVED = web.RequestKey("received", float)
"""When it came, in Unix seconds."""

ID = web.RequestKey("id", str)
"""The request id that the edge made."""

CODE = web.RequestKey("code", str)
"""The code of the error that it ended with; absent when it did not."""

LABEL = web.RequestKey("label", str)
"""The client's own `x-request-id`, or an empty string."""

HELD = web.RequestKey("held", int)
"""Bytes that its large body takes of the edge's room for such bodies."""

CLIENT = web.RequestKey("client", str)
"""The client's address, as the operator's proxies tell it where there are some."""
