"""How an endpoint's captures are to be read: its settings and references."""

from collections.abc import Mapping
from datetime import datetime

from trimtab.aws import state_bucket
from trimtab.aws.endpoint_settings import endpoints_with_settings, load_endpoint_settings
from trimtab.capture.layout import Layout
from trimtab.capture.reference import Reference
from trimtab.capture.sampling import SmallestHashes
from trimtab.capture.variants import reference_for
from trimtab.settings import EndpointSettings


class Readings:
    """How captures are read: settings and references, looked up once per batch and not kept longer, so that a new one
    holds from the next batch on."""

    def __init__(self, name: str, state_table: str, state_bucket_name: str):
        self._name, self._table, self._bucket = name, state_table, state_bucket_name
        self._monitors: dict[str, EndpointSettings] = {}
        self._references: dict[tuple[str, str], Reference | None] = {}
        self._prefixes: Mapping[str, str] | None = None
        self._smallest: dict[tuple[str, str, datetime], SmallestHashes] = {}

    def monitor(self, endpoint: str) -> EndpointSettings:
        """The endpoint's settings."""
        if endpoint not in self._monitors:
            loaded = load_endpoint_settings(self._name, self._table, endpoint)
            self._monitors[endpoint] = loaded.settings
        return self._monitors[endpoint]

    def reference(self, endpoint: str, variant: str) -> Reference | None:
        """What the variant is compared with."""
        own, current = self._stored(endpoint, variant), self._stored(endpoint, state_bucket.CURRENT)
        return reference_for(variant, own, current)

    def smallest_hashes(self, endpoint: str, variant: str, hour: datetime) -> SmallestHashes:
        """Those of the rows that the batch has sampled of the variant's hour so far."""
        if (endpoint, variant, hour) not in self._smallest:
            self._smallest[endpoint, variant, hour] = SmallestHashes(self.monitor(endpoint).sample_rows)
        return self._smallest[endpoint, variant, hour]

    def labelled_endpoints(self, bucket: str, key: str, folder: str) -> tuple[str, ...]:
        """The endpoints that a ground-truth object holds labels for: those whose settings say that they are uploaded
        there, else the one that its `folder` is named like; none when the quality of neither is watched."""
        if self._prefixes is None:
            self._prefixes = self._label_prefixes()
        address = f"s3://{bucket}/{key}"
        lies_below = {
            name: len(prefix) for name, prefix in self._prefixes.items() if address.startswith(f"{prefix.rstrip('/')}/")
        }
        if lies_below:
            return tuple(sorted(name for name, length in lies_below.items() if length == max(lies_below.values())))
        return (folder,) if folder and self._labels(folder) == "" else ()

    def _label_prefixes(self) -> dict[str, str]:
        """Where ground truth is uploaded, by endpoint, as all settings say it: labels may come before the first capture
        of their endpoint, and must not be taken for nobody's."""
        # one call for ten endpoints; of those that do not name the key nothing more is asked
        names = [name for name, text in endpoints_with_settings(self._name) if "labels" in text]
        return {name: prefix for name in names if (prefix := self._labels(name))}

    def _labels(self, endpoint: str) -> str | None:
        quality = self.monitor(endpoint).quality
        return quality.labels if quality else None

    def layout(self, endpoint: str, variant: str) -> Layout:
        """How the variant's payloads are read."""
        reference = self.reference(endpoint, variant)
        return self.monitor(endpoint).layout(reference.grid.columns if reference else {})

    def _stored(self, endpoint: str, name: str) -> Reference | None:
        if (endpoint, name) not in self._references:
            reference = state_bucket.read_reference(self._bucket, endpoint, name)
            self._references[endpoint, name] = reference
        return self._references[endpoint, name]
