"""Publish the job's MLflow runs in the Git repository; `--help` tells more."""

from mlpipeline.cli.persist import main

raise SystemExit(main())
