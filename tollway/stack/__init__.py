"""The one-machine stack: nats-server, the store and every service under one supervisor (docs/adr/0006-nursery.md)."""
