"""Entry point for ``ray job submit``: a recipe on the cluster that the job runs on.

    ray job submit --working-dir . -- python jobs/run.py jobs/recipes/quickstart.yaml --run s3://bucket/runs/first \
        models.teacher.replicas=4
"""

import sys

from distilray.cli import main

if __name__ == "__main__":
    sys.exit(main(["run", *sys.argv[1:]]))
