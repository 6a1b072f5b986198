"""Handing mails to the mail server, many over one connection, and what it said against one."""

from __future__ import annotations

import contextlib
from smtplib import SMTPException
from typing import Any, Self

from django.core.mail import EmailMessage, get_connection


class Postbox:
    """A connection that is opened for the first mail, so that a mail server that is away is the
    trouble of a run that has something to mail, and of no other.

    Once it could not be reached nothing more is tried with it: each try may wait for its timeout.
    """

    def __init__(self) -> None:
        self._connection: Any = None
        self._away = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def deliver(self, mail: EmailMessage) -> str:
        """Hand a mail over; return what the mail server said against it, empty if it took it."""
        if self._away:
            return self._away
        try:
            if self._connection is None:
                self._connection = get_connection()
            self._connection.open()
        except (SMTPException, OSError) as error:
            self._close()
            self._away = _words(error)
            return self._away
        mail.connection = self._connection
        try:
            mail.send()
        # An address that cannot be written into a header is a ValueError.
        except (SMTPException, OSError, ValueError) as error:
            # What is left of a connection that broke would refuse all further mails.
            self._close()
            return _words(error)
        return ""

    def _close(self) -> None:
        if self._connection is not None:
            with contextlib.suppress(SMTPException, OSError):
                self._connection.close()
        self._connection = None


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
