"""Streams: many epochs over long-lived stage instances.

==================  ==============================================================================
``coordinator.py``  decides what happens next; a pure state machine
``driver.py``       performs what the coordinator says
``host.py``         the stage instances of one process, and one epoch over all of them
``instance.py``     one stage in one host: program, keyed state, watermarks
``readers.py``      the readers of one source in one host
``watermark.py``    the formulas
==================  ==============================================================================
"""
