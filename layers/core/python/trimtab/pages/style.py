"""The pages' one style sheet: system fonts, light and dark, from 320 pixels up. Every text has a contrast of 4.5 : 1 or
more against what it stands on, every line of a chart 3 : 1."""

STYLE = """
:root{color-scheme:light dark;
--page:#f6f7f8;--surface:#fff;--sunken:#eff1f3;--line:#dfe2e6;--ink:#16191d;--quiet:#555d66;--link:#1f55c0;
--current:#2a63d6;--band:#2a63d633;--past:#828a95;--bad:#b3261e;--bad-tint:#fbeae9;--warn:#855000;--warn-tint:#fbf0dc;
--good:#1a6b3a;--good-tint:#e6f3ea;--busy:#4a45b5;--busy-tint:#ecebfa;--mono:ui-monospace,SFMono-Regular,Menlo,
Consolas,"Liberation Mono",monospace}
@media (prefers-color-scheme:dark){:root{
--page:#0f1113;--surface:#17191c;--sunken:#1f2226;--line:#2c3036;--ink:#e8eaed;--quiet:#a3abb5;--link:#8db4ff;
--current:#7ba6ff;--band:#7ba6ff3d;--past:#7d8590;--bad:#ff8f86;--bad-tint:#3a1c1a;--warn:#f0b862;--warn-tint:#352611;
--good:#78d19b;--good-tint:#142c1d;--busy:#b3adff;--busy-tint:#252344}}
*{box-sizing:border-box}
html{font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","Noto Sans",sans-serif;
-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--ink);overflow-wrap:break-word}
a{color:var(--link);text-underline-offset:.15em;text-decoration-thickness:1px}
a:focus-visible,summary:focus-visible,input:focus-visible,.scroll:focus-visible,main:focus-visible{
outline:2px solid var(--link);outline-offset:2px;border-radius:4px}
main:focus{outline:0}
code{font:.92em var(--mono)}
.skip{position:absolute;left:-100vw}
.skip:focus{left:1rem;top:.5rem;background:var(--surface);padding:.5rem 1rem;z-index:2}
header.top,main,footer{max-width:76rem;margin:0 auto;padding:0 1.5rem}
header.top{display:flex;flex-wrap:wrap;gap:.25rem 1.5rem;align-items:baseline;padding-top:1.1rem;padding-bottom:.9rem}
header.top nav{font-size:.9rem}
header.top ol{display:flex;flex-wrap:wrap;gap:.4rem;list-style:none;margin:0;padding:0}
header.top li+li::before{content:"/";color:var(--quiet);margin-right:.4rem}
header.top .built{margin-left:auto;color:var(--quiet);font-size:.85rem}
.brand{font-weight:650;letter-spacing:-.01em}
footer{color:var(--quiet);font-size:.85rem;padding-top:1rem;padding-bottom:3rem}
footer p{margin:.3rem 0}
h1{font-size:1.6rem;line-height:1.2;letter-spacing:-.02em;font-weight:650;margin:.4rem 0 .3rem}
h2{font-size:1.05rem;font-weight:620;letter-spacing:-.01em;margin:2.2rem 0 .7rem}
h3{font-size:.92rem;font-weight:600;margin:0}
.lead{color:var(--quiet);margin:.2rem 0 1rem;max-width:60rem}
.quiet{color:var(--quiet)}
.card{background:var(--surface);border:1px solid var(--line);border-radius:10px}
.note{background:var(--warn-tint);color:var(--ink);border-radius:8px;padding:.6rem .9rem;margin:.8rem 0}
.pill{display:inline-flex;align-items:center;gap:.35em;font-size:.85rem;font-weight:560;white-space:nowrap;
border-radius:6px;padding:.05rem .5rem .05rem .4rem;background:var(--sunken);color:var(--quiet)}
.pill .shape{font-size:.75em}
.pill.bad{color:var(--bad);background:var(--bad-tint)}.pill.warn{color:var(--warn);background:var(--warn-tint)}
.pill.good{color:var(--good);background:var(--good-tint)}.pill.busy{color:var(--busy);background:var(--busy-tint)}
.pill.none{background:none;padding-left:0;font-weight:400}.pill.none .shape{display:none}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(11.5rem,1fr));gap:.75rem;margin:0;padding:0;list-style:none}
.tile{padding:.8rem 1rem .85rem;display:flex;flex-direction:column;gap:.2rem;align-items:flex-start}
.tile h2{margin:0;font-size:.8rem;font-weight:550;letter-spacing:0;color:var(--quiet)}
.tile .big{font-size:1.45rem;line-height:1.25;font-weight:620;letter-spacing:-.02em;font-variant-numeric:tabular-nums}
.tile p{margin:0;font-size:.85rem;color:var(--quiet)}
.filter{display:flex;flex-wrap:wrap;gap:.5rem 1rem;align-items:center;margin:1.4rem 0 .7rem}
.filter h2{margin:0}
.filter label{margin-left:auto;font-size:.85rem;color:var(--quiet);display:flex;gap:.5rem;align-items:center}
.filter input{font:inherit;color:var(--ink);background:var(--surface);border:1px solid var(--past);border-radius:6px;
padding:.3rem .6rem;width:13rem;max-width:100%}
[hidden]{display:none!important}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.9rem}
caption{text-align:left;color:var(--quiet);padding:.7rem 1rem;font-size:.85rem}
th,td{text-align:left;padding:.5rem .75rem;border-top:1px solid var(--line);vertical-align:top}
thead th{border-top:0;font-size:.8rem;font-weight:550;color:var(--quiet);white-space:nowrap}
th:first-child,td:first-child{padding-left:1rem}th:last-child,td:last-child{padding-right:1rem}
tbody th{font-weight:560;min-width:9.5rem;max-width:20rem;overflow-wrap:anywhere}
h1,h3,dd,.title,pre,code,.reason{overflow-wrap:anywhere}
.number{text-align:right;white-space:nowrap}
td small,th small{display:block;color:var(--quiet);font-size:.85em;font-weight:400}
tbody tr:first-child>*{border-top-color:var(--line)}
tr.bad>:first-child{box-shadow:inset 3px 0 var(--bad)}tr.warn>:first-child{box-shadow:inset 3px 0 var(--warn)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:.75rem}
figure{margin:0;padding:.8rem 1rem}
figcaption{display:flex;flex-wrap:wrap;gap:.1rem .8rem;align-items:baseline;margin-bottom:.5rem}
figcaption h3{flex:1 1 5rem}
figcaption .quiet{font-size:.85rem;font-variant-numeric:tabular-nums}
figcaption .now{margin-left:auto;font-variant-numeric:tabular-nums;font-weight:600}
.plot{position:relative;padding-right:3.4rem}
.plot svg{display:block;width:100%;height:7rem;overflow:visible}
.plot .high,.plot .low,.plot .at{position:absolute;right:0;width:3rem;font-size:.75rem;line-height:1;color:var(--quiet);
font-variant-numeric:tabular-nums;white-space:nowrap}
.plot .high{top:0}.plot .low{bottom:0}
.ends{display:flex;justify-content:space-between;padding-right:3.4rem;margin-top:.35rem;font-size:.75rem;color:var(--quiet);
font-variant-numeric:tabular-nums}
svg{fill:none;stroke-linejoin:round}
svg *{vector-effect:non-scaling-stroke}
.grid-line{stroke:var(--line);stroke-width:1}
.current{stroke:var(--current);stroke-width:1.75}.past{stroke:var(--past);stroke-width:1.5}
.dots{stroke-width:5;stroke-linecap:round}
.dots.bad{stroke:var(--bad)}.dots.warn{stroke:var(--warn)}.dots.good{stroke:var(--current)}.dots.unknown{stroke:var(--past)}
.area{fill:var(--band)}.limit{stroke:var(--bad);stroke-width:1;stroke-dasharray:4 3}
.deployment{stroke:var(--busy);stroke-width:1.5;stroke-dasharray:2 3}
.alarm{stroke:var(--bad);stroke-width:1.5}.alarm-area{fill:var(--bad);opacity:.09}
.bar-past{fill:var(--past)}.bar-current{fill:var(--current)}
.spark{width:8rem;height:1.6rem;display:block;overflow:visible;margin:.1rem 0 .3rem}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;font-size:.82rem;color:var(--quiet);margin:.2rem 0 .8rem;padding:0;
list-style:none}
.legend svg{width:1.5rem;height:.75rem;display:inline-block;vertical-align:middle;margin-right:.4rem}
.spread{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,17rem),1fr));gap:.75rem}
.spread svg{display:block;width:100%;height:5.5rem}
.spread .ends{padding-right:0}
.spread figcaption h3{flex:1 0 100%}
details{font-size:.9rem}.card+details.card{margin-top:.75rem}
summary{cursor:pointer;color:var(--link);padding:.35rem 0;font-size:.85rem}
details.card>summary{padding:.7rem 1rem}
details.card[open]>summary{border-bottom:1px solid var(--line)}
dl.facts{display:grid;grid-template-columns:minmax(7rem,max-content) 1fr;gap:.35rem 1.2rem;margin:0;padding:.9rem 1rem}
dl.facts dt{color:var(--quiet)}dl.facts dd{margin:0}
.reason{font-size:1.02rem;padding:1rem 1.1rem;margin:.8rem 0;white-space:pre-line}
.list{list-style:none;margin:0;padding:0}
.list li{display:grid;grid-template-columns:8.5rem 1fr auto;gap:.2rem 1rem;padding:.55rem 1rem;
border-top:1px solid var(--line);align-items:baseline}
.list li:first-child{border-top:0}
.list .pill{justify-self:start}.charts+.card,.charts+.after{margin-top:.75rem}
.list .when{color:var(--quiet);font-size:.85rem;font-variant-numeric:tabular-nums;text-align:right}
.empty{padding:1.2rem 1rem;color:var(--quiet);margin:0}
pre{font:.82rem/1.5 var(--mono);overflow-x:auto;margin:0;padding:.9rem 1rem;white-space:pre-wrap}
@media (max-width:46rem){
header.top,main,footer{padding-left:1rem;padding-right:1rem}
header.top .built{margin-left:0;width:100%}
.tiles{grid-template-columns:1fr 1fr}.tile{padding:.65rem .8rem}.tile .big{font-size:1.2rem}
.filter label{margin-left:0;width:100%}.filter input{flex:1;width:auto;min-width:0}
table.stack thead{position:absolute;clip-path:inset(50%);height:1px;width:1px;overflow:hidden}
table.stack,table.stack caption,table.stack tbody,table.stack tr,table.stack th,table.stack td{display:block}
table.stack tr{padding:.6rem 1rem .7rem;border-top:1px solid var(--line)}
table.stack tr:first-child{border-top:0}
table.stack tr.bad,table.stack tr.warn{box-shadow:inset 3px 0 var(--warn)}
table.stack tr.bad{box-shadow:inset 3px 0 var(--bad)}
table.stack tr>*{box-shadow:none!important}
table.stack th,table.stack td{border:0;padding:.12rem 0!important;text-align:left}
table.stack td{display:grid;grid-template-columns:7.5rem 1fr;gap:.6rem}
table.stack td::before{content:attr(data-label);color:var(--quiet);font-size:.85rem}
table.stack td>*{justify-self:start;grid-column:2}
table.stack tbody th{font-size:1rem}
.list li{grid-template-columns:1fr auto}.list li .title{grid-column:1/-1;grid-row:2}
dl.facts{grid-template-columns:1fr;gap:0}dl.facts dd{margin-bottom:.6rem}
}
@media print{body{background:none}.filter label,.skip{display:none}}
"""
