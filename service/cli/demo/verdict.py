"""Did the loop do its job: each promise of the demo as one check with what was seen and what was expected."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree as ET

from service.cli.demo.hidden import Stretch


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, whether it was kept, and the figures."""

    name: str
    passed: bool
    seen: str
    expected: str


def alarm_names(alarm: Mapping[str, Any], watched: str) -> Check:
    """Check that the class with the strongest evidence is the one that was moved."""
    named = [each["class"] for each in alarm["classes"]]
    return Check("alarm names the class", bool(named) and named[0] == watched, ", ".join(named), watched)


def streams_tell(status: Mapping[str, Any], streams: Sequence[str]) -> Check:
    """Check that each of these streams has evidence of the change that would do for an alarm by itself."""
    limit = status["threshold"]
    found = {each["name"]: each["statistic"] for each in status["streams"] if each["name"] in streams}
    seen = ", ".join(f"{name} {found[name]:.1f}" for name in streams if name in found)
    passed = all(found.get(name, 0.0) >= limit for name in streams)
    return Check(f"{' and '.join(streams)} moved", passed, seen, f"evidence of {limit:.1f} in each")


def delay_within(items: int, items_to_detect: float, times: float) -> Check:
    """Check that the alarm came within so many times the planned number of items."""
    limit = times * items_to_detect
    expected = f"at most {limit:,.0f} ({times:g} x {items_to_detect:,.0f})"
    return Check("delay in items", items <= limit, f"{items:,}", expected)


def start_near(
    estimate: int, truth: int, *, raised: int, items_to_detect: float, bucket_items: float
) -> Check:
    """Check that the estimated start lies before the alarm and near the true one (all in items sent).

    Near is within 20 % of the true start and within the planned delay, at least two buckets: a start is only
    known to a bucket, and one is sealed while the next begins. In simulated runs of this change 95 % of the
    estimates were off by less than half the planned delay, and none by more than four fifths of it.
    """
    allowed = min(0.2 * truth, max(items_to_detect, 2 * bucket_items))
    passed = estimate < raised and abs(estimate - truth) <= allowed
    return Check(
        "estimated start",
        passed,
        f"item {estimate:,}, {estimate - truth:+,} items",
        f"item {truth:,} +- {allowed:,.0f}, before item {raised:,}",
    )


def batch_is_rich(labels: Sequence[str], watched: str, traffic_share: float, times: float) -> Check:
    """Check that the batch holds the class at so many times the rate of the traffic it came from."""
    share = sum(label == watched for label in labels) / max(len(labels), 1)
    seen, expected = f"{share:.1%} by hidden truth", f"at least {times:g} x {traffic_share:.1%}"
    return Check(f"{watched} in the batch", share >= times * traffic_share, seen, expected)


def exports_agree(exports: Mapping[str, bytes], config: bytes, n_items: int) -> Check:
    """Check that the three exports parse and hold the same items, and tasks fit the labeling config."""
    lines = [json.loads(line) for line in exports["jsonl"].decode().splitlines()]
    table = list(csv.DictReader(io.StringIO(exports["csv"].decode(), newline="")))
    tasks = json.loads(exports["label_studio"])
    fields = {each.get("value", "").lstrip("$") for each in ET.fromstring(config).iter("Text")}  # noqa: S314 - our own
    agree = {len(lines), len(table), len(tasks)} == {n_items} and bool(fields)
    complete = all(fields <= task["data"].keys() for task in tasks)
    seen = f"{len(lines)} lines, {len(table)} rows, {len(tasks)} tasks"
    if len(lines) == len(table) == len(tasks):
        seen = f"{len(lines)} lines, rows and tasks"
    return Check("exports validate", agree and complete, seen, f"{n_items} items in each")


def counted_once(receipts: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]], sent: int) -> Check:
    """Check that labels sent twice, lease by lease, were accepted once."""
    first = sum(one["accepted"] for one, _ in receipts)
    second, known = (sum(other[name] for _, other in receipts) for name in ("accepted", "repeated"))
    seen = f"{first}, then {second} and {known} known"
    return Check(
        "labels counted once",
        (first, second, known) == (sent, 0, sent),
        seen,
        f"{sent}, then 0 and {sent} known",
    )


def open_batches_hold(refusal: str) -> Check:
    """Check that no further batch is made while the alarm's waits for its labels."""
    seen = refusal or "another batch was made"
    return Check("open batches are limited", "open, at most" in refusal, seen, "refused while one is open")


def budget_holds(refusals: Sequence[str]) -> Check:
    """Check that the day's budget of labels stopped further batches."""
    passed = any("today" in each for each in refusals)
    return Check("label budget holds", passed, "; ".join(refusals) or "never refused", "refused when used up")


def shadow_tells(shadow: Mapping[str, Any], watched: str, least: int) -> Check:
    """Check that the proposed version answered live traffic beside the one in force."""
    both = next((each for each in shadow["classes"] if each["class"] == watched), None)
    shares = f", {watched} {both['live_ratio']:.1%} -> {both['candidate_ratio']:.1%}" if both else ""
    seen = f"{shadow['items']:,} items{shares}"
    return Check("proposed version beside the live", shadow["items"] >= least, seen, f"{least:,} items")


def promoted(state: str) -> Check:
    """Check that the promotion decided the proposal."""
    return Check("proposal decided", state == "promoted", state, "promoted")


def recall_fell_and_is_back(stretches: Sequence[Stretch], target: float) -> list[Check]:
    """Check that the change broke the promised recall, and the repair restored it, by hidden truth."""
    _, during, after = stretches
    return [
        Check(
            "the change hurts", during.recall < target, f"recall {during.recall:.1%}", f"below {target:.0%}"
        ),
        Check(
            "the repair helps", after.recall >= target, f"recall {after.recall:.1%}", f"at least {target:.0%}"
        ),
    ]


def claims_only_what_is_proved(claim: Mapping[str, Any]) -> Check:
    """Check that a recall is certified by enough explored labels, or said to lack them."""
    status, needs = claim["new"]["status"], claim["needs"]
    seen = f"{claim['class']} {status}, {claim['explored_positives']} explored"
    if status == "certified":
        return Check(
            "claims what is proved",
            claim["new"]["recall_lower"] >= claim["target"]["recall"],
            seen,
            "a bound",
        )
    lacking = None if needs is None else needs["labels"]
    told = f"; {lacking:,} more explored labels would certify it" if lacking else ""
    return Check("claims what is proved", needs is not None, seen + told, "no certificate, and what lacks")


def alarm_closed(alarms: Sequence[Mapping[str, Any]]) -> Check:
    """Check that the alarm of the repair ended by the promotion."""
    by = [each["ended_by"] for each in alarms]
    return Check("alarm closed by its cause", "promotion" in by, ", ".join(map(str, by)), "promotion")


def on_record(steps: Sequence[Mapping[str, Any]]) -> Check:
    """Check that the history names who put which version in force, and why."""
    acts = [each for each in steps if each["who"] and each["why"]]
    seen = f"{len(steps)} steps, {len(acts)} with who and why"
    return Check("steps on record", len(acts) >= 2, seen, "fits, proposal, promotions")


def calm(state: str, alarms: int, items: int) -> Check:
    """Check that unshifted traffic raised no alarm, not even one that cleared, and ended calm."""
    seen = f"{state}, {alarms} alarms in {items:,} items"
    return Check("no alarm without drift", alarms == 0 and state == "calm", seen, "calm, 0 alarms")
