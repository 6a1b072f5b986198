"""Whole lives: the real daemon, a simulated box and the real server, judged from outside.

acts, building   what can happen in a life and how a box is built, in words
script           a life, written from a seed
wire, answers    the network between box and server; tls its certificates
program, pi      the daemon on a deadly disk, and the machine that starts it again
watch            what the box saw, and what the journal held at each closing
life             one life under way; play its script played, settle its end
material         everything that is judged, as one record
judge            the judgement; energy, watthours and reasons are its parts
run, coverage    many lives in several processes, and what was done to them

``python -m campaign --lives N --seed S whole`` plays many, ``… whole:SEED`` one again.
"""
