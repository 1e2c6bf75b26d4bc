"""`vision schema`: the JSON Schema of the records."""

import json
import sys


def schema() -> None:
    """Print the JSON Schema of one record (one line of predictions.jsonl)."""
    from visioncli.record_schema import json_schema

    sys.stdout.write(json.dumps(json_schema(), indent=2) + "\n")
