"""Puts the station on a Raspberry Pi: ``sudo make install``, ``rollback``, ``uninstall``.

Runs with the system's Python and nothing but its standard library, because there is nothing else
yet. ``steps`` has the order; ``packages`` is Debian's side, ``account`` the user and the groups,
``release`` the program and its versions, ``settings`` what lies in /etc, ``service`` systemd;
``place`` is where everything goes, ``told`` how it is told and how commands are run.

Each step may be done again: it says what it changed, and what was there already.
"""
