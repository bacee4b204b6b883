"""`python -m medxmodal`: the same commands as `medxmodal`."""

from __future__ import annotations

from medxmodal.cli import main

if __name__ == "__main__":
    main()
