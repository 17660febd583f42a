"""Collapsed stacks."""

from benchmarks.stacks import package, read_profile


def test_functions_are_counted_alone_and_with_what_they_call() -> None:
    """A function's own time is where it is the leaf; recursion counts it once."""
    profile = read_profile("a (x.py:1);b (y.py:2) 3\na (x.py:1);a (x.py:1) 2\nbroken line\n")
    assert profile.samples == 5
    assert profile.alone == {"b (y.py:2)": 3, "a (x.py:1)": 2}
    assert profile.inclusive == {"a (x.py:1)": 5, "b (y.py:2)": 3}


def test_frames_belong_to_a_file_of_ours_or_to_a_package() -> None:
    """Our own code is told apart by file, others' by package."""
    assert package("f (services/edge/handlers.py:12)") == "services/edge/handlers.py"
    assert package("C.f (aiohttp/client.py:1)") == "aiohttp"
    assert package("__send") == "(native)"
