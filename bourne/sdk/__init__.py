"""What a user writes: it describes a pipeline and never executes one."""
