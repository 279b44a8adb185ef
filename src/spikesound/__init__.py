"""Spiking and conventional networks on sound, compared by measurement."""
