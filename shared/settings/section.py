"""What every section of `tollway.yaml` is."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A mapping of known names; what its names mean stands below each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
