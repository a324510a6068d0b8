"""Scenarios: what a robot says as a contact and what it waits for, what it means by it, and what a good operator does.

A scenario is a YAML file; the language is described in docs/scenarios.md.
"""
