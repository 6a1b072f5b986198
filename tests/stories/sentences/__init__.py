"""The sentences, by what they speak of. A module's import gives them their meanings.

``given``      how box, car and software were set up, before the box is switched on
``people``     tags, cars, people at the box
``breaking``   what breaks, and what is mended
``machine``    power, processes, disk
``time``       the clock of the box
``server``     network, server, landlord
``box_seen``   then: contactor, phase, lamps, buzzer
``books_seen`` then: sessions, flags, times, energy
"""

from tests.stories.sentences import (  # noqa: F401
    books_seen,
    box_seen,
    breaking,
    given,
    machine,
    people,
    server,
    time,
)
