"""References: the data a model was approved on, as a grid and the counts on it."""

from dataclasses import dataclass

from trimtab.capture.grid import Grid
from trimtab.capture.profile import Profile


@dataclass(frozen=True)
class Reference:
    """What live data is compared with.

    `source` says where it came from (an S3 address, or the window of captures). `created` is ISO 8601 UTC. `outputs`
    names the columns that come out of the model.
    """

    grid: Grid
    profile: Profile
    source: str
    created: str
    outputs: frozenset[str] = frozenset()
