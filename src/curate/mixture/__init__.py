"""Mixtures: weights, budgets and caps over sources, domains and quality; the split; the order of training."""
