"""The local runner: pipelines run in the calling process."""
