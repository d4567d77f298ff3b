"""``python -m distilray.cli``, where the console script is not on the path."""

import sys

from distilray.cli.command_line import main

sys.exit(main())
