"""`python -m benchmarks.again TIMES FOLDER FIRST COUNT`: `vision classify` on a small folder, many times.

Prints the milliseconds a picture beyond the first of a run: a tenth of the runs do the first picture only, and their
mean is what starting takes.
"""

import subprocess
import sys
import time


def main(times: int, folder: str, first: str, count: int) -> None:
    def run(target: str) -> float:
        start = time.perf_counter()
        command = [sys.executable, "-m", "visioncli", "classify", target, "-o", "-", "-q"]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    starts, all_of_it = [], []
    for n in range(times):
        all_of_it.append(run(folder))
        if n % 10 == 0:
            starts.append(run(first))
    each = sum(all_of_it) / len(all_of_it) - sum(starts) / len(starts)
    sys.stdout.write(f"{each / (count - 1) * 1000}\n")


main(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4]))
