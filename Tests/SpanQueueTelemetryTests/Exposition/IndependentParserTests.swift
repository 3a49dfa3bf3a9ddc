// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueTelemetry

/// Whether a Python with prometheus_client is there: name it in SPANQ_PYTHON.
private let python = ProcessInfo.processInfo.environment["SPANQ_PYTHON"]

@Suite("Pages, read by parsers that are not ours", .enabled(if: python != nil, "SPANQ_PYTHON is not set"))
struct IndependentParserTests {
    @Test("prometheus_client and promtool read every page, and both formats say the same")
    func random() async throws {
        for _ in 0..<10 {
            let registry = MetricsRegistry()
            try RandomRegistry.fill(registry)
            try registry.registerProcessMetrics()
            try ProcessMetrics.registerBuildInfo(version: "1.0", in: registry)
            let (status, output) = try check(await registry.collect())
            #expect(status == 0, "\(output)")
        }
    }

    @Test("a page with every kind of trouble is refused, so the check checks")
    func refused() throws {
        let twice = MetricFamilySnapshot(
            name: "a", help: "", kind: .gauge, points: [MetricPoint(labels: .none, value: .integer(1))])
        let (status, _) = try check(MetricsSnapshot(families: [twice, twice], timeUnixNanoseconds: 0))
        #expect(status == 1)
    }

    private func check(_ snapshot: MetricsSnapshot) throws -> (status: Int32, output: String) {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pages-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let text = directory.appendingPathComponent("text")
        let openMetrics = directory.appendingPathComponent("openmetrics")
        try Data(PageFixture.page(snapshot, .text).utf8).write(to: text)
        try Data(PageFixture.page(snapshot, .openMetrics).utf8).write(to: openMetrics)
        let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../../Tools/observability/check-exposition").standardizedFileURL
        let process = Process()
        process.executableURL = URL(fileURLWithPath: python ?? "")
        process.arguments = [script.path, "--text", text.path, "--openmetrics", openMetrics.path]
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: data, as: UTF8.self))
    }
}
