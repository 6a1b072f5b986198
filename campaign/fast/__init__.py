"""Fast lives: a box for hours in less than a second, on virtual time, in one process.

Real in them: the core (station.rules), journal and keeper on a real SQLite file, sender and REST
transport, the whole Django app, the simulated box's world (mains, contactor, car, register). Played
by hand: the daemon's threads and its main loop, the bytes of meter and reader, the network.

timeline   virtual time, and what is due on it
house      the server in this process, and the landlord
road       the way between: what a network and a proxy can do to a request and its answer
meter      samples of the box's register, and the lies of meters
disk       the journal's file, full or read-only at times, and what a cut leaves of it
station    one run of the daemon, from its start to its death
script     a life, drawn from its seed
life       plays it
truth      what really flowed, and when the contacts moved
judge      books against truth
run        many lives in several processes
"""
