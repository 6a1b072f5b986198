"""What `evcs-station check` looks at: one small probe per subject (docs/check.md).

probe        what a probe is, what it finds, and how they are run
settings     config and its warnings, and the daemon itself
unit         the service in systemd: its failsafes' pins, its user's groups, the hardware watchdog
pi           which Raspberry Pi, and whether the GPIO library suits it
boot         what the pins do before the daemon runs
supply       under-voltage and temperature
lines        who holds the GPIO lines
spi          the SPI device of the reader
reader       the MFRC522, a card that is held to it
contactor    the contactor's line, and what becomes of it when the daemon dies
inputs       stop, vehicle, mirror contact
ports        the names of the serial ports
meter        the energy meter, and whether it sits before the contactor
indicators   the lamp test
storage      the disk under data_dir, and the journal on it
filesystem   whether that disk keeps what is written, and its wear
private      who may read token and journal
world        clock, server, token
observe      the meter over a longer time: update interval and standby power
board        what the machine says of itself, for the others

Each module looks in one function and judges in another; the judging is pure. The files of the
machine are read below a root folder, so that every probe can be seen to fail anywhere.
"""
