"""`python -m mlpipeline` is `mlflow-git`."""

from mlpipeline.cli.main import main

raise SystemExit(main())
