"""What runners share: bundles as bytes and in files, exceptions on their way, progress."""
