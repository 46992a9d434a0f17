"""The backbones, each with its size, stages and parameter paths as plain data."""

from __future__ import annotations

from indicdigits.registry.entries import BackboneEntry, Grid, Option, Registry

_NO_DIGITS = str.maketrans("", "", "0123456789")

BACKBONES: Registry[BackboneEntry] = Registry("backbone")


def _parameters(**stages: str) -> tuple[str, ...]:
    """Spells out "stem=conv norm" as the paths of a convolution's and a norm's parameters.

    A plus sign says that the convolution has a bias: "conv1+".
    """
    leaves = {
        "conv": ("kernel",),
        "conv+": ("kernel", "bias"),
        "norm": ("scale", "bias"),
        "dense": ("kernel", "bias"),
        "attention": (
            "query/kernel",
            "query/bias",
            "key/kernel",
            "value/kernel",
            "value/bias",
            "output/kernel",
            "output/bias",
        ),
    }
    return tuple(
        f"{stage}/{layer.rstrip('+')}/{leaf}"
        for stage, layers in stages.items()
        for layer in layers.split()
        for leaf in leaves[layer.translate(_NO_DIGITS)]
    )


BACKBONES.register(
    "linear",
    BackboneEntry(
        factory="indicdigits.models.linear:Linear",
        summary="one dense layer on the pixels; the floor",
        stages=("head",),
        parameters=_parameters(head="dense"),
        count=7_850,
        multiply_adds=7_840,
        input_sizes=(8, 64),
    ),
)
BACKBONES.register(
    "mlp",
    BackboneEntry(
        factory="indicdigits.models.mlp:MLP",
        summary="784-300-100-10 with ReLU and dropout (LeCun et al. 1998)",
        options={"dropout": Option(default=0.2, low=0.0, high=0.9)},
        stages=("stage1", "stage2", "head"),
        parameters=_parameters(stage1="dense", stage2="dense", head="dense"),
        count=266_610,
        multiply_adds=266_200,
        input_sizes=(8, 64),
    ),
)
BACKBONES.register(
    "lenet5",
    BackboneEntry(
        factory="indicdigits.models.lenet5:LeNet5",
        summary="two 5x5 convolutions with average pooling, three dense layers (LeCun et al. 1998)",
        options={"dropout": Option(default=0.0, low=0.0, high=0.9)},
        stages=("stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stage1="conv+", stage2="conv+", stage3="dense1 dense2", head="dense"
        ),
        count=61_706,
        multiply_adds=416_520,
        input_sizes=(16, 64),
        maps=Grid(stage="stage2", pitch=4, first=5.5),
    ),
)
BACKBONES.register(
    "cnn-nano",
    BackboneEntry(
        factory="indicdigits.models.cnn_nano:CNNNano",
        summary="five plain convolutions with batch normalisation, for tiny readers",
        options={"dropout": Option(default=0.0, low=0.0, high=0.9)},
        stages=("stem", "stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stem="conv norm",
            stage1="conv norm",
            stage2="conv1 norm1 conv2 norm2",
            stage3="conv norm",
            head="dense",
        ),
        count=22_858,
        multiply_adds=1_185_792,
        input_sizes=(20, 64),
        maps=Grid(stage="stage3", pitch=8, first=0.0),
    ),
)
BACKBONES.register(
    "cnn",
    BackboneEntry(
        factory="indicdigits.models.cnn:CNN",
        summary="five stages of 3x3 convolutions with batch normalisation; the default",
        options={"dropout": Option(default=0.3, low=0.0, high=0.9)},
        stages=("stem", "stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stem="conv norm",
            stage1="conv norm",
            stage2="conv1 norm1 conv2 norm2",
            stage3="conv1 norm1 conv2 norm2",
            head="dense",
        ),
        count=165_370,
        multiply_adds=4_701_120,
        input_sizes=(20, 64),
        maps=Grid(stage="stage3", pitch=8, first=0.0),
    ),
)
BACKBONES.register(
    "cnn-robust",
    BackboneEntry(
        factory="indicdigits.models.cnn_robust:CNNRobust",
        summary="cnn on slopes of the ink, to which light, shade and polarity are no matter",
        options={"dropout": Option(default=0.3, low=0.0, high=0.9)},
        stages=("stem", "stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stem="conv norm",
            stage1="conv norm",
            stage2="conv1 norm1 conv2 norm2",
            stage3="conv1 norm1 conv2 norm2",
            head="dense",
        ),
        count=165_802,
        multiply_adds=5_197_000,
        input_sizes=(20, 64),
        maps=Grid(stage="stage3", pitch=8, first=0.0),
    ),
)
BACKBONES.register(
    "cnn-classic",
    BackboneEntry(
        factory="indicdigits.models.cnn_classic:CNNClassic",
        summary="the textbook network: 32-32-pool-64-64-pool-128-dropout-10",
        options={"dropout": Option(default=0.5, low=0.0, high=0.9)},
        stages=("stage1", "stage2", "stage3", "head"),
        parameters=_parameters(
            stage1="conv1+ conv2+", stage2="conv1+ conv2+", stage3="dense", head="dense"
        ),
        count=467_818,
        multiply_adds=18_691_840,
        input_sizes=(16, 64),
        maps=Grid(stage="stage2", pitch=4, first=1.5),
    ),
)
BACKBONES.register(
    "capsnet",
    BackboneEntry(
        factory="indicdigits.models.capsnet:CapsNet",
        summary="capsules with self-attention routing (Mazzia et al. 2021) behind a strided stem",
        options={"decoder": Option(default=0.0, low=0.0, high=1.0)},
        stages=("stem", "stage1", "stage2", "stage3", "head"),
        parameters=(
            *_parameters(
                stem="conv norm", stage1="conv norm", stage2="conv1 norm1 conv2 norm2 conv3 norm3"
            ),
            "stage3/kernel",
            "stage3/bias",
            "head/kernel",
            "head/prior",
        ),
        optional={"decoder": _parameters(**{"head/decoder": "dense1 dense2 dense3"})},
        count=164_000,
        multiply_adds=6_608_512,
        input_sizes=(20, 64),
        input_multiple=2,
        maps=Grid(stage="stage2", pitch=4, first=4.5),
    ),
)
_BLOCK = "norm1 attention norm2 dense1 dense2"
BACKBONES.register(
    "vit",
    BackboneEntry(
        factory="indicdigits.models.vit:VisionTransformer",
        summary="a Vision Transformer of four blocks on the tokens of a convolutional stem",
        options={"stochastic_depth": Option(default=0.1, low=0.0, high=0.9)},
        stages=("stem", "stage1", "stage2", "stage3", "stage4", "head"),
        parameters=(
            *_parameters(stem="conv1 norm1 conv2 norm2 conv3 norm3"),
            "stem/position",
            *_parameters(
                stage1=_BLOCK, stage2=_BLOCK, stage3=_BLOCK, stage4=_BLOCK, head="norm dense"
            ),
        ),
        count=260_106,
        multiply_adds=4_897_568,
        input_sizes=(20, 64),
        input_multiple=2,
        tokens=Grid(stage="stem", pitch=8, first=0.5),
    ),
)
