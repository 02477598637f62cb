# For tests: stands in for the project's commands. Notes how it was called; fails where TEST_FAIL names its first word.
import json
import os
import sys

words = sys.argv[1:]
with open(os.environ["TEST_CALLS"], "a", encoding="utf-8") as calls:
    calls.write(json.dumps({"words": words, "cwd": os.getcwd(), "env": {name: value for name, value in os.environ.items() if name.startswith("FIRN_")}}) + "\n")
sys.exit(3 if words[0] == os.environ.get("TEST_FAIL") else 0)
