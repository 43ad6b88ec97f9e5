#!/usr/bin/env python3
"""Hold documents that the grammar package produces against Python's jsonschema.

    go run ./conformance/jsonschema/walk FOLDER > /tmp/walks.jsonl
    python3 conformance/jsonschema/walks.py /tmp/walks.jsonl

FOLDER is a copy of the JSON Schema Test Suite. Each document was drawn at random
from the masks of a schema, so each must be valid. Needs `pip install jsonschema`
(4.18 or later). Formats are not checked here. The exit status is 1 if a document
is invalid, or if nothing was checked.
"""

import decimal
import json
import re
import sys

from jsonschema import Draft202012Validator


def number(text):
    """Read a number with a point exactly; jsonschema takes no Decimal for an integer."""
    exact = decimal.Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else exact


def main():
    checked = invalid = skipped = 0
    validators = {}
    with open(sys.argv[1], encoding="utf-8") as lines:
        for line in lines:
            case = json.loads(line, parse_float=number)
            key = json.dumps(case["schema"], sort_keys=True, default=str)
            if key not in validators:
                validators[key] = Draft202012Validator(case["schema"])
            document = json.loads(case["document"], parse_float=number)
            try:
                error = next(validators[key].iter_errors(document), None)
            except re.error:
                skipped += 1  # Python has no Unicode properties in patterns
                continue
            checked += 1
            if error is not None:
                invalid += 1
                print(f"INVALID {case['document']} by {key}: {error.message}")
    print(f"{checked} documents of {len(validators)} schemas, {invalid} invalid, {skipped} skipped")
    return 1 if invalid or not checked else 0


if __name__ == "__main__":
    sys.exit(main())
