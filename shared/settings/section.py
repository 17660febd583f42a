"""What every section of the configuration is: unknown names are refused, and nothing changes once it is read."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section; the text under a setting is its description in the documents."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
