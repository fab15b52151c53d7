"""Which places a set shows, and which of its pictures are theirs.

A place follows from its seed alone. Those of the test split come from a range of their own that no --seed reaches, so
that it stays unseen whatever a model was trained on.
"""

from dataclasses import asdict, dataclass

SPLITS = ("train", "val", "test")
PICTURES_A_PLACE = 12
RECIPE = 4  # raised when equal seeds begin to give other pictures
PLACES_A_SPLIT = 500_000
TEST_FROM = 9_000_000_000
MAX_SEED = 8_000


@dataclass(frozen=True, slots=True)
class Share:
    """One place of a split: its seed, and the numbers of its pictures."""

    site_seed: int
    first: int
    count: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How many pictures of each split."""

    train: int
    val: int
    test: int
    seed: int

    def document(self) -> dict[str, int]:
        return {**asdict(self), "pictures_a_place": PICTURES_A_PLACE, "recipe": RECIPE}

    def places(self, split: str) -> list[Share]:
        """Every place shows as many pictures, the last one what is left."""
        count: int = getattr(self, split)
        start = {
            "train": 2 * PLACES_A_SPLIT * self.seed,
            "val": PLACES_A_SPLIT * (2 * self.seed + 1),
            "test": TEST_FROM,
        }[split]
        firsts = range(0, count, PICTURES_A_PLACE)
        return [Share(start + place, first, min(PICTURES_A_PLACE, count - first)) for place, first in enumerate(firsts)]
