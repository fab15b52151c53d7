"""The one dependency under another kind of licence: ultralytics, AGPL-3.0, never imported before that was shown.

That it was shown is kept in the cache, so a node without a screen runs what its owner has been told about.
"""

import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from detectors.errors import BackendMissing, ModelError

SHOWN = "ultralytics-licence-shown.txt"
# Left alone, it asks the network whether it is online, tells its makers who uses it, and installs what it misses.
KEPT_QUIET: Mapping[str, str] = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "false"}
LICENCE = """\
The extra 'ultralytics' is the work of Ultralytics, under the GNU Affero General Public License 3.0 (AGPL-3.0) or a
licence bought from them. Whoever lets others use a program that contains it, over a network too, owes them that whole
program's source under the AGPL. The weights it trains and exports come under the same terms, says Ultralytics.
Vedette is Apache-2.0 and neither contains nor needs it: YOLOX models and the other backends work without.
The text: https://www.gnu.org/licenses/agpl-3.0.html - and theirs: https://www.ultralytics.com/license
"""


def show_licence(cache: Path) -> str:
    """The licence, to be put before a person; from now on `import_ultralytics` goes through.

    Raises ModelError when that cannot be kept.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        (cache / SHOWN).write_text(LICENCE, encoding="utf-8")
    except OSError as err:
        raise ModelError(f"{cache / SHOWN}: {err.strerror or err}") from err
    return LICENCE


def import_ultralytics(cache: Path | None, module: str = "ultralytics") -> Any:
    """A module of ultralytics. Raises BackendMissing when it is not there, ModelError before its licence was shown."""
    if find_spec("ultralytics") is None:
        raise BackendMissing("backends 'ultralytics': No module named 'ultralytics'; install vedette[ultralytics]")
    expect_shown(cache)
    os.environ.update(KEPT_QUIET)
    return import_module(module)


def expect_shown(cache: Path | None) -> None:
    """Raises ModelError before the licence was shown on this machine."""
    if cache is None or not (cache / SHOWN).is_file():
        raise ModelError(
            "ultralytics comes under the AGPL-3.0: see what that asks of you with 'vedette-models licence'"
        )
