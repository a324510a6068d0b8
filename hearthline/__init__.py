"""Hearthline, an open exchange of telephone operators who work from home."""

VERSION = "0.1.0"
