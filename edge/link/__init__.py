"""The way to the coordinator: outbox, uplink."""
