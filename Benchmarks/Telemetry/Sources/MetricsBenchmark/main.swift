import SpanQueueTelemetry

// Run with: swift run -c release --package-path Benchmarks/Telemetry

try Recording().run()
try Scraping().run()
