"""The style sheet of the documentation page."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #5a6575; --line: #dfe3ea; --page: #fff; --code: #f4f6f9;
  --get: #1a6b4a; --post: #1f4fa3; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ef; --soft: #9aa5b5; --line: #333b48; --page: #161a21;
  --code: #1f2530; --get: #6fd3a8; --post: #8fb4ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
.columns { display: grid; grid-template-columns: 17rem minmax(0, 1fr); max-width: 76rem; margin: 0 auto; }
nav { position: sticky; top: 0; align-self: start; max-height: 100vh; overflow: auto; padding: 2rem 1rem; }
nav a { display: block; padding: .15rem 0; color: var(--soft); text-decoration: none; font-size: .9rem;
  overflow-wrap: anywhere; }
nav a:hover, nav a:focus { color: var(--ink); text-decoration: underline; }
nav h2 { margin: 1.25rem 0 .25rem; font-size: .8rem; text-transform: uppercase; letter-spacing: .06em; }
main { padding: 2rem; border-left: 1px solid var(--line); min-width: 0; }
h1 { margin: 0 0 .5rem; font-size: 2rem; }
main h2 { margin: 3rem 0 .5rem; font-size: 1.4rem; }
article { padding: 1.25rem 0; border-top: 1px solid var(--line); }
h3 { margin: 0; font: 600 1.05rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere; }
h4 { margin: 1rem 0 .25rem; font-size: .9rem; }
.GET { color: var(--get); } .POST { color: var(--post); }
p { margin: .4rem 0; } .soft { color: var(--soft); font-size: .92rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .88em; }
code { background: var(--code); padding: .1em .3em; border-radius: 3px; }
pre { background: var(--code); padding: .8rem 1rem; border-radius: 6px; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
td, th { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); }
td:first-child { width: 32%; }
summary { cursor: pointer; color: var(--soft); font-size: .92rem; }
@media (max-width: 52rem) { .columns { display: block; } nav { position: static; max-height: none; }
  main { border-left: 0; padding: 1rem; } }
"""
"""Inline and small: no font, image or script from elsewhere, or at all."""
