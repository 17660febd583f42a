"""The vendors' wire formats, as far as we read them."""
