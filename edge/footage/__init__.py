"""What is kept of what the cameras saw: the last seconds in memory, clips and pictures of events on the disk."""
