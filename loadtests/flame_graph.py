"""A flame graph in SVG from folded stacks, drawn here: width is the share of samples, callers stand below callees."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape

_ROW = 17
_NARROWEST = 0.5
"""Frames under half a unit wide are left out: nobody could see them."""
_CHARACTER = 6.3
_PALETTE = ("#f6c68f", "#f3b183", "#efa07c", "#f5d399", "#e8b48c")


@dataclass
class _Frame:
    name: str
    samples: int = 0
    callees: "dict[str, _Frame]" = field(default_factory=dict)

    @property
    def depth(self) -> int:
        return 1 + max((callee.depth for callee in self.callees.values()), default=0)


def flame_graph(folded: list[str], width: int) -> str:
    """An `<svg>` of the stacks in lines `caller;callee;... samples`, `width` units wide; empty without samples."""
    root = _tree(folded)
    if not root.samples:
        return ""
    height = root.depth * _ROW
    frames = "\n".join(_drawn(root, 0.0, 0, width / root.samples, height, root.samples))
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="Flame graph of {root.samples} samples">\n{frames}\n</svg>'
    )


def busiest(folded: list[str], limit: int) -> list[tuple[str, float, float]]:
    """The functions most samples were in: (name, share in the function itself, share with what it calls)."""
    own: Counter[str] = Counter()
    below: Counter[str] = Counter()
    total = 0
    for frames, samples in _stacks(folded):
        total += samples
        own[frames[-1]] += samples
        for name in set(frames):
            below[name] += samples
    return [(name, count / total, below[name] / total) for name, count in own.most_common(limit)]


def _stacks(folded: list[str]) -> Iterator[tuple[list[str], int]]:
    for line in folded:
        stack, _, samples = line.rpartition(" ")
        if stack and samples.isdigit():
            yield stack.split(";"), int(samples)


def _tree(folded: list[str]) -> _Frame:
    root = _Frame("all")
    for frames, samples in _stacks(folded):
        frame = root
        frame.samples += samples
        for name in frames:
            frame = frame.callees.setdefault(name, _Frame(name))
            frame.samples += samples
    return root


def _drawn(frame: _Frame, x: float, level: int, scale: float, height: int, total: int) -> Iterator[str]:
    wide = frame.samples * scale
    if wide < _NARROWEST:
        return
    y = height - (level + 1) * _ROW
    colour = _PALETTE[sum(frame.name.encode()) % len(_PALETTE)]
    told = escape(f"{frame.name}: {frame.samples / total:.1%}")
    letters = int(wide / _CHARACTER)
    text = escape(frame.name[:letters]) if letters > 2 else ""
    yield (
        f'<g class="frame"><title>{told}</title>'
        f'<rect x="{x:.2f}" y="{y}" width="{wide:.2f}" height="{_ROW - 1}" fill="{colour}"/>'
        f'<text x="{x + 2:.2f}" y="{y + 12}">{text}</text></g>'
    )
    for callee in sorted(frame.callees.values(), key=lambda each: each.name):
        yield from _drawn(callee, x, level + 1, scale, height, total)
        x += callee.samples * scale
