"""Fault series: real processes that are killed and cut off under load, and the truth about what they told."""
