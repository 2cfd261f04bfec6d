"""Trained generators in formats that other programs run."""
