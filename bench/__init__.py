"""Figures that the project promises: run with ``make bench``."""
