"""What is happening."""
