"""Attacks on whole runs: kills at random moments and hostile inputs; see docs/reliability.md."""
