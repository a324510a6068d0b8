"""The embedded engine: the switch port served by Python alone, over wheels from PyPI, with no PBX."""
