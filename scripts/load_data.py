"""Read a table, check it, and write it down with a report."""

from mlpipeline.cli.load_data import main

raise SystemExit(main())
