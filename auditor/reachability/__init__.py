"""The exact engine, without I/O, clock or printing: pods → classes, selectors → bitmaps."""
