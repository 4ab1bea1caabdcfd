"""Digits with simulated outcomes."""
