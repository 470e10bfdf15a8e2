"""What tests of pipelines need."""
