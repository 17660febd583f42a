"""The demo provider in OpenAI's dialect: `api_base` is its address, without a path."""

from services.router.providers.openai import bearer
from services.router.providers.types import Provider

DEMO = Provider(
    name="demo",
    dialect="openai",
    base_url="http://127.0.0.1:9100",
    credential=bearer,
    forwarded=frozenset({"x-demo-behaviour"}),
    path_prefix="/v1",
)
