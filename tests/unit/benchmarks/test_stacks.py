"""Collapsed stacks."""

from pathlib import Path

from benchmarks.stacks import package, read_profile

ROOT = Path("/somewhere/tollway")


def test_functions_are_counted_alone_and_with_what_they_call() -> None:
    """A function's own time is where it is the leaf; recursion counts it once."""
    profile = read_profile("a (x.py:1);b (y.py:2) 3\na (x.py:1);a (x.py:1) 2\nbroken line\n", ROOT)
    assert profile.samples == 5
    assert profile.alone == {"b (y.py:2)": 3, "a (x.py:1)": 2}
    assert profile.inclusive == {"a (x.py:1)": 5, "b (y.py:2)": 3}


def test_frames_are_named_by_what_tells_something() -> None:
    """Our own files are named from the repository's root, libraries from their package on."""
    line = f"f ({ROOT}/services/edge/app.py:12);g (/v/lib/python3.11/site-packages/aiohttp/client.py:1) 1"
    assert set(read_profile(line, ROOT).inclusive) == {"f (services/edge/app.py:12)", "g (aiohttp/client.py:1)"}


def test_lines_are_counted_for_files_of_ours() -> None:
    """The line that was executed is told for our own code, and for no one else's."""
    ours, theirs = f"f ({ROOT}/services/edge/app.py:12)", "g (/v/python3.11/site-packages/aiohttp/client.py:1)"
    profile = read_profile(f"{ours};@14 3\n{theirs};@7 2\n", ROOT)
    assert profile.lines == {"services/edge/app.py:14 f": 3}


def test_frames_belong_to_a_file_of_ours_or_to_a_package() -> None:
    """Our own code is told apart by file, others' by package."""
    assert package("f (services/edge/handlers.py:12)") == "services/edge/handlers.py"
    assert package("C.f (aiohttp/client.py:1)") == "aiohttp"
    assert package("__send") == "(native)"
