"""What is printed and handed on."""
