"""Sampling rows that come table by table, as a decoder or a reader of training data yields them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from trimtab.capture.free_text import absent
from trimtab.capture.naming import has_nameless_inputs
from trimtab.capture.sample import ALL, Hashes, RowSample, merge_samples, sample_of_table, trim, up_to
from trimtab.capture.table import Table

_MOST_PARTS = 256


@dataclass
class SmallestHashes:
    """The `most` smallest hashes of all rows that were looked at for one sample, whichever object they are of: no row
    with a hash above `cut` need be kept."""

    most: int
    cut: int = ALL
    _smallest: list[Hashes] = field(default_factory=list)
    _fresh: int = 0

    def add(self, hashes: Hashes) -> None:
        """Look at more hashes. The cut falls with them, though not with every few."""
        self._smallest.append(hashes)
        self._fresh += len(hashes)
        if self._fresh <= self.most // 4:
            return
        known = np.unique(np.concatenate(self._smallest))
        if len(known) > self.most:
            self.cut = int(known[self.most]) - 1
        self._smallest, self._fresh = [known[: self.most + 1]], 0


@dataclass
class RowSampler:
    """Samples rows in memory that does not grow with them.

    `seed` and `redact` as in `sample_of_table`; `smallest` may be shared with the samplers of other objects, whose
    samples will be trimmed together with this one; `rows` is the number of the next row. Where a column to be redacted
    is not there by its name and nothing names the inputs, any of them may be that column: then there is no sample.
    """

    seed: int
    smallest: SmallestHashes
    redact: frozenset[str] = frozenset()
    rows: int = 0
    is_withheld: bool = False
    _parts: list[RowSample] = field(default_factory=list)
    _cut: int = ALL

    def add(self, table: Table) -> None:
        """Sample the next rows."""
        if absent(self.redact, table.columns) and has_nameless_inputs(table):
            self.is_withheld = True
        most, cut = self.smallest.most, self.smallest.cut
        part = sample_of_table(table, self.seed, self.rows, most, redact=self.redact, cut=cut)
        self.rows += table.rows
        self._cut = part.cut  # never above that of a table before
        if part.rows:
            self._parts.append(part)
            self.smallest.add(part.hashes)
        if len(self._parts) == _MOST_PARTS:
            self._parts = [self._merged()]

    def through(self, tables: Iterable[Table]) -> Iterator[Table]:
        """The tables, each sampled before it is handed on."""
        for table in tables:
            self.add(table)
            yield table

    def sample(self) -> RowSample | None:
        """The sample of all rows so far, None when it is withheld."""
        return None if self.is_withheld else self._merged()

    def _merged(self) -> RowSample:
        return up_to(trim(merge_samples(self._parts), self.smallest.most), self._cut)
