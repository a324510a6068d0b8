"""What the recording of a call tells: offline, on both channels."""
