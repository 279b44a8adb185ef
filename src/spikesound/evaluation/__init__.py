"""Metrics with their uncertainty, from predictions."""
