"""Real-time activity recognition from body-worn motion sensors, at the edge."""

__version__ = "0.1.0"
