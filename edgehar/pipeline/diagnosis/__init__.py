"""Diagnosis of a sensor by its packets: its link, its chip, and how it is worn: plain measurements, and what to do about them."""
