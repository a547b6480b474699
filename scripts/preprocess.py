"""Drop duplicates, split, and settle what is done with each column."""

from mlpipeline.cli.preprocess import main

raise SystemExit(main())
