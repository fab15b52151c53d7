"""The layer list as TensorFlow reads it: weights, the forward pass, and batch normalisation folded for the export."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from detectors.detections import FloatArray
from detectors.nano.network import BATCH_EPSILON, INPUT, POOL_PX, Network
from detectors.nano.tensorflow_module import import_tensorflow

RARE = -float(np.log(99))  # a bias that says 1 % at the beginning: most cells are empty
KEPT_FRAC = 0.97  # of the running mean and variance, each step (YOLOX)

Weights = dict[str, FloatArray]  # "layer/kernel" (rows, columns, in, out), "layer/bias", "layer/gain", ...


def first_weights(network: Network, rng: np.random.Generator) -> Weights:
    """What is learned, at random: kernels by He (arXiv 1502.01852), gain one, bias nought or rare."""
    weights: Weights = {}
    for layer in network.convolutions():
        shape = (layer.kernel, layer.kernel, layer.channels_in, layer.channels)
        spread = np.sqrt(2 / (layer.kernel**2 * layer.channels_in))
        weights[f"{layer.name}/kernel"] = (rng.standard_normal(shape) * spread).astype(np.float32)
        weights[f"{layer.name}/bias"] = np.zeros(layer.channels, np.float32)
        if layer.kind == "conv":
            weights[f"{layer.name}/gain"] = np.ones(layer.channels, np.float32)
        else:
            weights[f"{layer.name}/kernel"] *= 0.1
    for box, kind in network.outputs:
        weights[f"{box}/bias"][4:] = RARE
        weights[f"{kind}/bias"][:] = RARE
    return weights


def first_averages(network: Network) -> Weights:
    """Running mean and variance of every batch normalisation."""
    averages: Weights = {}
    for layer in network.convolutions():
        if layer.kind == "conv":
            averages[f"{layer.name}/mean"] = np.zeros(layer.channels, np.float32)
            averages[f"{layer.name}/variance"] = np.ones(layer.channels, np.float32)
    return averages


def forward(
    network: Network, weights: Mapping[str, Any], averages: Mapping[str, Any], pictures: Any, *, is_training: bool
) -> tuple[list[tuple[Any, Any]], dict[str, Any]]:
    """For each stride (n, rows, columns, 5) of boxes and (n, rows, columns, classes), both before any sigmoid; and what
    the averages become. pictures: (n, side, side, 3), 0 to 255."""
    tf = import_tensorflow()
    made = {INPUT: tf.cast(pictures, tf.float32) / 255.0}
    moved: dict[str, Any] = {}
    for layer in network.layers:
        inputs, name = [made[each] for each in layer.inputs], layer.name
        if layer.kind in ("conv", "predict"):
            pad = layer.kernel // 2
            around = [[0, 0], [pad, pad], [pad, pad], [0, 0]]
            x = tf.nn.conv2d(inputs[0], weights[f"{name}/kernel"], layer.stride, around)
            if layer.kind == "predict":
                x = tf.nn.bias_add(x, weights[f"{name}/bias"])
            else:
                mean, variance = averages[f"{name}/mean"], averages[f"{name}/variance"]
                x, new_mean, new_variance = tf.compat.v1.nn.fused_batch_norm(
                    x,
                    weights[f"{name}/gain"],
                    weights[f"{name}/bias"],
                    mean=None if is_training else mean,
                    variance=None if is_training else variance,
                    epsilon=BATCH_EPSILON,
                    is_training=is_training,
                )
                moved[f"{name}/mean"] = KEPT_FRAC * mean + (1 - KEPT_FRAC) * new_mean
                moved[f"{name}/variance"] = KEPT_FRAC * variance + (1 - KEPT_FRAC) * new_variance
                x = tf.nn.relu(x) if layer.is_active else x
        elif layer.kind == "concat":
            x = tf.concat(inputs, 3)
        elif layer.kind == "add":
            x = inputs[0] + inputs[1]
        elif layer.kind == "pool":
            x = tf.nn.max_pool2d(inputs[0], POOL_PX, 1, "SAME")
        else:
            x = tf.repeat(tf.repeat(inputs[0], 2, axis=1), 2, axis=2)
        made[name] = x
    return [(made[box], made[kind]) for box, kind in network.outputs], moved


def rows_of(outputs: list[tuple[Any, Any]]) -> Any:
    """(n, cells, 5 + classes), before any sigmoid, as the head `yolox` numbers the cells."""
    tf = import_tensorflow()
    rows = []
    for box, kind in outputs:
        both = tf.concat([box, kind], 3)
        shape = tf.shape(both)
        rows.append(tf.reshape(both, [shape[0], shape[1] * shape[2], both.shape[3]]))
    return tf.concat(rows, 1)


def fold(
    network: Network, weights: Mapping[str, FloatArray], averages: Mapping[str, FloatArray]
) -> dict[str, tuple[FloatArray, FloatArray]]:
    """Kernel and bias of each convolution with its batch normalisation inside."""
    folded = {}
    for layer in network.convolutions():
        kernel, bias = weights[f"{layer.name}/kernel"], weights[f"{layer.name}/bias"]
        if layer.kind == "conv":
            mean, variance = averages[f"{layer.name}/mean"], averages[f"{layer.name}/variance"]
            factor = weights[f"{layer.name}/gain"] / np.sqrt(variance + BATCH_EPSILON)
            kernel, bias = kernel * factor, bias - mean * factor
        folded[layer.name] = (kernel.astype(np.float32), bias.astype(np.float32))
    return folded
