"""What a run says of itself: the funnel, progress, timings."""
