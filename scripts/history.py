"""Browse, restore and inspect the history of runs in a repository; `--help` tells more."""

from mlpipeline.cli.history import main

raise SystemExit(main())
