"""Do new message schemas still fit workers that know the old ones?

While workers are replaced one by one, old and new ones talk to each other. So a message may only gain optional
fields. An enumeration may gain a value: it is sent only once every worker knows it.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

_BOUNDS = (
    "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength",
    "minItems", "maxItems", "pattern", "format",
)  # fmt: skip


def incompatibilities(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """Return one sentence for each change that a worker of the version before could not live with."""
    found: list[str] = []
    for name, schema in old.items():
        if name not in new:
            found.append(f"Message {name} was removed.")
            continue
        found += _Comparison(schema, new[name]).compare(schema, new[name], name)
    return list(dict.fromkeys(found))


class _Comparison:
    """Compares two documents, following references in each; a pair of definitions is looked at once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str]] = set()

    def compare(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        """Yield what is wrong with `new` where `old` stood."""
        pair = (str(old.get("$ref", "")), str(new.get("$ref", "")))
        if any(pair):
            if pair in self._seen:
                return
            if all(pair):
                self._seen.add(pair)
                where = pair[1].rpartition("/")[2]
            old, new = _resolved(old, self._old), _resolved(new, self._new)
        if "anyOf" in old or "anyOf" in new:
            yield from self._compare_alternatives(old, new, where)
            return
        if _type(old) != _type(new):
            yield f"{where} was {_type(old)} and is now {_type(new)}."
            return
        yield from _compare_values(old, new, where)
        yield from self._compare_fields(old, new, where)
        yield from self._compare_parts(old, new, where)

    def _compare_alternatives(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, after = _alternatives(old), _alternatives(new)
        if len(before) != len(after):
            yield f"{where} had {len(before)} possible types and now has {len(after)}."
            return
        for one, other in zip(before, after, strict=True):
            yield from self.compare(one, other, where)

    def _compare_fields(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", ())), set(new.get("required", ()))
        for name in before.keys() - after.keys():
            yield f"{where}.{name} was removed; a field may only be left unused."
        for name in sorted(needed_after - needed_before):
            if name in before:
                yield f"{where}.{name} was optional and is now required."
            else:
                yield f"{where}.{name} is new and required; a new field must have a default."
        for name in sorted(needed_before & after.keys() - needed_after):
            yield f"{where}.{name} was required and is now optional; workers of the version before need it."
        for name in sorted(before.keys() & after.keys()):
            yield from self.compare(before[name], after[name], f"{where}.{name}")

    def _compare_parts(self, old: Schema, new: Schema, where: str) -> Iterator[str]:
        for keyword in ("items", "additionalProperties"):
            before, after = old.get(keyword), new.get(keyword)
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                yield from self.compare(before, after, f"{where}[]")
            elif (before or None) != (after or None):
                yield f"{where} changed what it may hold."
        before, after = old.get("prefixItems", ()), new.get("prefixItems", ())
        if len(before) != len(after):
            yield f"{where} had {len(before)} parts and now has {len(after)}."
            return
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from self.compare(one, other, f"{where}[{index}]")


def _compare_values(old: Schema, new: Schema, where: str) -> Iterator[str]:
    gone = [value for value in old.get("enum", ()) if value not in new.get("enum", (value,))]
    if gone:
        yield f"{where} may no longer be {', '.join(map(repr, gone))}."
    if "enum" in new and "enum" not in old:
        yield f"{where} may now only be one of a list."
    if "enum" in old and "enum" not in new:
        yield f"{where} was one of a list and may now be anything."
    for bound in _BOUNDS:
        if old.get(bound) != new.get(bound):
            yield f"{where} had {bound} {old.get(bound, 'unset')} and now has {new.get(bound, 'unset')}."


def _type(schema: Schema) -> str:
    if "type" in schema:
        return str(schema["type"])
    kinds = {type(value).__name__ for value in schema.get("enum", ())}
    return {"str": "string", "int": "integer"}.get(kinds.pop(), "anything") if len(kinds) == 1 else "anything"


def _alternatives(schema: Schema) -> list[Schema]:
    """Return the alternatives in an order that does not depend on how they were written."""
    return sorted(schema.get("anyOf", [schema]), key=lambda item: (str(item.get("$ref", "")), _type(item)))


def _resolved(schema: Schema, document: Schema) -> Schema:
    if "$ref" not in schema:
        return schema
    found: Any = document
    for part in str(schema["$ref"]).removeprefix("#/").split("/"):
        found = found[part]
    return dict(found)
