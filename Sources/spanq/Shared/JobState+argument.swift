public import ArgumentParser
public import SpanQueue

extension JobState: ExpressibleByArgument {}
