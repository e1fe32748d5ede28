"""What is remembered of a variant between runs, and when people are told of its size: not each day the same."""

from datetime import datetime, timedelta

from pydantic import AwareDatetime

from trimtab.findings import State
from trimtab.sizing.application import Mode, Prediction, Resizing, resizing_id
from trimtab.sizing.description import Regime
from trimtab.sizing.plan import Document, Plan
from trimtab.sizing.recommendation import Recommendation, Verdict
from trimtab.sizing.setting import Setting, wanted_setting
from trimtab.sizing.settings import SizingSettings

CALM = timedelta(days=3)
"""A verdict that was told is taken back when the endpoint has been right-sized for so long."""


class Told(Document):
    """What people were told last. `proposed`: its type, "" when nothing was proposed; `waiting`: for their approval."""

    verdict: Verdict
    proposed: str
    usd_month: float | None
    waiting: str
    since: AwareDatetime


class Approvable(Document):
    """What a person can approve."""

    plan: Plan
    prediction: Prediction
    reason: str

    def resizing(
        self, endpoint: str, variant: str, config: str, present: Setting, *, mode: Mode, by: str, now: datetime
    ) -> Resizing:
        """The change that brings the plan about, before anything was done for it. Raises ValueError when it is none for
        the `present` setting, which `why_not_apply` would have said."""
        wanted = wanted_setting(self.plan, present)
        if isinstance(wanted, str):
            raise ValueError(wanted)
        return Resizing(
            id=resizing_id(endpoint, variant, config, self.plan, now),
            endpoint=endpoint,
            variant=variant,
            config=config,
            mode=mode,
            by=by,
            reason=self.reason,
            plan=self.plan,
            before=present,
            wanted=wanted,
            prediction=self.prediction,
            started=now,
        )


class Memory(Document):
    """What is remembered of a variant.

    `config`, `config_since`: which configuration serves since when. `calm_since`: since when it is right-sized after
    something else was told. `applied`: when Trimtab last changed it.
    """

    config: str = ""
    config_since: AwareDatetime | None = None
    told: Told | None = None
    calm_since: AwareDatetime | None = None
    approvable: Approvable | None = None
    applied: AwareDatetime | None = None

    @property
    def regime(self) -> Regime | None:
        """The configuration that served when it was last looked at."""
        return Regime(self.config, self.config_since) if self.config_since else None

    def after(self, **values: object) -> "Memory":
        """It with other values."""
        return self.model_copy(update=values)


def notify(
    memory: Memory,
    found: Recommendation,
    usd_month: float | None,
    waiting: str,
    now: datetime,
    settings: SizingSettings,
) -> tuple[State | None, Memory]:
    """Whether people are told of a recommendation, as what, and what is remembered then.

    `usd_month`: what today's setting costs; `waiting`: the plan that waits for an approval, "" without. Too little data
    is neither good nor bad news: it tells and takes back nothing.
    """
    if found.verdict is Verdict.INSUFFICIENT_DATA:
        return None, memory
    told = memory.told
    new = Told(
        verdict=found.verdict,
        proposed=found.proposal.instance_type if found.proposal else "",
        usd_month=found.proposal.monthly_usd if found.proposal else None,
        waiting=waiting,
        since=now,
    )
    if found.verdict is Verdict.RIGHT_SIZED and told is not None and told.verdict is not Verdict.RIGHT_SIZED:
        calm_since = memory.calm_since or now
        if now - calm_since < CALM:
            return None, memory.after(calm_since=calm_since)
        return "cleared", memory.after(told=new, calm_since=None)
    if told is not None and _is_same(told, new, found, usd_month, settings):
        return None, memory.after(calm_since=None)
    return "raised", memory.after(told=new, calm_since=None)


def _is_same(told: Told, new: Told, found: Recommendation, usd_month: float | None, settings: SizingSettings) -> bool:
    """Whether what was told still stands: another type, or another price, must differ by what is worth a change."""
    if (told.verdict, bool(told.proposed), told.waiting) != (new.verdict, bool(new.proposed), new.waiting):
        return False
    if found.proposal is None:
        return True
    worth = max(settings.min_saving_share * (usd_month or 0.0), settings.min_saving_usd)
    standing = next((each for each in found.top if each.instance_type == told.proposed), None)
    if standing is None:
        return False
    return (
        standing.monthly_usd - found.proposal.monthly_usd < worth
        and abs(standing.monthly_usd - (told.usd_month or 0.0)) < worth
    )
