"""All benchmarks, one after another: ``make bench``. Each writes its results below benchmarks/results/."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
for script in ("engine_path.py", "orchestration.py", "verifiers.py"):
    print(f"== {script}", flush=True)
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run([sys.executable, str(HERE / script)], env=environment)
    if done.returncode:
        sys.exit(done.returncode)
