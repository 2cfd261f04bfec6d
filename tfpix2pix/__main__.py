"""`python -m tfpix2pix`."""

import sys

from tfpix2pix.cli.start import main

sys.exit(main())
