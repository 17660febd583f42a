"""Several guardrails over one text.

Each looks at the text as it came, so their order changes no block and no mask hides a banned word.
"""

from collections.abc import Iterable, Sequence

from services.guardrails.domain.guardrail import Block, Guardrail, Span, blocked


def judge(text: str, guardrails: Iterable[Guardrail], start: int = 0, *, more: bool = False) -> list[Span]:
    """Return what is to be replaced, in order and without overlaps; raises `Blocked`."""
    spans: list[Span] = []
    for guardrail in guardrails:
        verdict = guardrail.judge(text, start, more=more)
        if isinstance(verdict, Block):
            raise blocked(guardrail.name, verdict)
        spans += verdict
    return united(spans)


def united(spans: list[Span]) -> list[Span]:
    """Return the spans in order, those that overlap made one; the first one's replacement stands for all."""
    if len(spans) < 2:
        return spans
    merged: list[Span] = []
    for span in sorted(spans, key=lambda span: span.start):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            merged[-1] = last._replace(end=max(last.end, span.end))
        else:
            merged.append(span)
    return merged


def rewritten(text: str, spans: Sequence[Span]) -> str:
    """Return the text with its spans replaced; they must be in order and not overlap."""
    if not spans:
        return text
    parts: list[str] = []
    kept = 0
    for start, end, replacement in spans:
        parts += text[kept:start], replacement
        kept = end
    parts.append(text[kept:])
    return "".join(parts)


def may_match(lines: str, guardrails: Iterable[Guardrail]) -> bool:
    """Tell whether any guardrail may find something in texts joined by newlines."""
    return any(guardrail.may_match(lines) for guardrail in guardrails)
