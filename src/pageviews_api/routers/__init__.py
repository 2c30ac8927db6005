"""The URLs. A handler takes what it needs, asks one client, and returns a model."""
