"""`schema`: the JSON Schema of project files, for editors that complete and check them."""

import json

from commands.terminal import say


def command() -> None:
    """Print the JSON Schema of project files."""
    from animator.schema import schema

    say(json.dumps(schema(), indent=2, ensure_ascii=False))
