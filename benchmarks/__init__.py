"""Measurements that no test makes: speed, loss, and settings of the decision."""
