"""Rows left out are counted and named by line."""

from monitoring.logs.problems import Problems


def test_each_reason_is_a_clause_with_the_first_lines():
    """The most frequent first; one row is spoken of in the singular."""
    problems = Problems()
    problems.add("have no label", [7])
    problems.add("are not a JSON object", [3, 4, 5])
    problems.add("are not a JSON object", [9, 11, 12, 15])
    problems.add("have no timestamp", [])
    assert problems.rows == 8
    assert problems.sentences() == [
        "7 rows left out that are not a JSON object: lines 3, 4, 5, 9, 11 and others",
        "1 row left out that has no label: line 7",
    ]
    assert problems.to_json()[1] == {"reason": "have no label", "rows": 1, "lines": [7]}
