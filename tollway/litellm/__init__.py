"""Moving in from LiteLLM's database: its rows, read from PostgreSQL, as Tollway's records."""
