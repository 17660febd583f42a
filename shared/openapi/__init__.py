"""The OpenAPI document of the HTTP API, made from the route table."""

from shared.openapi.document import VERSION, inlined, openapi

__all__ = ["VERSION", "inlined", "openapi"]
