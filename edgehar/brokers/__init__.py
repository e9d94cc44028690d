"""MQTT brokers: `mqtt` is one connection to one, `embedded` is one that runs inside this process."""
