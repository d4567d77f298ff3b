"""Where set-up finds torch's CPU build, tried with a wheel of a few bytes that only claims to be torch."""

import os
import re
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.support.paths import ROOT

PIN = re.search(r'"torch==([^"]+)"', (ROOT / "pyproject.toml").read_text())
assert PIN is not None
TORCH = f"{PIN[1]}+cpu"
UV = Path(sys.executable).with_name("uv")
"""The environment's own (extra `dev`): the index that these tests set up on loopback could not give one."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a separate CPU build of torch"),
]


def write_wheel(folder: Path) -> None:
    """A wheel named as torch's CPU build that installs one empty module."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"torch-{TORCH}.dist-info"
    with zipfile.ZipFile(folder / f"torch-{TORCH}-py3-none-any.whl", "w") as wheel:
        wheel.writestr("torch.py", "")
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: torch\nVersion: {TORCH}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", f"torch.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """A loopback server: under /torch-index a simple index with the wheel, under /empty one without."""
    write_wheel(tmp_path / "site" / "torch-index" / "torch")
    name = f"torch-{TORCH}-py3-none-any.whl"
    page = f'<!DOCTYPE html><html><body><a href="{name.replace("+", "%2B")}">{name}</a></body></html>'
    (tmp_path / "site" / "torch-index" / "torch" / "index.html").write_text(page)
    (tmp_path / "site" / "empty").mkdir()
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "site"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def set_up_torch(tmp_path: Path, site: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run set-up as far as torch, with an index that has none, and with `settings` in the environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))}
    tools = tmp_path / "tools"
    tools.mkdir(exist_ok=True)
    (tools / "uv").unlink(missing_ok=True)
    (tools / "uv").symlink_to(UV)
    environment = {
        **kept,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "EXTRA": "cpu",
        "PYTHON": sys.executable,
        "VENV": str(tmp_path / "venv"),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{site}/empty",
        "TORCH_INDEX": f"{site}/empty",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        **settings,
    }
    script = ROOT / "scripts" / "setup.sh"
    return subprocess.run([script, "--torch"], env=environment, capture_output=True, text=True, timeout=300)


def installed(tmp_path: Path) -> bool:
    return any((tmp_path / "venv").glob(f"lib/python*/site-packages/torch-{TORCH}.dist-info"))


def test_torch_comes_from_the_index_for_torch_when_it_is_not_at_hand(tmp_path: Path, site: str) -> None:
    result = set_up_torch(tmp_path, site, TORCH_INDEX=f"{site}/torch-index")
    assert result.returncode == 0, result.stdout + result.stderr
    assert installed(tmp_path)
    assert any((tmp_path / "venv").glob("lib/python*/site-packages/__pycache__/torch.*.pyc"))


def test_a_wheel_in_a_folder_that_pip_knows_is_taken(tmp_path: Path, site: str) -> None:
    write_wheel(tmp_path / "wheels")
    result = set_up_torch(tmp_path, site, PIP_FIND_LINKS=str(tmp_path / "wheels"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert installed(tmp_path)
    assert "not at hand" not in result.stdout


def test_a_folder_named_in_pips_configuration_file_is_taken_too(tmp_path: Path, site: str) -> None:
    write_wheel(tmp_path / "wheels")
    (tmp_path / "pip.conf").write_text(f"[global]\nfind-links = {tmp_path / 'wheels'}\n")
    result = set_up_torch(tmp_path, site, PIP_CONFIG_FILE=str(tmp_path / "pip.conf"))
    assert result.returncode == 0, result.stdout + result.stderr
    assert installed(tmp_path)


def test_without_a_wheel_anywhere_the_error_says_what_to_do(tmp_path: Path, site: str) -> None:
    result = set_up_torch(tmp_path, site)
    assert result.returncode == 1
    assert f"no torch=={TORCH} wheel" in result.stderr
    assert "TORCH_INDEX=URL" in result.stderr
    assert "PIP_FIND_LINKS=folder make setup" in result.stderr


def test_a_second_set_up_goes_on_in_the_same_environment(tmp_path: Path, site: str) -> None:
    set_up_torch(tmp_path, site)
    made = (tmp_path / "venv" / "pyvenv.cfg").stat().st_mtime_ns
    result = set_up_torch(tmp_path, site, TORCH_INDEX=f"{site}/torch-index")
    assert result.returncode == 0, result.stdout + result.stderr
    assert (tmp_path / "venv" / "pyvenv.cfg").stat().st_mtime_ns == made


def test_a_set_up_that_was_cut_off_starts_afresh(tmp_path: Path, site: str) -> None:
    set_up_torch(tmp_path, site, TORCH_INDEX=f"{site}/torch-index")
    half_unpacked = next((tmp_path / "venv").glob("lib/python*/site-packages")) / "torch.py"
    half_unpacked.unlink()
    (tmp_path / "venv" / ".installing").write_text("999999999\n")
    result = set_up_torch(tmp_path, site, TORCH_INDEX=f"{site}/torch-index")
    assert "was cut off" in result.stdout
    assert half_unpacked.exists()


def test_a_python_that_does_not_fit_is_refused_with_a_remedy(tmp_path: Path, site: str) -> None:
    result = set_up_torch(tmp_path, site, PYTHON="python-of-another-age")
    assert result.returncode == 1
    assert "make setup PYTHON=python3.12" in result.stderr
