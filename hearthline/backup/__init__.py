"""Backup and restore of an exchange: its database of either kind, recordings, files and keys."""
