"""Recordings after their call: smaller, kept safe, heard, and really deleted when their time is over."""
