"""A driver of its own, to be killed: ``driver.py FOLDER STUDENT SETTINGS``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
os.environ["RAY_AUTH_MODE"] = "disabled"

import ray

from distilray.train import SFTSettings
from tests.train.launch.test_launcher import TWO, train

if __name__ == "__main__":
    ray.init(address="local", num_cpus=4, include_dashboard=False, object_store_memory=200 * 2**20)
    train(Path(sys.argv[1]), sys.argv[2], SFTSettings.model_validate_json(sys.argv[3]), TWO)
