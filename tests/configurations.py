"""Configurations that several tests read."""

EVERYTHING = """
[mqtt]
host = "localhost"
[bluetooth]
adapter = "hci1"
[[wearer]]
id = "anna"
[[wearer.serial]]
placement = "chest"
port = "/dev/ttyACM0"
[[wearer.ble]]
placement = "wrist_left"
profile = "movella_dot"
name = "left"
[[wearer.phone]]
placement = "trouser_pocket"
url = "ws://192.168.1.7:8080"
[[wearer.phone]]
placement = "waist"
listen = "127.0.0.1:8000"
[[wearer.phone]]
placement = "knee_left"
topic = "sensor-logger"
"""
