"""What `vedette-sim bench` measures, one module a section."""
