"""What the configuration file declares, the API shows and does not change."""

from typing import Protocol

from shared.errors import InvalidRequest


class Declarable(Protocol):
    """A record that the file may declare."""

    @property
    def declared(self) -> bool:
        """True where it does."""
        ...


def refuse_declared(record: Declarable, noun: str, param: str) -> None:
    """Raise `InvalidRequest` for a change of what the file declares; `param` is the field that names the object."""
    if record.declared:
        raise InvalidRequest(f"The {noun} stands in the configuration file; change it there.", param=param)
