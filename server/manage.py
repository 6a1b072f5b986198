"""Django's commands on this project: ``python -m server.manage COMMAND``."""

import os
import sys

from django.core.management import execute_from_command_line


def main() -> None:
    """Run the command that the process was started with."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "server.settings")
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
