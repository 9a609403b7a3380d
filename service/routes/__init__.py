"""The doors over HTTP: commands derived from their classes, and the views."""
