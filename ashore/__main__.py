"""`python -m ashore`: the command."""

import sys

from ashore.cli import main

sys.exit(main())
