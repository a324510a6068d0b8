"""What the seed and the tests agree on, importable without Django."""

PASSWORD = "long enough to sign in"
