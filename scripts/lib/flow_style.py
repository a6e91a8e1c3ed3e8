# SPDX-License-Identifier: Apache-2.0
"""How the page /docs/flows looks: by day and by night, on a desk and on a phone."""

STYLE = """\
:root{--ink:#1c2430;--soft:#5b6675;--page:#fff;--card:#f3f5f9;--line:#d5dbe5;--edge:#5b6675;--blue:#0b57a4;--warm:#b4510a}
@media (prefers-color-scheme:dark){
:root{--ink:#e4e8ee;--soft:#9aa6b6;--page:#12161c;--card:#1c232d;--line:#36404e;--edge:#9aa6b6;--blue:#74b3f5;--warm:#f0a35e}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;max-width:68rem;margin:0 auto;padding:1rem 1rem 4rem;color:var(--ink);
background:var(--page);overflow-wrap:break-word}
h1,h2,h3,h4{line-height:1.25}
h2{margin:3.5rem 0 1rem;padding-top:.5rem;border-top:3px solid var(--line)}
h3{margin:2.2rem 0 .6rem}h4{margin:1rem 0 .2rem;color:var(--soft);font-size:.95rem}
small,.note{color:var(--soft);font-weight:400}
a{color:var(--blue)}
code{font:.86em ui-monospace,monospace;background:var(--card);padding:.1em .3em;border-radius:3px;overflow-wrap:anywhere}
ul{padding-left:1.2rem}li{margin:.15rem 0}
nav ul{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1.2rem}
nav .sub{font-size:.9em}
.wide,.picture{overflow-x:auto;margin:.8rem 0}
.picture{background:var(--card);border-radius:8px;padding:.5rem}
.picture svg{display:block;margin:0 auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
td,th{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600}
td code{overflow-wrap:normal}
.count{display:inline-block;min-width:1.5em;text-align:center;border-radius:1em;background:var(--warm);color:var(--page);
font-size:.85em;font-weight:600;padding:0 .4em}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;font-size:.92rem}
dt{font-weight:600}dd{margin:0;color:var(--soft)}
details{border-bottom:1px solid var(--line);padding:.4rem 0}summary{cursor:pointer}
.key{list-style:none;padding:0}.key svg{vertical-align:middle}
svg text{font-family:system-ui,sans-serif;fill:var(--ink)}
svg .name{font-size:14px;text-anchor:middle}
svg .number{font-size:12px;font-weight:600;text-anchor:middle;fill:var(--warm)}
svg .state,svg .service,svg .actor{fill:var(--page);stroke:var(--edge);stroke-width:1.4}
svg .actor{stroke:var(--warm)}
svg .badge{fill:var(--card);stroke:none}
svg .edge,svg .ask,svg .event{fill:none;stroke:var(--edge);stroke-width:1.4}
svg .event{stroke:var(--blue);stroke-dasharray:2 3}
svg .start{fill:var(--ink)}svg .end{fill:none;stroke:var(--ink);stroke-width:1.4}
svg .tip{fill:var(--edge)}
svg .lifeline{stroke:var(--line);stroke-width:1.4}
svg .told{fill:var(--blue)}
svg .reaction{fill:var(--blue);stroke:var(--blue);stroke-width:1.6}
svg .projection{fill:var(--page);stroke:var(--blue);stroke-width:1.6}
svg .ask-label,svg .event-label{font-size:12.5px;paint-order:stroke;stroke:var(--card);stroke-width:4px;stroke-linejoin:round}
svg .event-label{fill:var(--blue)}
.man circle,.man path{fill:none;stroke:var(--warm);stroke-width:1.8}
.man{vertical-align:middle}
"""
