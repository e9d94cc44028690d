"""`edgehar bench`: what this machine can carry.

run       all of it, and the words
stages    where a packet's time goes
capacity  how many sensors fit, by running as many
camera    what a picture costs
compare   this run beside an earlier one
machine   what it is, and whether it was slowed down meanwhile
energy    joules, where they can be read
"""
