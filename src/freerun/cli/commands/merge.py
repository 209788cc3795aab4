"""`freerun merge DIR ...`: the results of several machines united in one folder."""

from __future__ import annotations

import sys
from collections import Counter

from freerun.cli.arguments import Parser, folder, place, shared_parser

#: Of so many damaged records the faults are shown.
SHOWN = 20


def parser() -> Parser:
    """Make the parser of the command."""
    examples = ("freerun merge part1/results part2/results part3/results", "freerun merge part*/results --results whole")
    command = shared_parser("merge", "DIR ...", examples=examples)
    text = "folders of results that were brought here, of parts of a study (study --shard) or of whole ones"
    command.add_argument("folders", metavar="DIR", nargs="+", type=folder, help=text)
    return command


def main(words: list[str]) -> int:
    """Take all records into one store, make whole studies of their parts, and say what is missing of them."""
    options = parser().read(words)
    from freerun.io.text import one_line
    from freerun.store.results_folder import Place
    from freerun.sweeps import merging

    where = place(options)
    survey, studies = merging.merge(where, [Place(results=each) for each in options.folders])
    print(f"{where.results}: {_count(len(survey.runs), 'record')} taken, {len(survey.held)} there before")
    for fault in survey.damaged[:SHOWN]:
        print(f"damaged, left out: {one_line(fault)}", file=sys.stderr)
    if len(survey.damaged) > SHOWN:
        print(f"... and {len(survey.damaged) - SHOWN} more that are damaged", file=sys.stderr)
    if len(survey.arithmetics) > 1:
        kinds = one_line("; ".join(sorted(survey.arithmetics)), 120)
        print(
            f"note: these records are of {len(survey.arithmetics)} arithmetics, whose bits may differ: {kinds}", file=sys.stderr
        )
    code = 0
    for study in studies:
        undone = merging.undone(study, where)
        counts = Counter(undone.values())
        left = "".join(f", {count} {state}" for state, count in counts.items())
        print(f"{study.name}: {_count(len(study.ids), 'run')}, {len(study.ids) - len(undone)} done{left}")
        for words_for_part in study.missing(list(undone)):
            print(f"missing of {study.name}: {words_for_part}", file=sys.stderr)
        if undone:
            code = 1
            print(f"{where.command('retry', study.name)} does what is left, or merge the missing parts as well")
        else:
            print(f"{where.command('report', study.name)} makes tables, figures and report")
    return code


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
