"""The same jobs on other systems, from text files to text files. Run them with ``make bench-peers``.

``on_*.py`` and ``by_hand.py`` are programs, each for the environment of its system; nothing here imports them.
"""
