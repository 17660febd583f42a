"""What is read of a form whose files are still arriving."""

from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.forms import MOST_PARTS, read_form

TYPE = "multipart/form-data; boundary=xyz"
FILE = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\nRIFF\r\n'
)


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    """Return what is found."""
    return read_form(body, content_type).fields


def form(*parts: tuple[str, str], end: bytes = b"--xyz--\r\n") -> bytes:
    """Return a form with these fields."""
    written = [
        f'--xyz\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in parts
    ]
    return b"".join(written) + end


def test_short_fields_are_read() -> None:
    """As clients write them, with the boundary quoted or not."""
    body = form(("model", "whisper-1"), ("n", "2"))
    for content_type in (TYPE, 'Multipart/Form-Data; charset=utf-8; boundary="xyz"'):
        assert form_fields(content_type, body) == {"model": "whisper-1", "n": "2"}


@pytest.mark.parametrize("content_type", ["", "application/json", "multipart/form-data", "text/plain; boundary=xyz"])
def test_what_is_no_form_has_no_fields(content_type: str) -> None:
    """The content type decides, and says where parts end."""
    assert form_fields(content_type, form(("model", "m"))) == {}


def test_files_and_what_may_go_on_are_no_fields() -> None:
    """A file's bytes, a long value and the part that the beginning cuts off are passed over."""
    file = b'--xyz\r\nContent-Disposition: form-data; name="model"; filename="a"\r\n\r\nfile\r\n'
    assert form_fields(TYPE, file + form(("n", "1"))) == {"n": "1"}
    assert form_fields(TYPE, form(("model", "x" * 300), ("n", "1"))) == {"n": "1"}
    assert form_fields(TYPE, form(("n", "1"), ("model", "cut"), end=b"")) == {"n": "1"}


def test_a_field_with_two_values_is_none() -> None:
    """Two readers could see different ones; the same value twice is one."""
    assert form_fields(TYPE, form(("model", "cheap"), ("model", "dear"), ("n", "1"), ("n", "1"))) == {"n": "1"}


def test_a_form_that_was_read_to_its_end_is_certain() -> None:
    """Wherever the model stands, and where there is none; not if more may come."""
    for body in (form(("model", "m"), end=FILE) + form(), FILE + form(("model", "m")), FILE + form()):
        assert read_form(body, TYPE).is_certain_of("model")
        assert not read_form(body, TYPE, whole=False).is_certain_of("model")


NAMED = 'Content-Disposition: form-data; name="model"\r\n\r\ndear\r\n'


@pytest.mark.parametrize(
    "other",
    [
        f"--xyz\r\n{NAMED}",
        f"--xyz\n{NAMED}",
        f"--xyz \r\n{NAMED}",
        f"\n--xyz\r\n{NAMED}",
        f"--xyz--\r\n--xyz\r\n{NAMED}",
        "--xyz\r\nContent-Disposition: form-data; name=model\r\n\r\ndear\r\n",
        "--xyz\r\nContent-Disposition: form-data; name='model'\r\n\r\ndear\r\n",
        "--xyz\r\nContent-Disposition: form-data; name*=utf-8''model\r\n\r\ndear\r\n",
        '--xyz\r\nContent-Disposition: form-data; name="mo\\del"\r\n\r\ndear\r\n',
        '--xyz\r\nX-A: name="n"\r\nContent-Disposition: form-data; name="model"\r\n\r\ndear\r\n',
        '--xyz\r\nContent-Disposition: form-data; name="n"\r\n' + NAMED,
        '--xyz\r\nContent-Disposition: form-data; name="model"; filename="a"\r\n\r\ndear\r\n',
        f'--xyz\r\nContent-Disposition: form-data; name="model"\r\n\r\n{"x" * 300}\r\n',
        f"--xyz\r\nContent-Transfer-Encoding: base64\r\n{NAMED}",
    ],
)
def test_a_second_model_that_some_reader_may_see_leaves_a_doubt(other: str) -> None:
    """Before the one that we see, and behind it, however it is written."""
    first, last = form(("model", "cheap"), end=other.encode()) + form(), other.encode() + form(("model", "cheap"))
    for body in (first, last):
        assert not read_form(body, TYPE).is_certain_of("model")


@pytest.mark.parametrize(("number", "found"), [(MOST_PARTS, MOST_PARTS), (MOST_PARTS + 1, 0), (50_000, 0)])
def test_a_form_of_very_many_parts_says_nothing(number: int, found: int) -> None:
    """Nothing of it, and not its beginning: a later part could say something else."""
    assert len(form_fields(TYPE, form(*((f"f{place}", "1") for place in range(number))))) == found


@given(body=st.binary(max_size=400), cut=st.integers(0, 200))
def test_no_bytes_break_it(body: bytes, cut: int) -> None:
    """Whatever comes, there is an answer."""
    assert isinstance(form_fields(TYPE, form(("model", "m"))[:cut] + body), dict)


@given(fields=st.dictionaries(st.sampled_from(["model", "n", "prompt"]), st.text("abc-1.", max_size=20), min_size=1))
async def test_what_a_client_writes_is_read(fields: dict[str, str]) -> None:
    """A form as an HTTP client writes it."""

    class Sink:
        data = b""

        async def write(self, chunk: bytes, *_: Any) -> None:
            self.data += chunk

    form = aiohttp.FormData(default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, value)
    payload, sink = form(), Sink()
    await payload.write(sink)  # type: ignore[arg-type]
    found = form_fields(str(payload.headers["content-type"]), sink.data)
    assert found == {name: value.strip() for name, value in fields.items()}
