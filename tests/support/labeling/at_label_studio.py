"""Run in the labeling environment: a labeler at a Label Studio that serves, by its own SDK.

Arguments: its address, a token, and a directory with `NAME.tasks.json`, `NAME.config.xml` and
`NAME.answers.json` (item -> list of choices, or null to skip). Writes each export beside them as
`NAME.export.FORMAT`, and prints for each NAME what the program said it imported.
"""

import json
import sys
from pathlib import Path

from label_studio_sdk import LabelStudio

FORMATS = ("JSON", "JSON_MIN", "CSV", "TSV")


def label(client: LabelStudio, base: Path, name: str) -> dict[str, int]:
    """Import, annotate and export one batch."""
    config = (base / f"{name}.config.xml").read_text()
    tasks = json.loads((base / f"{name}.tasks.json").read_text())
    answers = json.loads((base / f"{name}.answers.json").read_text())
    project = client.projects.create(title=name, label_config=config)
    imported = client.projects.import_tasks(id=project.id, request=tasks, return_task_ids=True)
    for task in client.tasks.list(project=project.id, fields="all"):
        key = task.data["item_id"]
        if key not in answers:
            continue
        choices = answers[key]
        region = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": choices}}
        client.annotations.create(
            id=task.id, result=[] if choices is None else [region], was_cancelled=choices is None
        )
    for form in FORMATS:
        content = b"".join(client.projects.exports.download_sync(id=project.id, export_type=form))
        (base / f"{name}.export.{form}").write_bytes(content)
    return {"tasks": imported.task_count, "predictions": imported.prediction_count}


if __name__ == "__main__":
    address, token, directory = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    studio = LabelStudio(base_url=address, api_key=token)
    names = sorted(path.name.partition(".")[0] for path in directory.glob("*.tasks.json"))
    json.dump({name: label(studio, directory, name) for name in names}, sys.stdout)
