"""Waiting in an M/G/k queue: Erlang C, the tail of the wait, and the greatest rate that keeps a latency.

Sources: Erlang C by the Erlang-B recursion; the tail of M/M/k scaled by (1 + CV²)/2 for M/G/k (Lee and Longton). The
sum of the service's and the wait's 95th percentiles bounds the total's from above: by simulation it is 0 to 30 %
pessimistic for k = 2, 4, 8 and CV 0.3 to 1.
"""

from math import exp, inf, log, sqrt

Z95 = 1.6448536269514722  # 95th percentile of the normal distribution
STEPS = 60


def erlang_c(workers: int, load: float) -> float:
    """Probability that a request waits, with `load` in Erlang (arrivals per second × seconds of service)."""
    if load >= workers:
        return 1.0
    blocked = 1.0
    for worker in range(1, workers + 1):
        blocked = load * blocked / (worker + load * blocked)
    return blocked / (1 - (load / workers) * (1 - blocked))


def wait_quantile(workers: int, rps: float, service_s: float, cv2: float, quantile: float = 0.95) -> float:
    """Seconds that so large a share of the requests waits at most; infinite when the queue grows without end."""
    load = rps * service_s
    if load >= workers:
        return inf
    waiting = erlang_c(workers, load)
    if waiting <= 1 - quantile:
        return 0.0
    return log(waiting / (1 - quantile)) * service_s / (workers - load) * (1 + cv2) / 2


def p95_latency(workers: int, rps: float, service_s: float, service_p95_s: float, cv2: float) -> float:
    """Upper bound of the 95th percentile of latency, in seconds."""
    return service_p95_s + wait_quantile(workers, rps, service_s, cv2)


def max_rate(
    workers: int, service_s: float, service_p95_s: float, cv2: float, target_s: float, busy: float = 0.7
) -> float:
    """Greatest requests per second with p95 within `target_s` and workers at most `busy`; 0 when none is."""
    if service_p95_s > target_s:
        return 0.0
    low, high = 0.0, workers / service_s * busy
    if p95_latency(workers, high, service_s, service_p95_s, cv2) <= target_s:
        return high
    for _ in range(STEPS):
        middle = (low + high) / 2
        if p95_latency(workers, middle, service_s, service_p95_s, cv2) <= target_s:
            low = middle
        else:
            high = middle
    return low


def lognormal_cv2(mean: float, p95: float) -> float:
    """CV² of the lognormal distribution with this mean and 95th percentile.

    p95/mean = exp(1.645 σ − σ²/2) has its maximum at σ = 1.645; a heavier tail than that is given that σ.
    """
    excess = Z95**2 - 2 * log(max(p95 / mean, 1.0))
    sigma = Z95 - sqrt(max(excess, 0.0))
    return exp(sigma**2) - 1
