"""Run in the labeling environment: Label Studio's SDK checks the files, and converts an annotated one.

Argument: a directory with `NAME.tasks.json`, `NAME.config.xml` and `NAME.annotated.json`. Prints for each
NAME what the checks found, and writes the conversions as `NAME.converted.FORMAT`.
"""

import json
import sys
from pathlib import Path

from label_studio_sdk.converter import Converter
from label_studio_sdk.label_interface import LabelInterface

FORMATS = {"JSON": "result.json", "JSON_MIN": "result.json", "CSV": "result.csv"}


def check(base: Path, name: str) -> dict[str, object]:
    """Validate the configuration, each task and each prediction; convert what was annotated."""
    path = base / f"{name}.config.xml"
    interface = LabelInterface(path.read_text())
    interface.validate()
    tasks = json.loads((base / f"{name}.tasks.json").read_text())
    for form, file in FORMATS.items():
        out = base / f"{name}-{form}"
        converter = Converter(str(path), str(base), download_resources=False)
        converter.convert(str(base / f"{name}.annotated.json"), str(out), form, is_dir=False)
        (base / f"{name}.converted.{form}").write_bytes((out / file).read_bytes())
    return {
        "choices": list(interface.get_control("label").labels),
        "tasks": [interface.validate_task({"data": task["data"]}) for task in tasks],
        "errors": [
            error
            for task in tasks
            for prediction in task["predictions"]
            for error in interface.validate_prediction(prediction, return_errors=True)
        ],
    }


if __name__ == "__main__":
    directory = Path(sys.argv[1])
    names = sorted(path.name.partition(".")[0] for path in directory.glob("*.tasks.json"))
    json.dump({name: check(directory, name) for name in names}, sys.stdout)
