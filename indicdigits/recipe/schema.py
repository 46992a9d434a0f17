"""What a recipe may say: frozen dataclasses, their defaults, and the digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from indicdigits.recipe import strict
from indicdigits.registry import BROUGHT
from indicdigits.scripts import SCRIPTS


@dataclass(frozen=True, kw_only=True)
class ClassEntry:
    """One class.

    Attributes:
        text: What a reader writes for it, such as "५" or "not a digit".
        value: Its number, or None.
    """

    text: str
    value: int | None = None


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where pictures come from; `format` to `test_fraction` are for `labelled_images` only.

    Attributes:
        dataset: A data set's name, with its configuration after a slash.
        weight: How often each of its training pictures stands in an epoch: 0.5 takes every other
            one, 3 all of them three times, 0 none, so that the set is only tested on.
        tested: Whether its test part counts in the test.
        families: Of `fonts`, the font families to draw after; without any all that are installed.
        format: How a user's own pictures are laid out.
        train: Folder, CSV, npz or IDX image file, relative to the recipe's folder; absolute only
            on the command line.
        train_labels: The IDX label file that belongs to `train`.
        test: The same for the test part; without it `test_fraction` is carved out of `train`.
        test_labels: The IDX label file that belongs to `test`.
        test_fraction: Part of `train` to test on, stratified, when `test` is not given.
        script: Whose digits the labels 0 to 9 are, for a recipe of several scripts.
    """

    dataset: str
    weight: float = 1.0
    tested: bool = True
    families: tuple[str, ...] = ()
    format: Literal["folder", "csv", "npz", "idx"] | None = None
    train: str | None = None
    train_labels: str | None = None
    test: str | None = None
    test_labels: str | None = None
    test_fraction: float = 0.2
    script: str | None = None


