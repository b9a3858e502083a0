"""Pages with known text for benchmarks."""
