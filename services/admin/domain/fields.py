"""Reads fields by name and type, so that nothing but typed scalars gets any further."""

import difflib
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeVar

from shared.errors import InvalidRequest
from shared.pricing.money import to_nano

T = TypeVar("T")

LONGEST_TEXT = 256
"""Characters of an id, an alias or a name."""

MOST_TEXTS = 1000

MOST_COUNTED = 2**63 - 1
"""The largest whole number that clients send: LiteLLM's users write it for "no limit"."""

MOST_DOLLARS = 1_000_000_000
"""A budget beyond it is a typing error, and nano-dollars must fit into 64 bits."""

_FLAGS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
"""What LiteLLM's server reads as true or false in a query string."""


_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""What no name holds, as in the configuration file: one of them joins parts of ids (`schemas/scopes.py`)."""


class Fields:
    """The fields of one object of a request.

    To a reader null and absent are the same; `updated` tells them apart. Every reader raises `InvalidRequest` that
    names the field.
    """

    def __init__(self, given: Mapping[str, Any], within: str = "") -> None:
        self._given = given
        self._within = within

    def __contains__(self, name: str) -> bool:
        return self._given.get(name) is not None

    def __getitem__(self, name: str) -> Any:
        return self._given.get(name)

    def says(self, name: str) -> bool:
        """Tell whether the field stands there, with null or anything else."""
        return name in self._given

    def updated(self, name: str, read: Callable[[str], T], before: T) -> T:
        """Return what the field says, by one of the readers below; `before` where it is absent.

        So null clears a field, since it reads as empty, and absent leaves it as it was. A new object is an update
        of an empty one.
        """
        return read(name) if self.says(name) else before

    def text(self, name: str, *, longest: int = LONGEST_TEXT) -> str:
        """Return a string without control characters; empty when there is none."""
        value = self._given.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            self.wrong(name, "must be a string")
        if len(value) > longest:
            self.wrong(name, f"must not be longer than {longest} characters")
        if _CONTROL.search(value):
            self.wrong(name, "must not hold control characters")
        return value

    def needed_text(self, name: str) -> str:
        """Return a string that must be there and not empty."""
        value = self.text(name)
        if not value:
            self.wrong(name, "is missing; it must be a string")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings that are not empty, each once; empty when there is none."""
        value = self._given.get(name)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.wrong(name, "must be a list of strings")
        if len(value) > MOST_TEXTS:
            self.wrong(name, f"must not hold more than {MOST_TEXTS} strings")
        inner = Fields({f"{name}[{index}]": item for index, item in enumerate(value)}, self._within)
        return tuple(dict.fromkeys(inner.needed_text(f"{name}[{index}]") for index in range(len(value))))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false."""
        value = self._given.get(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.wrong(name, "must be true or false")
        return value

    def amount(self, name: str) -> float | None:
        """Return a number that is finite and not negative, or None; decimal text counts too, as it does in LiteLLM."""
        value = self._given.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            self.wrong(name, "must be a number")
        try:
            number = float(value)
        except (ValueError, OverflowError):
            self.wrong(name, "must be a number")
        if not math.isfinite(number) or number < 0:
            self.wrong(name, "must be a number that is not negative")
        return number

    def money(self, name: str) -> int | None:
        """Return an amount of dollars as nano-dollars, or None."""
        dollars = self.amount(name)
        if dollars is not None and dollars > MOST_DOLLARS:
            self.wrong(name, f"must not be more than {MOST_DOLLARS} dollars")
        return None if dollars is None else to_nano(dollars)

    def whole(self, name: str) -> int | None:
        """Return a whole number that is not negative, or None; `100.0` and `"100"` count too, as in LiteLLM."""
        value = self._given.get(name)
        if isinstance(value, str) and re.fullmatch("[0-9]{1,19}", value):
            value = int(value)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNTED:
            self.wrong(name, "must be a whole number that is not negative")
        return value

    def mapping(self, name: str) -> dict[str, Any]:
        """Return an object; empty when there is none."""
        value = self._given.get(name)
        if value is None:
            return {}
        if not isinstance(value, dict):
            self.wrong(name, "must be an object")
        return value

    def names(self, name: str) -> dict[str, str]:
        """Return an object whose values are names, such as aliases; empty when there is none."""
        given = self.mapping(name)
        if len(given) > MOST_TEXTS:
            self.wrong(name, f"must not hold more than {MOST_TEXTS} names")
        inner = Fields(given, self.path(name))
        return {inner.checked_name(item): inner.needed_text(item) for item in given}

    def query_flag(self, name: str, *, default: bool = False) -> bool:
        """Return true or false as a query string says it."""
        value = self._given.get(name)
        if value is None:
            return default
        if str(value).lower() not in _FLAGS:
            self.wrong(name, "must be 'true' or 'false'")
        return _FLAGS[str(value).lower()]

    def query_count(self, name: str, *, default: int, most: int) -> int:
        """Return a whole number from 1 to `most` as a query string says it."""
        value = self._given.get(name)
        if value is None:
            return default
        if not (isinstance(value, str) and re.fullmatch("[0-9]{1,20}", value) and 1 <= int(value) <= most):
            self.wrong(name, f"must be a whole number from 1 to {most}")
        return int(value)

    def path(self, name: str) -> str:
        """Return a field's name with the objects that it stands in."""
        return f"{self._within}.{name}" if self._within else name

    def checked_name(self, name: str) -> str:
        """Return a name of the caller's choice that an id or a model may have, as it is."""
        if not 0 < len(name) <= LONGEST_TEXT or _CONTROL.search(name):
            self.wrong(name[:64], f"is not a name of 1 to {LONGEST_TEXT} characters without control characters")
        return name

    def wrong(self, name: str, what: str) -> NoReturn:
        """Raise the error that names a field."""
        param = self.path(name)
        raise InvalidRequest(f"'{param}' {what}.", param=param)


