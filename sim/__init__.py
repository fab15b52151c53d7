"""The world, replayed or simulated, around the real edge and the real fleet."""
