"""The catalog of models, without a store."""

from dataclasses import dataclass
from typing import Any

import pytest

from shared.catalog.catalog import Catalog, provider_names
from shared.errors import ModelNotFound, Unavailable
from shared.settings import Deployment


@dataclass
class Prepared:
    """A deployment, as it is."""

    deployment: Deployment


def deployment(id: str, model: str = "m", **facts: Any) -> Deployment:
    """Return a deployment."""
    return Deployment.model_validate({"id": id, "provider": "openai", "model": model, **facts})


async def test_models_from_file_and_store_are_one_catalog(eventually: Any) -> None:
    """Groups of both, and access groups over both; a deployment that did not change stays the same object."""
    stored = [("b", deployment("2", access_groups=("beta",)))]

    async def load() -> list[tuple[str, Deployment]]:
        return stored

    catalog = Catalog([("a", deployment("1", access_groups=("beta",)))], load, Prepared)
    assert (catalog.names, catalog.members("beta"), catalog.settled) == (["a"], ("a",), False)
    first = catalog.known("a")
    catalog.reload()
    assert await catalog.settle()
    assert (catalog.names, catalog.members("beta")) == (["a", "b"], ("a", "b"))
    known = catalog.known("a")
    assert first is not None
    assert known is not None
    assert known[0] is first[0]
    stored.clear()
    before = catalog.generation
    catalog.reload()
    assert await catalog.settle()
    with pytest.raises(ModelNotFound):
        await catalog.group("b")
    assert catalog.generation > before
    assert catalog.members("beta") == ("a",)
    await catalog.close()


async def test_a_name_may_exist_while_the_store_is_away() -> None:
    """What is not configured is not called unknown before the store was read once."""

    async def load() -> list[tuple[str, Deployment]]:
        raise Unavailable("away")

    catalog = Catalog([], load, Prepared)
    with pytest.raises(Unavailable):
        await catalog.group("a")
    assert not await catalog.settle()


async def test_a_model_that_nothing_can_serve_is_not_called_unknown() -> None:
    """Who asks learns that it is there and that the operator must look; one that is not there is still unknown."""

    async def load() -> list[tuple[str, Deployment]]:
        return [("a", deployment("1"))]

    catalog = Catalog([], load, Prepared, withheld=lambda: {"a", "b"})
    catalog.reload()
    assert await catalog.settle()
    assert len(await catalog.group("a")) == 1
    with pytest.raises(Unavailable, match="'b' exists"):
        await catalog.group("b")
    with pytest.raises(ModelNotFound):
        await catalog.group("c")
    await catalog.close()


@pytest.mark.parametrize(
    ("name", "members", "expected"),
    [
        ("gpt-4o", [deployment("1", "gpt-4o")], ("openai/gpt-4o",)),
        ("cheap", [deployment("1", "gpt-4o")], ()),
        ("gpt-4o", [deployment("1", "gpt-4o"), deployment("2", "gpt-4o-eu")], ("openai/gpt-4o",)),
        ("gpt-4o", [deployment("1", "gpt-4o"), deployment("2", "x", provider="anthropic")], ()),
        ("gpt-4o", [], ()),
    ],
)
def test_a_group_by_the_providers_own_name_is_the_providers(
    name: str, members: list[Deployment], expected: tuple[str, ...]
) -> None:
    """`openai/*` means it then; another name of the operator's does not become the provider's."""
    assert provider_names(name, [Prepared(member) for member in members]) == expected
