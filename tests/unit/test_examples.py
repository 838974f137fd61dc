"""The examples run as they are, and the README shows them as they are."""

import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def test_the_example_of_embedding_is_in_the_readme_with_what_it_prints():
    example = CHECKOUT / "examples" / "embedded.py"
    readme = (CHECKOUT / "README.md").read_text()
    printed = subprocess.run([sys.executable, example], capture_output=True, text=True, check=True, timeout=60).stdout
    assert example.read_text() in readme
    assert f"$ .venv/bin/python examples/embedded.py\n{printed}" in readme
