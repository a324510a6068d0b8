"""One-click entry as each person of the demonstration: only in demonstration mode, only on this machine."""
