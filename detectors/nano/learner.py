"""One step of learning: gradients, AdamW (arXiv 1711.05101), and weights that follow slowly, which are the result."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from detectors.detections import FloatArray
from detectors.nano.forward import Weights, first_averages, first_weights, forward, rows_of
from detectors.nano.loader import Batch
from detectors.nano.loss import loss
from detectors.nano.network import Network
from detectors.nano.state import Plan, State
from detectors.nano.tensorflow_module import import_tensorflow

WARM_UP_FRAC = 0.03  # of all steps
LAST_RATE_FRAC = 0.02
DECAY = 0.02  # of kernels, times the rate
MOMENTS = (0.9, 0.999)
GRADIENT_MOST = 10.0  # norm over all weights
FOLLOW_STEPS = 1000.0  # the slow weights remember about as many


@dataclass(frozen=True, slots=True)
class Losses:
    """Of one step."""

    box: float
    objectness: float
    kind: float
    answering: float

    @property
    def total(self) -> float:
        return 5 * self.box + self.objectness + self.kind


def rate_at(plan: Plan, step: int) -> float:
    """Up in a straight line, down along half a cosine."""
    warm = max(1.0, plan.steps * WARM_UP_FRAC)
    if step < warm:
        return plan.rate * (step + 1) / (warm + 1)
    done = (step - warm) / max(1.0, plan.steps - warm)
    return plan.rate * (LAST_RATE_FRAC + (1 - LAST_RATE_FRAC) * (1 + float(np.cos(np.pi * done))) / 2)


def _chance(plan: Plan) -> np.random.Generator:
    return np.random.default_rng((plan.seed, 2))


class Learner:
    """Weights in TensorFlow and what moves them."""

    def __init__(self, network: Network, state: State) -> None:
        self._tf = tf = import_tensorflow()
        self.network, self.plan, self.done = network, state.plan, state.done
        self._groups: dict[str, dict[str, Any]] = {
            group: {name: tf.Variable(values) for name, values in weights.items()}
            for group, weights in state.groups.items()
        }
        any_picture = tf.TensorSpec([None, None, None, 3], tf.uint8)
        any_boxes, any_kinds = tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None], tf.int32)
        number = tf.TensorSpec([])
        signature = [any_picture, any_boxes, any_kinds, number, number]
        self._step = tf.function(self._learn, autograph=False, input_signature=signature)
        self._see = tf.function(self._look, autograph=False, input_signature=[any_picture])

    @classmethod
    def begin(cls, network: Network, plan: Plan, start: State | None = None) -> "Learner":
        """With what another training came to, or at random."""
        weights = start.groups["slow_weights"] if start else first_weights(network, _chance(plan))
        averages = start.groups["slow_averages"] if start else first_averages(network)
        nothing = {name: np.zeros_like(values) for name, values in weights.items()}
        groups = {
            "weights": weights,
            "averages": averages,
            "slow_weights": weights,
            "slow_averages": averages,
            "first": nothing,
            "second": nothing,
        }
        return cls(network, State(plan, 0, groups))

    def state(self) -> State:
        return State(self.plan, self.done, {group: self._arrays(group) for group in self._groups})

    def slow(self) -> tuple[Weights, Weights]:
        """The result: weights and averages."""
        return self._arrays("slow_weights"), self._arrays("slow_averages")

    def learn(self, batch: Batch) -> Losses:
        rate = rate_at(self.plan, self.done)
        said = self._step(batch.pictures, batch.xyxy_px, batch.class_index, np.float32(rate), np.float32(self.done + 1))
        self.done += 1
        return Losses(*(float(each) for each in said))

    def look(self, pictures: "np.ndarray[tuple[int, ...], np.dtype[np.uint8]]") -> FloatArray:
        """(n, cells, 5 + classes) as the exported network says them, by the slow weights."""
        rows: FloatArray = self._see(pictures).numpy()
        return rows

    def _arrays(self, group: str) -> Weights:
        return {name: variable.numpy() for name, variable in self._groups[group].items()}

    def _look(self, pictures: Any) -> Any:
        tf, groups = self._tf, self._groups
        outputs, _ = forward(self.network, groups["slow_weights"], groups["slow_averages"], pictures, is_training=False)
        rows = rows_of(outputs)
        return tf.concat([rows[..., :4], tf.sigmoid(rows[..., 4:])], -1)

    def _learn(self, pictures: Any, truth: Any, kinds: Any, rate: Any, step: Any) -> tuple[Any, ...]:
        tf, groups = self._tf, self._groups
        weights = groups["weights"]
        with tf.GradientTape() as tape:
            outputs, moved = forward(self.network, weights, groups["averages"], pictures, is_training=True)
            wrong = loss(rows_of(outputs), truth, kinds, side_px=tf.shape(pictures)[1])
            total = wrong.total
        slopes = tape.gradient(total, list(weights.values()))
        slopes, _ = tf.clip_by_global_norm(slopes, GRADIENT_MOST)
        short, long = MOMENTS
        for (name, weight), slope in zip(weights.items(), slopes, strict=True):
            if name.endswith("/kernel"):
                weight.assign_sub(rate * DECAY * weight)
            tf.raw_ops.ResourceApplyAdam(  # one operation instead of a dozen for each of 200 weights
                var=weight.handle,
                m=groups["first"][name].handle,
                v=groups["second"][name].handle,
                beta1_power=short**step,
                beta2_power=long**step,
                lr=rate,
                beta1=short,
                beta2=long,
                epsilon=1e-8,
                grad=slope,
            )
        for name, value in moved.items():
            groups["averages"][name].assign(value)
        follow = tf.maximum(1 / FOLLOW_STEPS, 1 / (1 + step / 3))  # quickly at first
        for group in ("weights", "averages"):
            for name, value in groups[group].items():
                slow = groups[f"slow_{group}"][name]
                slow.assign_add(follow * (value - slow))
        return wrong.box, wrong.objectness, wrong.kind, wrong.answering
