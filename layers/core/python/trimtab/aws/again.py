"""Work that other runs overtake."""

from collections.abc import Callable


def again_on[T](overtaken: type[Exception] | tuple[type[Exception], ...], work: Callable[[], T], tries: int = 3) -> T:
    """Do work that reads something and relies on it, again from the reading when another run was faster: what it then
    raises is `overtaken`. Raises that when it is so each time."""
    for _ in range(tries - 1):
        try:
            return work()
        except overtaken:
            continue
    return work()
