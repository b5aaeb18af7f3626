"""One of the suites that `resilver evaluate` knows, as a section of the results.

python benchmarks/suites.py SUITE [--against NAME] [--write]
"""

from __future__ import annotations

import argparse

from arguments import note, parser, run
from resilver.evaluate.declared import SUITES
from resilver.evaluate.running import evaluate
from resilver.evaluate.showing import to_markdown
from resilver.evaluate.values import Setting


def measure(arguments: argparse.Namespace) -> str:
    setting = Setting(arguments.data, arguments.weights, arguments.photos, arguments.threads)
    found = evaluate(
        SUITES[arguments.suite],
        setting,
        against=arguments.against,
        progress=lambda share, words: note(f"{share:.0%} {words}"),
    )
    return f"## Suite {found.suite}\n\n{to_markdown(found)}"


if __name__ == "__main__":
    command = parser(__doc__)
    command.add_argument("suite", choices=list(SUITES))
    command.add_argument("--against", metavar="NAME", help="as of `resilver evaluate`")
    arguments = command.parse_args()
    run("suites", arguments, measure, section=arguments.suite)
