"""The frame of the pages that the demos write: one document without scripts, light or dark, whose wide parts scroll."""

_STYLE = """
:root {
  color-scheme: light dark; --line: #d9dee5; --bad: #b3263a; --warn: #9a6700; --good: #1a7f37; --soft: #f4f6f8;
}
@media (prefers-color-scheme: dark) {
  :root { --line: #3a414b; --bad: #ff7b88; --warn: #e3b341; --good: #56d364; --soft: #1c2129; }
}
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; }
img { width: 100%; height: auto; }
.facts { display: flex; flex-wrap: wrap; gap: 1rem 3rem; margin: 1rem 0; padding: 0; list-style: none; }
.facts b { display: block; font-size: 1.6rem; }
.wide { overflow-x: auto; } .wide img { min-width: 56rem; background: white; border-radius: 6px; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); }
"""


def html_page(title: str, style: str, body: str) -> str:
    """The page. `style`: rules of its own, besides those of all; `title` stands in the window's."""
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{_STYLE}{style}</style>
{body}
</html>
"""
