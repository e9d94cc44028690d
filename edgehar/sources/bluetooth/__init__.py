"""Sensors over Bluetooth Low Energy."""
