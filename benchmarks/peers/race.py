"""PyTorch's run of the time to accuracy: the textbook network, trained as textbooks do.

Adam at 1e-3, batches of 128, dropout, random rotations and shifts; measured on the held-out part
after every epoch, which adds a line to the history. Started by `time_to_accuracy.py`.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import BatchSampler, DataLoader, Dataset, RandomSampler

from peers.torch_networks import CNNClassic

BATCH, RATE = 128, 1e-3
DEGREES, PIXELS = 10.0, 2.0  # largest rotation and shift, both ways


class Augmented(Dataset[tuple[Tensor, Tensor]]):
    """Whole batches, warped at once: one picture after the other takes ten times as long."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.images, self.labels = images, labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, chosen: list[int]) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        return warped(as_input(self.images[chosen])), self.labels[chosen]


def as_input(images: Tensor) -> Tensor:
    """Pictures (N, 28, 28) uint8 as (N, 1, 28, 28) float32 in [0, 1]."""
    return images[:, None].float() / 255


def warped(images: Tensor) -> Tensor:
    """Rotates and shifts each picture (N, 1, S, S) at random."""
    count, size = len(images), images.shape[-1]
    angle = (2 * torch.rand(count) - 1) * math.radians(DEGREES)
    shift = (2 * torch.rand(count, 2) - 1) * (2 * PIXELS / size)  # the side is 2 long
    cosine, sine = angle.cos(), angle.sin()
    rows = torch.stack([cosine, -sine, shift[:, 0], sine, cosine, shift[:, 1]], 1)
    grid = functional.affine_grid(rows.view(count, 2, 3), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def accuracy(model: torch.nn.Module, images: Tensor, labels: Tensor) -> float:
    """Share of right answers."""
    model.eval()
    with torch.inference_mode():
        right = sum(
            int((model(as_input(x)).argmax(1) == y).sum())
            for x, y in zip(images.split(1000), labels.split(1000), strict=True)
        )
    model.train()
    return right / len(labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("pictures", type=Path, help="npz: images, labels, held_images, held_labels")
    parser.add_argument("history", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=25)
    parser.add_argument("--until", type=float, default=1.0, help="accuracy that is enough")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--layout", choices=("channels_last", "NCHW"), default="channels_last")
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    memory = torch.contiguous_format
    if arguments.layout == "channels_last":
        memory = torch.channels_last
    stored = np.load(arguments.pictures)
    parts = {name: torch.from_numpy(stored[name]) for name in stored.files}
    train = Augmented(parts["images"], parts["labels"])
    sampler = BatchSampler(RandomSampler(train), BATCH, drop_last=False)
    loader = DataLoader(
        train,
        batch_size=None,
        sampler=sampler,
        num_workers=arguments.workers,
        persistent_workers=arguments.workers > 0,
    )
    model = CNNClassic().train()
    model.to(memory_format=memory)  # type: ignore[call-overload]  # its stubs know no such call
    optimizer = torch.optim.Adam(model.parameters(), RATE, fused=True)
    for epoch in range(1, arguments.epochs + 1):
        for images, labels in loader:
            optimizer.zero_grad()
            x = images.contiguous(memory_format=memory)
            functional.cross_entropy(model(x), labels).backward()
            optimizer.step()
        reached = accuracy(model, parts["held_images"], parts["held_labels"])
        with arguments.history.open("a") as file:
            file.write(json.dumps({"epoch": epoch, "validation_accuracy": reached}) + "\n")
        if reached >= arguments.until:
            break


if __name__ == "__main__":
    main()
