"""Provider credentials that stand elsewhere: in the environment, in a file, in HashiCorp Vault."""
