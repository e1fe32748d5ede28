"""Tables of figures on pages of docs/, each between its marks. What is said around them stays."""

from collections.abc import Mapping, Sequence
from pathlib import Path


def write_parts(page: Path, parts: Mapping[str, Sequence[str]], command: str) -> None:
    """Put each part's lines between its marks: "<!-- name: written by command -->" and "<!-- end of name -->"."""
    text = page.read_text()
    for name, lines in parts.items():
        begin, end = f"<!-- {name}: written by {command} -->\n", f"<!-- end of {name} -->\n"
        if begin not in text or end not in text:
            raise SystemExit(f"{page}: no place for {name} (between {begin.strip()} and {end.strip()})")
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = before + begin + "\n" + "\n".join(lines) + "\n\n" + end + after
    page.write_text(text)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table; the first column is text, the others are right-aligned."""
    marks = ["---", *["---:"] * (len(header) - 1)]
    return [f"| {' | '.join(cells)} |" for cells in (header, marks, *rows)]
