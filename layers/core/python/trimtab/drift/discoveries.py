"""False-discovery rate over many tests."""

import numpy as np

from trimtab.capture.table import FloatArray


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Adjusted p-values (q), in the order given: those with q <= level are discoveries at that false-discovery rate.

    Benjamini & Hochberg 1995; holds for independent and positively dependent tests.
    """
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * count / np.arange(1, count + 1)
    q_values = np.empty(count)
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values
