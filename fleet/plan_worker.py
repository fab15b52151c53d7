"""`python -m fleet.plan_worker`: one plan of patrols, asked on standard input and answered on standard output.

The planner works for seconds without letting go of its process: it has one of its own, so that the coordinator goes on
and can end it. Exit codes: 0 an answer, 1 no such plan is possible (one line on standard error), 78 packages missing.
"""

import subprocess
import sys

from contract.frozen import Frozen
from contract.site import Site
from fleet.errors import NotPossible, Refused
from fleet.plan_answer import PatrolPlan, PlanAsked

NOT_POSSIBLE, MISSING = 1, 78
LEAST_TIMEOUT_S = 60.0
MOST_WORDS = 400


class Question(Frozen):
    site: Site
    asked: PlanAsked


def planned(site: Site, asked: PlanAsked, *, timeout_s: float = LEAST_TIMEOUT_S) -> PatrolPlan:
    """Waits for a process of its own; call it on a thread. Raises Refused with what is not possible."""
    question = Question(site=site, asked=asked).model_dump_json()
    command = [sys.executable, "-m", "fleet.plan_worker"]
    try:
        done = subprocess.run(  # noqa: S603 - ourselves
            command, input=question, capture_output=True, text=True, timeout=timeout_s, check=False
        )
    except subprocess.TimeoutExpired as err:
        raise Refused(f"no plan within {timeout_s:.0f} s: fewer points or vehicles are planned sooner") from err
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"the planner ended with {done.returncode}"]
        raise Refused(lines[-1][:MOST_WORDS])
    return PatrolPlan.model_validate_json(done.stdout)


def main() -> int:
    question = Question.model_validate_json(sys.stdin.read())
    try:
        from fleet.plan_making import made  # noqa: PLC0415 - the planner's packages
    except ModuleNotFoundError as err:
        sys.stderr.write(
            f"expected the packages of the extra 'plan' (pip install 'vedette[fleet,plan]'), got no {err.name}\n"
        )
        return MISSING
    try:
        answer = made(question.site, question.asked)
    except NotPossible as err:
        sys.stderr.write(f"{err}\n")
        return NOT_POSSIBLE
    sys.stdout.write(answer.model_dump_json())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
