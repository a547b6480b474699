"""Show the whole story in `.demo/`: two CI jobs train and persist, then anyone browses."""

from mlpipeline.cli.demo import main

raise SystemExit(main())
