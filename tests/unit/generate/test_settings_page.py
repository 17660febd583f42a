"""The page of settings leaves nothing out."""

from tollway.generate.settings_page import settings_page


def test_every_setting_is_described() -> None:
    """Each row ends in words, so a setting without a docstring is found here."""
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [row for row in rows if row.endswith("|  |")] == []
