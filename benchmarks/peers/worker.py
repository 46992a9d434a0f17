"""One side in a process of its own, started and told when to run by `training_speed.py`.

It says "ready" once it is warm. For every line it gets it runs one round and answers with JSON:
the round's seconds and the process's peak memory. It ends with its input.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time

WARM = 2  # rounds before the first that counts


class NoMoreError(Exception):
    """Nobody asks for another round."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("side")
    parser.add_argument("network")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--devices", type=int)
    arguments = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever a library prints is no answer
    if hasattr(os, "sched_setaffinity"):  # XLA takes as many threads as it has cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.threads])
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    from peers.sides import SIDES, Job

    state = {"rounds": 0, "started": 0.0}

    def ended() -> None:
        seconds = time.perf_counter() - state["started"]
        state["rounds"] += 1
        if state["rounds"] < WARM:
            return
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        answer = {"seconds": seconds, "peak_mib": peak} if state["rounds"] > WARM else "ready"
        print(json.dumps(answer), file=answers, flush=True)
        if not sys.stdin.readline():
            raise NoMoreError
        state["started"] = time.perf_counter()

    try:
        SIDES[arguments.side](
            Job(arguments.network, arguments.steps, arguments.threads, arguments.devices, ended)
        )
    except NoMoreError:
        return


if __name__ == "__main__":
    main()
