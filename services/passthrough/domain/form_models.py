"""Which model a form names, seen as the form goes by: files of any size are passed over, nothing is kept."""

import re
from typing import Literal

from services.passthrough.domain.forms import boundary_of
from shared.errors import InvalidRequest

MOST_HEAD = 4096
"""Bytes of a part's head that are waited for; a longer one is doubtful."""

MOST_VALUE = 256
"""Bytes of a model's name."""

_DISPOSITION = re.compile(
    rb'content-disposition: *form-data; *name="([^"\r\n\\]{1,256})"'
    rb'(; *filename="[^"\r\n\\]*")?(; *filename\*=[^\s";]+)?',
    re.IGNORECASE,
)
_OTHER = re.compile(rb"(?!content-disposition)[a-z0-9-]+:[^\r\n]*", re.IGNORECASE)
"""Lines that every reader takes the same way."""

_State = Literal["skip", "head", "value", "over"]


class FormModels:
    """Takes the pieces of a form."""

    def __init__(self, content_type: str) -> None:
        boundary = boundary_of(content_type)
        self._mark = b"\r\n--" + boundary
        self._state: _State = "skip" if boundary else "over"
        self._rest = b"\r\n"
        self._seen: str = ""
        self._odd = not boundary
        """True once something was seen that readers may take in different ways."""

    @property
    def doubtful(self) -> bool:
        """True where another reader may see another model than this one; so it is until the form has ended."""
        return self._odd or self._state != "over"

    @property
    def model(self) -> str:
        """The model that the form names for every reader; empty where it names none or that is doubtful."""
        return "" if self.doubtful else self._seen

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes; raise `InvalidRequest` where a second model is named."""
        data, place = self._rest + piece, 0
        while (found := self._step(data, place)) >= 0:
            place = found
        self._rest = data[max(place, len(data) - self._kept(len(data) - place)) :]

    def _kept(self, unread: int) -> int:
        """Return how many bytes at the end of what is here must be seen again."""
        return {"skip": len(self._mark) - 1, "over": 0}.get(self._state, unread)

    def _step(self, data: bytes, place: int) -> int:
        """Go on from a place in what is here; return the next place, -1 where more must come first."""
        if self._state == "head":
            return self._read_head(data, place)
        if self._state == "over":
            return -1
        mark = data.find(self._mark, place)
        if self._state == "value":
            if mark < 0 and len(data) - place < MOST_VALUE + len(self._mark):
                return -1
            self._note(data[place : mark if mark >= 0 else place + MOST_VALUE + 1])
            self._state = "skip"
        if mark < 0:
            return -1
        self._state = "head"
        return mark + len(self._mark)

    def _read_head(self, data: bytes, place: int) -> int:
        if data.startswith(b"--", place):
            self._state = "over"
            return -1
        end = data.find(b"\r\n\r\n", place, place + MOST_HEAD)
        if end < 0:
            if len(data) - place < MOST_HEAD:
                return -1
            self._odd = True
            self._state = "skip"
            return place
        self._state = "value" if self._is_of_model(data[place:end]) else "skip"
        return end + 4 if self._state == "value" else end + 2

    def _is_of_model(self, head: bytes) -> bool:
        first, *lines = head.split(b"\r\n")
        named = [match for line in lines if (match := _DISPOSITION.fullmatch(line)) is not None]
        others = [line for line in lines if _OTHER.fullmatch(line) is not None]
        if first.strip(b" \t") or len(named) != 1 or len(others) != len(lines) - 1:
            self._odd = True
            return False
        is_model = named[0][1] == b"model"
        # A reader may take a file's text for the field's value.
        self._odd = self._odd or (is_model and b"filename" in named[0][0].lower())
        return is_model and not self._odd

    def _note(self, value: bytes) -> None:
        if len(value) > MOST_VALUE:
            self._odd = True
            return
        name = value.decode(errors="replace").strip()
        if self._seen and name != self._seen:
            raise InvalidRequest(
                f"The form names two models, '{self._seen}' and '{name}'; leave one of them out.", param="model"
            )
        self._seen = name


def models_of_form(body: bytes, content_type: str) -> FormModels:
    """Return what a whole form names. Run it by `Offload` for a large one; raises as `FormModels.feed` does."""
    form = FormModels(content_type)
    form.feed(body)
    return form
