"""Variants that stand beside an endpoint's production variants: the sides of batch transforms, and models.

They have windows of their own, and columns or distributions of their own, so a reference made from another variant's
captures does not hold for them.
"""

from urllib.parse import quote

from trimtab.capture.reference import Reference

BATCH_INPUT, BATCH_OUTPUT = "batch-input", "batch-output"
BATCH = frozenset({BATCH_INPUT, BATCH_OUTPUT})
_BEFORE_MODEL = "."  # never in the name of a production variant
_GIVEN = "s3://"


def model_variant(variant: str, model: str) -> str:
    """The variant under which a model's rows are profiled: `AllTraffic.my-model`; with model "" the variant itself."""
    return f"{variant}{_BEFORE_MODEL}{quote(model, safe='')}" if model else variant


def production_variant(variant: str) -> str:
    """The production variant that a model's variant is part of."""
    return variant.partition(_BEFORE_MODEL)[0]


def stands_alone(variant: str) -> bool:
    """Whether the variant is a side of batch transforms or a model: its first window makes its own reference."""
    return variant in BATCH or _BEFORE_MODEL in variant


def reference_for(variant: str, own: Reference | None, current: Reference | None) -> Reference | None:
    """The reference a variant is compared with: its own, the one stored under its name, else the endpoint's current
    one. For a variant that stands alone the current one counts only if it was given, not made from captures."""
    if own is None and current is not None and stands_alone(variant) and not current.source.startswith(_GIVEN):
        return None
    return own or current
