// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import FaultHarness
import Foundation
import Testing

/// `SPANQ_FAULTS=all` runs every scenario at full size.
private let runsAll = ProcessInfo.processInfo.environment["SPANQ_FAULTS"] == "all"
/// By TLS to Redis: those on Postgres would be the same once more.
private let isEncrypted = ProcessInfo.processInfo.environment["SPANQ_TEST_TLS"] == "1"
private let scenarios = Scenario.all + (isEncrypted ? [] : Scenario.onPostgres)

@Suite("Faults on real processes", .serialized)
struct ScenarioTests {
    @Test("every promise is kept under", arguments: scenarios.filter { $0.isQuick || runsAll })
    func scenario(_ scenario: Scenario) async throws {
        let figures = try await scenario.run(runsAll ? .full : .quick)
        print("\(scenario.name): \(figures.map(\.text).joined(separator: "; "))")
        for figure in figures { #expect(figure.holds, "\(figure.text)") }
    }
}