@dataclass(frozen=True, slots=True)
class FieldPolicy:
    """What is done with each field of an object: read, refused unless it says nothing, or kept without a meaning."""

    known: frozenset[str]
    refused: Mapping[str, Any]
    """Fields that would restrict something, with their defaults."""
    kept: frozenset[str]

    def sort_out(self, given: Mapping[str, Any], within: str = "") -> dict[str, Any]:
        """Return the fields that are kept without a meaning; raise `InvalidRequest` for the refused and the unknown."""
        fields = Fields(given, within)
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name in self.known:
                continue
            if name in self.refused:
                if not says_nothing(value, self.refused[name]):
                    fields.wrong(name, "is not supported yet, and leaving it out would permit more than was asked for")
            elif name in self.kept:
                if not says_nothing(value, False):
                    found[name] = value
            else:
                fields.wrong(name[:64], f"is not a field{nearest(name, self.known) or nearest(name, self.names)}")
        return found

    def sort_out_update(self, given: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
        """Do as `sort_out`, and return what an object that had `before` keeps then: null takes a field away."""
        found = self.sort_out(given)
        return {name: value for name, value in before.items() if name not in given} | found

    @property
    def names(self) -> Iterable[str]:
        """Every field that may stand in the object."""
        return (*self.known, *self.refused, *self.kept)


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a hint at the name that was probably meant, or nothing."""
    near = difflib.get_close_matches(name[:64], list(names), 1)
    return f"; perhaps '{near[0]}' is meant" if near else ""


def says_nothing(value: Any, default: Any = None) -> bool:
    """Tell whether a value is null, empty or its default. Zero says something: it may be a limit."""
    if value is None or (isinstance(value, (str, list, dict)) and not value):
        return True
    if isinstance(value, bool) or isinstance(default, bool):
        return value is default
    return default is not None and bool(value == default)
