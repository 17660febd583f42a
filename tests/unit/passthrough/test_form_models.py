"""Which model a form names, whatever files it holds and however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.passthrough.domain.form_models import MOST_HEAD, MOST_VALUE, FormModels, models_of_form
from shared.errors import InvalidRequest

TYPE = "multipart/form-data; boundary=xyz"
END = b"--xyz--\r\n"
FILE = (
    b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n'
    b"RI\r\n\r\n--xy FF\r\n"
)


def model(name: str, disposition: str = 'form-data; name="model"') -> bytes:
    """Return a part that names a model."""
    return f"--xyz\r\nContent-Disposition: {disposition}\r\n\r\n{name}\r\n".encode()


def outcome(body: bytes, at: list[int]) -> tuple[str, bool] | str:
    """Return the model and whether it is doubtful, or what is wrong, of a form in these pieces."""
    form = FormModels(TYPE)
    try:
        for start, end in zip([0, *at], [*at, len(body)], strict=True):
            form.feed(body[start:end])
    except InvalidRequest as error:
        return error.message
    return form.model, form.doubtful


TWO = "The form names two models, 'a' and 'b'; leave one of them out."
FORMS = [
    (model("a") + FILE + END, ("a", False)),
    (FILE + FILE + model("a") + END, ("a", False)),
    (model("a") + FILE + model("a") + END, ("a", False)),
    (FILE + END, ("", False)),
    (model("a") + FILE + END + model("b"), ("a", False)),
    (model("a") + FILE + model("b") + END, TWO),
    (model("a") + model("b") + END, TWO),
    (model("a") + model("b", "form-data; name=model") + END, ("", True)),
    (model("a") + model("b", "form-data; name*=utf-8''model") + END, ("", True)),
    (model("a") + model("b", 'form-data; name="model"; filename="x"') + END, ("", True)),
    (model("a") + model("b", 'form-data; name="file"\r\n; name="model"') + END, ("", True)),
    (model("a") + model("b").replace(b"\r\n", b"\n") + END, ("", True)),
    (model("a") + FILE, ("", True)),
    (model("a" * MOST_VALUE) + END, ("a" * MOST_VALUE, False)),
    (model("a" * (MOST_VALUE + 1)) + END, ("", True)),
    (b"--xyz\r\nX: " + b"a" * MOST_HEAD + b"\r\n\r\n\r\n" + END, ("", True)),
]


@pytest.mark.parametrize(("body", "expected"), FORMS)
def test_a_form_names_one_model_or_is_refused(body: bytes, expected: tuple[str, bool] | str) -> None:
    """Whole and byte by byte; what readers could see in two ways is doubtful."""
    assert outcome(body, []) == expected
    assert outcome(body, list(range(1, len(body)))) == expected


@given(st.sampled_from([body for body, _ in FORMS]), st.data())
def test_pieces_change_nothing(body: bytes, data: st.DataObject) -> None:
    """However a form is cut, it says the same."""
    at = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    assert outcome(body, at) == outcome(body, [])


def test_what_has_no_boundary_is_doubtful() -> None:
    """Nobody can tell what is in it."""
    assert models_of_form(model("a") + END, "multipart/form-data").doubtful


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_any_bytes_are_passed_over(pieces: list[bytes]) -> None:
    """A file's bytes are nothing but bytes, and little of them is kept."""
    form = FormModels(TYPE)
    for piece in (FILE[:-2], *pieces):
        form.feed(piece)
    assert form.model == ""
