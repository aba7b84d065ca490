"""Figures as aligned text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.benchmarks.figures import Figure, Ratio, Results, Size

Cells = tuple[str, ...]


def format_results(results: Results) -> str:
    """The tables, one under the other."""
    machine = results.machine
    return "\n".join(
        (
            f"Python {machine.python}, {machine.platform}, {machine.processors} processors",
            *_titled("Stages of an audit, each in a process of its own", _stages(results.sizes)),
            *_titled("Ratios", _ratios(results.ratios)),
            *_titled("Rows of drift, read one by one", _figures(results.streams)),
            *_titled("policy-is-redundant, one namespace", _figures(results.crowd)),
            *_titled("Pods of one YAML file", _figures(results.manifests)),
            *_titled("Whole processes", _figures(results.processes)),
            *(f"failed: {one}" for one in results.failures),
        )
    )


def _titled(title: str, rows: Sequence[Cells]) -> Iterator[str]:
    if len(rows) > 1:
        yield from ("", title, *_align(rows))


def _align(rows: Sequence[Cells]) -> Iterator[str]:
    """Columns as wide as they need to be: the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True)]
        yield "  ".join(cells).rstrip()


def _stages(sizes: Sequence[Size]) -> list[Cells]:
    rows: list[Cells] = [
        ("pods", "namespaces", "policies", "stage", "seconds", "CPU", "MiB", "target", "")
    ]
    for size in sizes:
        population = (f"{size.pods:,}", f"{size.namespaces:,}", f"{size.policies:,}")
        rows += [(*population, *_cells(one)) for one in size.stages]
        rows += [
            (*population, f"{figure.name}: {part}", _seconds(figure.details[part]), "", "", "", "")
            for figure in size.stages
            for part in figure.details
            if "." in part  # a file of the report
        ]
    return rows


def _figures(figures: Sequence[Figure]) -> list[Cells]:
    return [("what", "seconds", "CPU", "MiB", "target", ""), *(_cells(one) for one in figures)]


def _cells(figure: Figure) -> Cells:
    targets = []
    if figure.seconds_at_most is not None:
        targets.append(f"≤ {figure.seconds_at_most:g} s")
    if figure.mebibytes_at_most is not None:
        targets.append(f"≤ {figure.mebibytes_at_most:g} MiB")
    return (
        figure.name,
        _seconds(figure.seconds),
        _seconds(figure.cpu_seconds),
        f"{figure.peak_mebibytes:,.0f}",
        ", ".join(targets),
        figure.verdict,
    )


def _ratios(ratios: Sequence[Ratio]) -> list[Cells]:
    rows: list[Cells] = [("what", "from", "to", "times", "target", "")]
    for one in ratios:
        target = "" if one.at_most is None else f"≤ {one.at_most:g}"
        rows.append((one.name, one.previous, one.current, f"{one.ratio:.2f}", target, one.verdict))
    return rows


def _seconds(seconds: float) -> str:
    return f"{seconds:,.3f}"
