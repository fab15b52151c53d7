"""The rendered world: a scenario drawn by MuJoCo on the CPU, with the truth of every picture."""
