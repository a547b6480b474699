"""Browse, restore and inspect the history of runs in a repository; `--help` tells more."""

from mlpipeline.cli.history.main import main

raise SystemExit(main())
