"""Which shelves hold a page of a whole list."""

from hypothesis import given
from hypothesis import strategies as st

from shared.store.shelves import shelves_of_page


@given(sizes=st.lists(st.integers(1, 5), max_size=10), skip=st.integers(0, 60), limit=st.integers(1, 12))
def test_a_page_is_cut_out_of_its_shelves(sizes: list[int], skip: int, limit: int) -> None:
    """Reading the named shelves and leaving out what comes before gives the page that the whole list would."""
    shelves = {number: [f"{number}.{place}" for place in range(size)] for number, size in enumerate(sizes)}
    whole = [key for keys in shelves.values() for key in keys]
    named, before = shelves_of_page([(number, len(keys)) for number, keys in shelves.items()], skip, limit)
    read = [key for number in named for key in shelves[number]]
    assert read[before : before + limit] == whole[skip : skip + limit]
    assert len(named) <= limit + 1
