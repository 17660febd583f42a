"""Calling providers over HTTP, as the router and pass-through both do."""
