"""What a process tells of itself: `/metrics`, `/healthz`, `/readyz`."""
