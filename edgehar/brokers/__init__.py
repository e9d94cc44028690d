"""MQTT brokers: the link to one, and one that runs inside this process."""