@dataclass(frozen=True, kw_only=True)
class Data:
    """The pictures: their sources, the part held out, and the size they are brought to.

    Attributes:
        sources: Data sets; several are trained on together.
        input_size: Height and width of the network's input, pixels.
        validation_fraction: Part of each class of the training part that is held out.
        train_on: Whether the final weights have also seen the validation part.
        shots: Labelled pictures a class to train on, beside what is drawn; 0 means all.
        seed: Decides the validation part and which pictures the shots are.
    """

    sources: tuple[Source, ...]
    input_size: int = 28
    validation_fraction: float = 0.1
    train_on: Literal["train", "train+validation"] = "train"
    shots: int = 0
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class Augment:
    """What training pictures go through.

    Attributes:
        copies: Augmented epochs drawn ahead; epoch e trains on copy e modulo this.
        jitter: Largest random shift in each step, whole pixels, in all four directions.
        transforms: Tables with a `name` and that augmentation's numbers.
    """

    copies: int = 8
    jitter: int = 1
    transforms: tuple[Mapping[str, str | float], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Model:
    """The backbone and its options."""

    backbone: str = "cnn"
    options: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Start:
    """What training starts from.

    Attributes:
        weights: "scratch", a shipped backbone's name, a run or a path.
        head: "reset" draws a new one, "keep" demands the same classes, "prototype" answers the
            class whose training pictures have the nearest mean.
    """

    weights: str = "scratch"
    head: Literal["reset", "keep", "prototype"] = "reset"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What happens to parameters under a path prefix; the first rule that matches decides.

    Attributes:
        prefix: Beginning of a parameter's path, whole names only; "" matches every path.
        frozen: Leave parameters and batch statistics byte-identical.
        rate: Multiplier of the phase's learning rate, when not frozen.
    """

    prefix: str
    frozen: bool = False
    rate: float = 1.0

    def matches(self, path: str) -> bool:
        """Whether `path` lies under the prefix."""
        return not self.prefix or path == self.prefix or path.startswith(self.prefix + "/")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A stretch of training with one step function and one optimizer.

    Attributes:
        name: What it is called in logs and in `--set phases.NAME.epochs=3`.
        epochs: Passes over the training part; the most, where `early_stopping` is set.
        optimizer: Which rule turns gradients into steps.
        learning_rate: Its peak.
        momentum: Of "sgd" (Nesterov's).
        weight_decay: Of kernels; norms and biases are left alone. Decoupled with "adamw", added
            to the gradient with the others.
        schedule: What follows the warm-up; "one-cycle" has its own, of the same length.
        warmup_fraction: Part of the phase during which the rate rises linearly from zero.
        final_fraction: Where "cosine", "one-cycle" and "exponential" end, as a fraction of the
            peak.
        early_stopping: Epochs without a better validation loss after which the phase ends; 0
            never ends it early.
        cache_frozen: Compute the output of the frozen first stages once for every augmented copy,
            and train the rest on that.
        rules: Ordered; the first that matches a parameter's path decides.
    """

    name: str
    epochs: int
    optimizer: Literal["adam", "adamw", "rmsprop", "sgd"] = "adam"
    learning_rate: float
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: Literal["constant", "cosine", "one-cycle", "exponential", "plateau"] = "cosine"
    warmup_fraction: float = 0.1
    final_fraction: float = 0.01
    early_stopping: int = 0
    cache_frozen: bool = False
    rules: tuple[Rule, ...] = (Rule(prefix=""),)

    @property
    def needs_validation(self) -> bool:
        """Whether validation decides how the phase goes."""
        return self.schedule == "plateau" or self.early_stopping > 0

    def frozen_stages(self, parameters: Iterable[str]) -> list[str]:
        """The stages of which nothing is trained, in order.

        Args:
            parameters: Every parameter path of the network, in forward order.
        """
        frozen: dict[str, bool] = {}
        for path in parameters:
            stage = path.split("/")[0]
            rule = next(rule for rule in self.rules if rule.matches(path))
            frozen[stage] = frozen.get(stage, True) and rule.frozen
        return [stage for stage, whole in frozen.items() if whole]


@dataclass(frozen=True, kw_only=True)
class Training:
    """What holds for all phases.

    Attributes:
        batch_size: Pictures an optimizer step.
        accumulate: Equal parts that a batch is computed in, one after the other, to save memory.
        compute: Precision of products; parameters, norms and losses stay float32.
        loss: "margin" is the capsules' own.
        heads: Which classes share a softmax: all, or the digits of each script (`heads_of`).
        temperature: Divides the logits in the cross-entropy, for a teacher of defensive
            distillation.
        label_smoothing: Probability that is spread over all classes of a head.
        mixup: Concentration of the Beta distribution that pictures are mixed by; 0 mixes none.
        average_decay: Of the moving average of the weights, a step; 0 is no average.
        clip_norm: Largest global norm of the gradients; 0 is no limit.
    """

    batch_size: int = 128
    accumulate: int = 1
    compute: Literal["float32", "bfloat16"] = "float32"
    loss: Literal["cross-entropy", "margin"] = "cross-entropy"
    heads: Literal["one", "script"] = "one"
    temperature: float = 1.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    average_decay: float = 0.998
    clip_norm: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Distill:
    """Learning from the answers of trained networks (Hinton et al. 2015).

    Attributes:
        teachers: Runs, checkpoints or shipped backbones; several are an ensemble, whose
            probabilities are averaged. Without any there is no distillation.
        temperature: Divides the logits of teachers and student in the distillation loss.
        weight: Of that loss; the rest is the weight of the labels' loss.
    """

    teachers: tuple[str, ...] = ()
    temperature: float = 4.0
    weight: float = 0.9


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides a result.

    Attributes:
        name: Of the recipe; names folders and files.
        task: Whether it makes a backbone or starts from one.
        script: A script of `indicdigits.scripts`, or a new one that `classes` spells out, or a
            name for `scripts`.
        description: One sentence for cards.
        licence: Of the training data, for cards; without it, what the data sets say.
        seed: Of initial weights, order and augmentation.
        scripts: Those whose digits are the first classes, one after the other, before `classes`.
        classes: In the order of the network's outputs; without them the digits of the script.
        data: The pictures.
        augment: What training pictures go through.
        model: The backbone.
        start: Where the weights come from.
        training: What holds for all phases.
        distill: Teachers to learn from, if any.
        phases: What is trained, one after the other; there may be none where the head is
            "prototype".
        strokes: Class text -> variants, each a list of strokes, for the data set `strokes`.
    """

    name: str
    task: Literal["pretrain", "finetune"]
    script: str
    description: str = ""
    licence: str = ""
    seed: int = 0
    scripts: tuple[str, ...] = ()
    classes: tuple[ClassEntry, ...] = ()
    data: Data
    augment: Augment = field(default_factory=Augment)
    model: Model = field(default_factory=Model)
    start: Start = field(default_factory=Start)
    training: Training = field(default_factory=Training)
    distill: Distill = field(default_factory=Distill)
    phases: tuple[Phase, ...]
    strokes: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[ClassEntry, ...]:
        """The classes in the order of the network's outputs."""
        if self.scripts:
            return (*(entry for name in self.scripts for entry in _digits(name)), *self.classes)
        return self.classes or _digits(self.script)

    @property
    def written(self) -> tuple[str, ...]:
        """Texts of the classes that strokes or fonts draw: all but those that a data set brings."""
        return tuple(entry.text for entry in self.labels if entry.text not in BROUGHT)

    def digest(self) -> str:
        """SHA-256 of the resolved recipe, in hexadecimal; equal results share it.

        What cannot change a result is left out: the words about it, and strokes that are not drawn.
        Keys that have their default are left out too, so that a key that a later version adds
        changes no digest; for the same reason no default may ever change.
        """
        table = strict.plain(self, defaults=False)
        drawn = any(source.dataset.split("/")[0] == "strokes" for source in self.data.sources)
        for key in ("description", "licence") if drawn else ("description", "licence", "strokes"):
            table.pop(key, None)
        text = json.dumps(table, sort_keys=True, ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()


def _digits(script: str) -> tuple[ClassEntry, ...]:
    """The ten digits of a script as classes; none of a script that is not known."""
    digits = SCRIPTS[script].digits if script in SCRIPTS else ()
    return tuple(ClassEntry(text=text, value=value) for value, text in enumerate(digits))
