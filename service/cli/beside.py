"""How does a proposed version's answering beside the live one look to a person?"""

from typing import Any

from rich.console import Group
from rich.text import Text

from monitoring.meaning.wording import number_of
from service.cli.output import table

MOST_CHANGES = 10


def render_shadow(value: dict[str, Any]) -> Group:
    """Return how often two versions answer alike, per class, and where they do not most often.

    Shares are of the traffic that the sample stands for.
    """
    agreement = value["agreement"]
    if agreement is None:
        return Group(Text("no item was answered by both versions yet; this needs traffic with texts kept"))
    headline = (
        f"{value['candidate']} beside {value['live']} ({value['state']}): "
        f"{number_of(value['items'], 'item')} of {value['traffic']:,.0f}, alike {agreement['ratio']:.1%} "
        f"({agreement['low']:.1%} to {agreement['high']:.1%})"
    )
    classes = table(
        "",
        ["class", "live", "proposed", "both", "only live", "only proposed"],
        [
            [
                each["class"],
                each["live_ratio"],
                each["candidate_ratio"],
                each["both"],
                each["only_live"],
                each["only_candidate"],
            ]
            for each in value["classes"]
        ],
        whole=1,
    )
    changes = [
        Text(
            f"{' + '.join(each['live'])} -> {' + '.join(each['candidate'])}: "
            f"{number_of(each['items'], 'item')}, {each['ratio']:.1%} of traffic"
        )
        for each in value["changes"][:MOST_CHANGES]
    ]
    return Group(Text(headline), classes, *changes)
