"""Where to compute, said with its reason, and the cache that spares a second compilation."""

from __future__ import annotations

import os

import jax

from indicdigits.data.storage import home
from indicdigits.errors import UsageError
from indicdigits.progress import Reporter


def choose(name: str, reporter: Reporter, *, compute: str = "float32") -> None:
    """Sets the device for the whole process, and says which and why.

    Args:
        name: "auto", "cpu", "gpu" or "tpu".
        reporter: Hears the choice.
        compute: The precision of products, for what is said.

    Raises:
        UsageError: That device is not there.
    """
    if name != "auto":
        jax.config.update("jax_platforms", {"gpu": "cuda,rocm"}.get(name, name))
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        jax.config.update("jax_compilation_cache_dir", str(home() / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
    try:
        devices = jax.devices()
    except RuntimeError as error:
        raise UsageError(
            f"no {name} is there for JAX",
            where="--device",
            allowed="auto, cpu, gpu, tpu",
            hint="--device auto, or install JAX for that device",
        ) from error
    reason = "as asked" if name != "auto" else "the best that JAX found"
    kind = devices[0].device_kind
    reporter.say(
        f"device: {len(devices)} x {devices[0].platform} ({kind}), {reason}; "
        f"{os.cpu_count()} cores; {compute}"
    )
