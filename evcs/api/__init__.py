"""The REST API: parses, calls a service, answers. ``fields`` and ``requests`` are the shapes that
come in, ``answers`` those that go out, ``problems`` every refusal; rules stand in services."""
