# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Writes the dashboards as JSON, or says which of those committed are not what the source makes.

usage: generate.py [--check] FOLDER
"""

import json
import sys
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from boards import BOARDS

# Where the builders know more than Grafana's own files say: they would hide links and annotations in a menu.
DROPPED = [("placement", "inControlsMenu")]
DATA_LINK = {"title", "url", "targetBlank"}


def text(board: Any) -> str:
    """A dashboard as a file: sorted and indented, so that a change of the source is a small change here."""
    plain = json.loads(json.dumps(board.build(), cls=JSONEncoder))
    return json.dumps(_tidy(plain), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _tidy(value: Any, inside_fields: bool = False) -> Any:
    if isinstance(value, list):
        return [_tidy(item, inside_fields) for item in value]
    if not isinstance(value, dict):
        return value
    if inside_fields and DATA_LINK <= value.keys():
        return {key: value[key] for key in DATA_LINK}
    return {key: _tidy(item, inside_fields or key == "fieldConfig") for key, item in value.items() if (key, item) not in DROPPED}


def main(arguments: list[str]) -> int:
    check = "--check" in arguments
    folder = Path(next(argument for argument in arguments if argument != "--check"))
    texts = {f"{name}.json": text(board) for name, board in BOARDS.items()}
    if not check:
        for name, content in texts.items():
            (folder / name).write_text(content, encoding="utf-8")
        return 0
    there = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    wrong = sorted(name for name in there.keys() | texts.keys() if there.get(name) != texts.get(name))
    for name in wrong:
        print(f"{folder / name} is not what deploy/grafana/src makes: run Tools/observability/dashboards and commit", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
