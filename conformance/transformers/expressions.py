"""Render our templates by jinja2, as vectors for internal/model/jinja.

testdata/vectors.json holds templates and the variables they all see. Each is
rendered in the environment that transformers compiles chat templates in.

    python expressions.py            compare with the vectors in the repository
    python expressions.py --write    write the results again

Differences by design, which are therefore not in the file: integers beyond 64
bits, the escaping type that safe and escape return, addresses in the text of
functions, the full mapping of case beyond single letters, autoescape and block.
"""

import copy
import json
import pathlib
import sys

from transformers.utils.chat_template_utils import _compile_jinja_template

PATH = pathlib.Path(__file__).resolve().parents[2] / "internal/model/jinja/testdata/vectors.json"


def render(template, variables):
    try:
        return {"want": _compile_jinja_template(template).render(**copy.deepcopy(variables))}
    except Exception as e:
        return {"error": type(e).__name__}


def main():
    text = PATH.read_text()
    file = json.loads(text)
    file["cases"] = [{"t": c["t"], **render(c["t"], file["vars"])} for c in file["cases"]]
    new = json.dumps(file, indent=0) + "\n"
    if "--write" in sys.argv:
        PATH.write_text(new)
        return
    print("PASS" if new == text else "FAIL: vectors.json is not what jinja2 gives")
    sys.exit(new != text)


main()
