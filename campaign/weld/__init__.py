"""Welded contacts, and ends that are none: a box for an afternoon in a moment of virtual time.

branch   the box's world with rules and journal in it, and no server to wait for
material how a box is built and set up, and what is plugged into it
welds    one weld, from the moment of its flow to the latched fault
ends     normal ends of charges, with all that looks like a weld and is none
"""
