"""Integrations: oadb within web frameworks and tools of observation, each as an extra."""
