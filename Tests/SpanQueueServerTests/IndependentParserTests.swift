// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import SpanQueueTelemetry
import SpanQueueTesting
import Testing

/// A Python with prometheus_client: name it in SPANQ_PYTHON.
private let python = ProcessInfo.processInfo.environment["SPANQ_PYTHON"]

@Suite("Served pages, read by parsers that are not ours", .enabled(if: python != nil, "SPANQ_PYTHON is not set"))
struct IndependentParserTests {
    @Test("prometheus_client and promtool read both formats as they were served, and both say the same")
    func served() async throws {
        // It stands still, so that ages are the same in both pages.
        let clock = ManualClock()
        let queue = try JobQueue.testing(clock: clock)
        try await queue.enqueue(type: "t", payload: [], .queue("mail"))
        clock.advance(by: .milliseconds(9))
        let registry = MetricsRegistry()
        try queue.registerGauges(on: registry)
        try registry.histogram("wait_seconds", help: "Waits.", unit: "seconds", labels: ["queue"], buckets: [0.1, 1])
            .child("mail").record(0.5)
        try await ServerUnderTest.run(registry) { test async throws in
            let text = try #require(try await test.request("/metrics"))
            let openMetrics = try #require(
                try await test.request(
                    "/metrics", headers: ["Accept": "application/openmetrics-text", "Accept-Encoding": "gzip"]))
            let (status, output) = try check(text.text, try openMetrics.unzipped())
            #expect(status == 0, "\(output)")
        }
    }

    private func check(_ text: String, _ openMetrics: String) throws -> (status: Int32, output: String) {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("served-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        // The pages are of two scrapes, which did not take equally long.
        for (name, page) in [("text", text), ("openmetrics", openMetrics)] {
            let lines = page.split(separator: "\n").filter { !$0.contains("spanq_collector_duration_seconds") }
            let file = directory.appendingPathComponent(name)
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
        }
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Tools/observability/check-exposition").standardizedFileURL
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "")
        process.arguments = [
            script.path, "--text", directory.appendingPathComponent("text").path,
            "--openmetrics", directory.appendingPathComponent("openmetrics").path,
        ]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
