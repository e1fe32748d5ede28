"""The style of what stands above Evidently's page, light and dark as that is. Everything hangs on one class, so that
neither disturbs the other."""

STYLE = """
.trimtab{--page:#fff;--ink:#16191d;--quiet:#555d66;--sunken:#eff1f3;--line:#dfe2e6;--differs:#fdf8ee;--bad:#b3261e;
--bad-tint:#fbeae9;--warn:#855000;--warn-tint:#fbf0dc;--good:#1a6b3a;--good-tint:#e6f3ea}
@media (prefers-color-scheme:dark){.trimtab{--page:#121212;--ink:#e8eaed;--quiet:#a3abb5;--sunken:#1f2226;
--line:#33383e;--differs:#24200f;--bad:#ff8f86;--bad-tint:#3a1c1a;--warn:#f0b862;--warn-tint:#352611;--good:#78d19b;
--good-tint:#142c1d}}
.trimtab{background:var(--page);padding:1rem max(1.5rem,calc(50vw - 38rem));color:var(--ink);overflow-wrap:anywhere;
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif}
.trimtab h1{font-size:1.6rem;line-height:1.2;margin:.4rem 0 .3rem}
.trimtab h2{font-size:1.05rem;margin:1.8rem 0 .5rem}
.trimtab p{margin:.4rem 0;max-width:60rem}
.trimtab .lead,.trimtab caption,.trimtab small{color:var(--quiet)}
.trimtab .reason{background:var(--sunken);border-radius:8px;padding:.8rem 1rem}
.trimtab .note{background:var(--warn-tint);border-radius:8px;padding:.6rem .9rem}
.trimtab .scroll{overflow-x:auto;border:1px solid var(--line);border-radius:10px;margin:.8rem 0}
.trimtab .scroll:focus-visible{outline:2px solid var(--ink)}
.trimtab table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
.trimtab caption{text-align:left;padding:.6rem .75rem;font-size:.85rem}
.trimtab th,.trimtab td{text-align:left;padding:.45rem .75rem;border-top:1px solid var(--line);vertical-align:top}
.trimtab thead th{font-size:.8rem;font-weight:550;color:var(--quiet);white-space:nowrap}
.trimtab tbody th{font-weight:600;min-width:7rem}
.trimtab small{display:block;font-size:.8em;white-space:nowrap}
.trimtab .number{text-align:right;white-space:nowrap}
.trimtab .why{min-width:18rem}
.trimtab tr.differs>*{background:var(--differs)}
.trimtab .pill{display:inline-block;font-size:.82rem;font-weight:560;white-space:nowrap;border-radius:6px;
padding:.05rem .5rem;background:var(--sunken);color:var(--quiet)}
.trimtab .pill.bad{color:var(--bad);background:var(--bad-tint)}
.trimtab .pill.warn{color:var(--warn);background:var(--warn-tint)}
.trimtab .pill.good{color:var(--good);background:var(--good-tint)}
.trimtab h1 .pill{font-size:.9rem;vertical-align:middle}
"""
