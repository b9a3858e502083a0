"""Reading torch's distributed checkpoints without running what is in them.

torch keeps the layout of a checkpoint, and what is no tensor in it, as pickles, and loads them as such: a
checkpoint from elsewhere could run anything. Here the layout may name the classes of a layout alone, and the
rest must pass torch's `weights_only`.
"""

from __future__ import annotations

import importlib
import io
import pickle
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.checkpoint.default_planner import DefaultLoadPlanner
from torch.distributed.checkpoint.planner import ReadItem
from torch.distributed.checkpoint.state_dict_loader import load

from curate.errors import SettingError

LAYOUT = ".metadata"
_METADATA = "torch.distributed.checkpoint.metadata"
ALLOWED = {
    ("torch", "Size"),
    ("torch.serialization", "_get_layout"),
    ("torch.distributed.checkpoint.filesystem", "_StorageInfo"),
    (_METADATA, "BytesStorageMetadata"),
    (_METADATA, "ChunkStorageMetadata"),
    (_METADATA, "Metadata"),
    (_METADATA, "MetadataIndex"),
    (_METADATA, "StorageMeta"),
    (_METADATA, "TensorProperties"),
    (_METADATA, "TensorStorageMetadata"),
    (_METADATA, "_MEM_FORMAT_ENCODING"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("pathlib._local", "PosixPath"),  # Python 3.13
    ("pathlib._local", "WindowsPath"),
}


def load_state(state: dict[str, Any], folder: Path, *, group: dist.ProcessGroup | None = None) -> None:
    """Fill the tensors and numbers of `state` from the checkpoint in `folder`.

    Args:
        state: what to fill, nested as it was saved.
        folder: a committed checkpoint.
        group: the processes that read together; None for this one alone.

    Raises:
        SettingError: the checkpoint holds something that no checkpoint of ours does.
    """
    with (folder / LAYOUT).open("rb") as file:
        _Layout(file).load()
    load(state, checkpoint_id=folder, planner=_Planner(), process_group=group, no_dist=group is None)


class _Layout(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) in ALLOWED:
            return getattr(importlib.import_module(module), name)
        if module == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
            return getattr(torch, name)
        raise SettingError(
            f"The checkpoint's {LAYOUT} names {module}.{name}, which no checkpoint needs: not read."
        )


class _Planner(DefaultLoadPlanner):
    def load_bytes(self, read_item: ReadItem, value: io.BytesIO) -> None:
        """Check what is no tensor, then leave the rest to torch."""
        torch.load(value, weights_only=True)
        value.seek(0)
        super().load_bytes(read_item, value)
