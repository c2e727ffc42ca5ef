"""Whinny and its peers under the same load, in turn: `make bench` runs it, docs/benchmarks.md tells what came of it."""
