"""The exact engine: no I/O, no clock, no printing. Pods become endpoint classes, selectors bitmaps."""
