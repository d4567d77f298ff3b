"""Exporting a run's student: copied, quantised, or uploaded to the hub."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from distilray.checkpoints import checkpoint_address, make_portable, resolve_path
from distilray.export.compression import Scheme, calibration_rows, compress
from distilray.ledger import Manifest
from distilray.runner import RunStopped
from distilray.storage import Store, upload
from distilray.train import CannotTrain


def student_of(store: Store, training: str | None = None) -> str:
    """Path in ``store`` of the checkpoint of ``training``, or of the newest finished one."""
    names = [training] if training else store.names("training")
    found = [(name, Manifest.read(store, f"training/{name}")) for name in names]
    finished = [(manifest.finished, name) for name, manifest in found if manifest and manifest.finished]
    if not finished:
        which = f"no finished training {training!r}" if training else "no finished training"
        raise RunStopped(f"{store.shown} has {which}; `distilray status {store.typed}` shows how far it is")
    return f"training/{max(finished)[1]}"


def export_student(store: Store, out: str | None, *, training: str | None = None, scheme: Scheme | None = None) -> str:
    """Writes the student to ``out`` (a local folder; by default next to the run's checkpoint). Returns its place."""
    folder = student_of(store, training)
    local = resolve_path(checkpoint_address(store, f"{folder}/final"))
    with tempfile.TemporaryDirectory(prefix="distilray-export-") as scratch:
        made = os.path.join(scratch, "student")
        if scheme is None:
            if out is None:
                return local
            shutil.copytree(local, made)
        else:
            compress(local, calibration_rows(store, f"{folder}/tokens"), scheme, made)
            card = Path(local) / "README.md"
            if card.is_file():
                note = f"\n## Compressed\n\n{scheme}, by llm-compressor, calibrated on rows of this training.\n"
                (Path(made) / "README.md").write_text(card.read_text("utf-8") + note, "utf-8")
        make_portable(made)
        if out is None:
            upload(store, made, f"{folder}/final-{scheme}")
            return checkpoint_address(store, f"{folder}/final-{scheme}")
        if os.path.exists(out):
            raise CannotTrain(f"--out {out}: already exists; name a new folder")
        shutil.copytree(made, out)
        return out


def push(folder: str, name: str, *, private: bool = True) -> str:
    """Uploads the local checkpoint ``folder`` as the hub's model ``name``; returns its address.

    The endpoint and the token are those of huggingface_hub (``HF_ENDPOINT``, ``HF_TOKEN`` or ``hf auth login``). Raises
    :class:`CannotTrain` if the hub cannot be reached or refuses.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, OfflineModeIsEnabled

    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        done = api.upload_folder(repo_id=name, folder_path=folder, commit_message="Student from distilray")
    except OfflineModeIsEnabled as error:
        raise CannotTrain(f"--push {name}: HF_HUB_OFFLINE is set; unset it to reach {api.endpoint}") from error
    except HFValidationError as error:
        raise CannotTrain(f"--push {name}: {error}; a model's name is OWNER/NAME") from error
    except HfHubHTTPError as error:
        remedy = "log in (hf auth login, or HF_TOKEN) as a user with write access"
        raise CannotTrain(f"--push {name}: {api.endpoint} refuses ({str(error).splitlines()[0]}); {remedy}") from error
    except (httpx.TransportError, ConnectionError) as error:
        raise CannotTrain(f"--push {name}: {api.endpoint} cannot be reached ({error}); set HF_ENDPOINT") from error
    return str(done.repo_url)
