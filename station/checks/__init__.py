"""What `evcs-station check` looks at: one small probe per subject.

probe        what a probe is, what it finds, and how they are run one after the other
settings     config and its warnings, and the daemon itself
reader       SPI, the MFRC522, a card that is held to it
contactor    the contactor's line, and what becomes of it when the daemon dies
inputs       stop, vehicle, mirror contact
meter        the energy meter, and whether it sits before the contactor
indicators   the lamp test
storage      the disk under data_dir, and the journal on it
world        clock, server, token
observe      the meter over a longer time: update interval and standby power
pi           what only a Raspberry Pi has

Each module looks in one function and judges in another; the judging is pure.
"""
