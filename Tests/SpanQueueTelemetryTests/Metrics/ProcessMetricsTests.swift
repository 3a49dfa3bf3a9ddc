// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import Testing

@testable import SpanQueueTelemetry

@Suite("Metrics of the process")
struct ProcessMetricsTests {
    @Test("each is there and says something that can be true")
    func all() async throws {
        let registry = MetricsRegistry()
        try registry.registerProcessMetrics()
        try ProcessMetrics.registerBuildInfo(version: "1.2.3", in: registry)
        let snapshot = await registry.collect()
        func value(_ name: String) -> Double {
            switch snapshot.families.first(where: { $0.sampleName == name })?.points.first?.value {
            case .double(let value): value
            case .integer(let value): Double(value)
            default: .nan
            }
        }
        #expect(value("process_cpu_seconds_total") > 0)
        #expect(value("process_max_fds") > value("process_open_fds"))
        #expect(value("process_open_fds") >= 3)
        #expect(value("process_resident_memory_bytes") > 1_000_000)
        #expect(value("process_virtual_memory_bytes") > value("process_resident_memory_bytes"))
        let age = Date().timeIntervalSince1970 - value("process_start_time_seconds")
        #expect(age > -2 && age < 3_600)
        let build = snapshot.families.first { $0.sampleName == "spanq_build_info" }?.points.first
        #expect(build?.value == .integer(1))
        #expect(build?.labels.pairs.first == MetricLabel("version", "1.2.3"))
    }

    @Test("opening a file counts")
    func descriptors() throws {
        let before = try #require(ProcFile.openDescriptors())
        let handles = try (0..<20).map { _ in try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/null")) }
        #expect(try #require(ProcFile.openDescriptors()) >= before + 15)
        withExtendedLifetime(handles) {}
    }
}
