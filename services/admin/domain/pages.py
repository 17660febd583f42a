"""Lists in pages, as LiteLLM's query strings ask for them."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.admin.domain.fields import Fields

LARGEST_PAGE = 100
LAST_PAGE = 100_000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of an ordered list; `order` is a field of the record."""

    number: int
    size: int
    order: str
    down: bool

    @property
    def skip(self) -> int:
        """How many records come before it."""
        return (self.number - 1) * self.size

    def shape(self, total: int) -> dict[str, int]:
        """Return what an answer says about the pages."""
        return {
            "total": total,
            "page": self.number,
            "page_size": self.size,
            "total_pages": -(-total // self.size),
        }


PAGE_FIELDS = frozenset({"page", "page_size", "sort_by", "sort_order"})


def read_page(fields: Fields, *, size: int, orders: Mapping[str, str]) -> Page:
    """Return the page that a query string asks for; `orders` has the record's field by LiteLLM's name.

    The newest come first unless an order is asked for, which ascends unless said otherwise. Raises `InvalidRequest`.
    """
    wanted, direction = fields.text("sort_by"), fields.text("sort_order").lower()
    if wanted and wanted not in orders:
        fields.wrong("sort_by", f"must be one of {', '.join(orders)}")
    if direction not in ("", "asc", "desc"):
        fields.wrong("sort_order", "must be 'asc' or 'desc'")
    return Page(
        number=fields.query_count("page", default=1, most=LAST_PAGE),
        size=fields.query_count("page_size", default=size, most=LARGEST_PAGE),
        order=orders[wanted] if wanted else "created_at",
        down=direction == "desc" if wanted else True,
    )


def listed(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the ids of a parameter that holds them with commas in between."""
    return tuple(dict.fromkeys(item.strip() for item in fields.text(name, longest=8192).split(",") if item.strip()))
