"""From files to batches: find pairs, decode, resize, order, batch; jitter on the device."""
