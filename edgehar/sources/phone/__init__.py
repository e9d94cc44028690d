"""Phones as sensors, by the apps Sensor Logger and SensorServer."""
