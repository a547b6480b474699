"""Train every candidate and log one MLflow run each."""

from mlpipeline.cli.train import main

raise SystemExit(main())
