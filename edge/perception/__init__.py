"""From boxes to tracks to points on the ground."""
