"""The runners: they differ in where a program runs and in nothing else."""
