"""Makes `.venv` from `constraints.txt`, or leaves it alone when it is there and current.

Current means: made at this place from the same pyproject.toml and constraints.txt. Only the
standard library, as this runs before anything is installed.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
STAMP = VENV / ".stamp"
EXTRAS = "dev"


def wanted() -> str:
    """What the stamp of a current environment holds."""
    digest = hashlib.sha256(f"{ROOT}\n{EXTRAS}\n".encode())
    for name in ("pyproject.toml", "constraints.txt"):
        digest.update((ROOT / name).read_bytes())
    return digest.hexdigest()


def works(python: Path) -> bool:
    """Whether the environment's interpreter still starts (its base may have gone) and is new enough."""
    check = "import pip, sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def main() -> int:
    """Make or refresh the environment; the exit code is that of the step that failed."""
    stamp = wanted()
    python = VENV / "bin" / "python"
    if STAMP.is_file() and STAMP.read_text().strip() == stamp and works(python):
        return 0
    steps: list[list[str | Path]] = []
    if not works(python):
        print(f"Making .venv with Python {sys.version.split()[0]}", file=sys.stderr)
        steps.append([sys.executable, "-m", "venv", "--clear", VENV])
    install = ["install", "--quiet", "--disable-pip-version-check", "--no-input"]
    steps.append([python, "-m", "pip", *install, "-c", "constraints.txt", "-e", f".[{EXTRAS}]"])
    STAMP.unlink(missing_ok=True)
    print("Installing medxmodal and what its tests need (PyTorch is large; once only)", file=sys.stderr)
    for step in steps:
        code = subprocess.run(step, cwd=ROOT, check=False).returncode
        if code:
            print(f"make venv: this step failed: {' '.join(map(str, step))}", file=sys.stderr)
            return code
    STAMP.write_text(stamp + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
