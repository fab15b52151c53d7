"""Vehicles that speak MAVLink as a real autopilot does."""
