import SpanQueueCurl
import Testing

@Suite struct CurlLoopTests {}
