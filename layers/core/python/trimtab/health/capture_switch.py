"""Can captures arrive at all: is capture on, and does the bucket tell of new objects?"""

from collections.abc import Collection

from trimtab.drift.verdict import Verdict
from trimtab.health.check import Check


def capture_switch(endpoint: str, *, is_enabled: bool, status: str) -> Check:
    """Whether SageMaker captures; `status` is DescribeEndpoint's `CaptureStatus`, "" when it tells none. For endpoints
    that are to be monitored."""
    if not is_enabled:
        verdict, why = Verdict.ALERT, "the endpoint's configuration has EnableCapture off or no DataCaptureConfig"
    elif status == "Stopped":
        verdict, why = Verdict.ALERT, "CaptureStatus is Stopped"
    else:
        verdict, why = Verdict.OK, "EnableCapture is on"
    mend = (
        " Update the endpoint with a configuration that has DataCaptureConfig with EnableCapture true, or tag it"
        " trimtab:monitor=off."
    )
    return Check(
        name="capture_switch",
        kind="self",
        severity="warning",
        title=f"Capture of {endpoint} is switched off",
        verdict=verdict,
        reason=f"{why[0].upper()}{why[1:]}.{mend if verdict is Verdict.ALERT else ''}",
        evidence={"capture_enabled": is_enabled, "capture_status": status},
    )


def capture_bucket(endpoint: str, bucket: str, *, watched: Collection[str], tells: bool | None) -> Check:
    """Whether the bucket is one that this stack listens to (`watched`) and tells EventBridge of new objects (`tells`;
    None when the bucket was not asked)."""
    if bucket not in watched:
        verdict = Verdict.ALERT
        reason = (
            f"The endpoint captures to {bucket}, which this stack does not listen to. Add it to the stack's parameter "
            f"CaptureBuckets, and switch its EventBridge notifications on."
        )
    elif tells is None:
        verdict, reason = Verdict.INSUFFICIENT_DATA, f"Bucket {bucket} could not be asked for its notifications."
    elif not tells:
        verdict = Verdict.ALERT
        reason = (
            f"Bucket {bucket} does not tell EventBridge of new objects, so no capture is read. Switch it on under "
            "Properties, Amazon EventBridge (or `aws s3api put-bucket-notification-configuration`, which replaces the "
            "notifications that are there), or set the stack's parameter ManageCaptureBuckets to true."
        )
    else:
        verdict, reason = Verdict.OK, f"Bucket {bucket} tells EventBridge of new objects."
    return Check(
        name="capture_bucket",
        kind="self",
        severity="critical",
        title=f"Captures of {endpoint} are not announced",
        verdict=verdict,
        reason=reason,
        evidence={"bucket": bucket, "watched": bucket in watched, "eventbridge": tells},
    )
