"""`python -m loadtest.report FILE.json [-o FILE.html]`: write the report of a document anew."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from loadtest.report import write_any


def main(arguments: list[str] | None = None) -> None:
    """Writes the page beside the document, or where `-o` says."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.report", description="Write the HTML report of a load test's JSON.")
    parser.add_argument("document", type=Path, metavar="FILE.json", help="result.json, compare.json or capacity.json")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE.html", help="where to write it, beside the document by default")
    given = parser.parse_args(arguments)
    output = given.output or given.document.with_suffix(".html")
    try:
        write_any(json.loads(given.document.read_text()), output)
    except (OSError, ValueError) as error:
        parser.exit(1, f"{given.document}: {error}\n")
    print(output)


if __name__ == "__main__":
    main()
