"""The permissions of keys that mean something here."""

SEES_SPEND = "get_spend_routes"
"""Lets a key ask what everybody spent, on the routes of `global_spend_tracking_routes`."""
