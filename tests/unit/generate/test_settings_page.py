"""The page of settings leaves nothing out."""

from tollway.generate.settings_page import settings_page


def test_every_setting_is_described() -> None:
    """Each row ends in words, so a setting without a docstring is found here."""
    rows = [line for line in settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 50
    assert [row for row in rows if row.endswith("|  |")] == []


def test_every_section_is_described() -> None:
    """Under each heading a sentence says what the section is; of a mapping's sections it says that they have names."""
    lines = settings_page().splitlines()
    headings = [number for number, line in enumerate(lines) if line.startswith("## ")]
    assert [lines[number] for number in headings if not lines[number + 2].endswith(".")] == []
    assert "## `organizations[].model_max_budget.NAME`" in lines
    assert "| `model_max_budget` | sections by name |  | Budgets by model group. |" in lines
