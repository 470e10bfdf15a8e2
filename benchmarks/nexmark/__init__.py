"""The queries of NEXMark over an auction site, each as a pipeline and as a loop.

Tucker, Tufte, Papadimos, Maier, "NEXMark: A Benchmark for Queries over Data Streams", 2002; query 0 and the shorter
windows are those that the suites of Beam and Flink have made common.
"""
