"""`python -m tfpix2pix`."""

import sys

from tfpix2pix.cli.main import main

sys.exit(main())
