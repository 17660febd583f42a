"""JWTs of OIDC providers: fetched keys, verified tokens, and the users that they make."""
