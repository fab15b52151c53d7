"""Pixels in, boxes out; knows no network, site or wall clock."""
