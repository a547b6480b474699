"""Install one lock of requirements/ into a virtual environment. `python3 scripts/install.py --help` tells more."""

from mlpipeline.cli.install import main

raise SystemExit(main())
