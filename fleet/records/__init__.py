"""What was said and done."""
