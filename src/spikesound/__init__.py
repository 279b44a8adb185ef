"""Spiking and conventional networks on sound, compared by measurement."""

import os

# OpenMP's threads spin by default while they wait for each other. When anything else runs on the
# machine, torch is then many times slower; sleeping costs nothing measurable when nothing does.
# It must be said before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
