"""A bar chart as SVG: one bar for each contender, cut into its processes."""

from collections.abc import Mapping
from html import escape

WIDTH = 860
_LEFT, _RIGHT = 150, 110
_BAR, _STEP, _TOP = 30, 46, 64
_COLOURS = (
    "#8a949b", "#1f6f8b", "#4f9d69", "#a23b72", "#6c5b7b", "#c9a227",
    "#e07a1f", "#2d3e50", "#b0413e", "#88a0a8", "#3b5bdb", "#2b8a3e",
)  # fmt: skip


def stacked_bars(title: str, bars: Mapping[str, Mapping[str, float]], mark: tuple[str, float] | None = None) -> str:
    """Return an SVG of bars in microseconds by process; `mark` is a labelled line across them all."""
    longest = max([sum(parts.values()) for parts in bars.values()] + [mark[1] if mark else 0.0] + [1e-9])
    scale = (WIDTH - _LEFT - _RIGHT) / longest
    names = list(dict.fromkeys(name for parts in bars.values() for name in parts))
    colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}
    height = _TOP + _STEP * len(bars) + 40 + 20 * ((len(names) + 4) // 5)
    body = [_text(16, 28, title, size=17, weight="600")]
    for index, (name, parts) in enumerate(bars.items()):
        body += _bar(name, parts, colours, _TOP + index * _STEP, scale)
    if mark:
        body += _mark(mark, _LEFT + mark[1] * scale, _TOP + _STEP * len(bars))
    body += _legend(colours, _TOP + _STEP * len(bars) + 34)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'font-family="system-ui, sans-serif" fill="#1b1f23">'
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>{"".join(body)}</svg>\n'
    )


def _bar(name: str, parts: Mapping[str, float], colours: Mapping[str, str], top: int, scale: float) -> list[str]:
    body = [_text(_LEFT - 10, top + 20, name, anchor="end")]
    left = float(_LEFT)
    for part, value in parts.items():
        body.append(
            f'<rect x="{left:.1f}" y="{top}" width="{value * scale:.1f}" height="{_BAR}" fill="{colours[part]}">'
            f"<title>{escape(part)}: {value:.1f} µs</title></rect>"
        )
        left += value * scale
    return [*body, _text(left + 8, top + 20, f"{sum(parts.values()):.0f} µs")]


def _mark(mark: tuple[str, float], x: float, bottom: int) -> list[str]:
    line = f'<line x1="{x:.1f}" y1="{_TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="#b0413e" stroke-dasharray="4 3"/>'
    return [line, _text(x, _TOP - 12, mark[0], size=12, anchor="middle")]


def _legend(colours: Mapping[str, str], top: int) -> list[str]:
    body = []
    for index, (name, colour) in enumerate(colours.items()):
        x, y = 16 + index % 5 * 165, top + index // 5 * 20
        body += [
            f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{colour}"/>',
            _text(x + 18, y, name, size=12),
        ]
    return body


def _text(x: float, y: float, text: str, *, size: int = 13, anchor: str = "start", weight: str = "400") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">'
        f"{escape(text)}</text>"
    )
