"""What a sensor's packets show of its link, its chip, and how it is worn: plain measurements, and what to do about them."""
