"""How an endpoint's captures are to be read: its settings and references."""

from trimtab.aws import state_bucket
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.capture.layout import Layout
from trimtab.capture.reference import Reference
from trimtab.capture.variants import reference_for
from trimtab.settings import EndpointSettings


class Readings:
    """How captures are read: settings and references, looked up once per batch and not kept longer, so that a new one
    holds from the next batch on."""

    def __init__(self, name: str, state_table: str, state_bucket_name: str):
        self._name, self._table, self._bucket = name, state_table, state_bucket_name
        self._monitors: dict[str, EndpointSettings] = {}
        self._references: dict[tuple[str, str], Reference | None] = {}

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

    def layout(self, endpoint: str, variant: str) -> Layout:
        """How the variant's payloads are read."""
        reference = self.reference(endpoint, variant)
        return self.monitor(endpoint).layout(reference.grid.columns if reference else {})

    def _stored(self, endpoint: str, name: str) -> Reference | None:
        if (endpoint, name) not in self._references:
            reference = state_bucket.read_reference(self._bucket, endpoint, name)
            self._references[endpoint, name] = reference
        return self._references[endpoint, name]
