"""One node: feeds in, events that nobody can lose out; start reading at edge/pipeline.py."""
