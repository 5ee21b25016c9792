"""Generators and checks for a checkout; not part of the installed package."""
