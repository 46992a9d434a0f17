"""Where the epochs of a run can be sent to, beside the run folder's own metrics.jsonl."""

from __future__ import annotations

from indicdigits.registry.entries import Registry, TrackerEntry

TRACKERS: Registry[TrackerEntry] = Registry("tracker")

_TRACKERS = "indicdigits.training.trackers:"

TRACKERS.register(
    "tensorboard",
    TrackerEntry(
        factory=_TRACKERS + "TensorBoard",
        summary="event files in the run folder",
        library="tensorboardX",
        extra="tensorboard",
    ),
)
TRACKERS.register(
    "mlflow",
    TrackerEntry(
        factory=_TRACKERS + "MLflow",
        summary="the server of MLFLOW_TRACKING_URI, or files in the run folder",
        library="mlflow",
        extra="mlflow",
    ),
)
TRACKERS.register(
    "wandb",
    TrackerEntry(
        factory=_TRACKERS + "WandB",
        summary="Weights & Biases; files in the run folder unless WANDB_MODE=online",
        library="wandb",
        extra="wandb",
    ),
)
