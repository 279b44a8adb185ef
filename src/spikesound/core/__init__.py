"""Foundations of all packages: errors, tables, files, progress, processes, seeds."""
