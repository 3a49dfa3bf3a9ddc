// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// Runs scenarios one after the other, and prints a table in Markdown.
package enum ScenarioReport {
    /// - Parameter arguments: `--quick` for the small sizes; `--engine postgres` for the scenarios on Postgres; names of scenarios, or none
    ///   for all.
    /// - Returns: whether every figure holds.
    package static func run(_ arguments: [String]) async throws -> Bool {
        var names = arguments.filter { !$0.hasPrefix("--") }
        var scenarios = Scenario.all
        if let place = arguments.firstIndex(of: "--engine") {
            let engine = arguments.dropFirst(place + 1).first ?? ""
            guard ["redis", "postgres"].contains(engine) else { throw Unmet("--engine: use redis or postgres") }
            if engine == "postgres" { scenarios = Scenario.onPostgres }
            names.removeAll { $0 == engine }
        }
        let unknown = names.filter { name in !scenarios.contains { $0.name == name } }
        guard unknown.isEmpty else {
            throw Unmet("no scenario \(unknown.joined(separator: ", ")): use \(scenarios.map(\.name))")
        }
        let size: Scenario.Size = arguments.contains("--quick") ? .quick : .full
        var isGood = true
        print("| scenario | fault | figures | took |\n|---|---|---|---|")
        for scenario in scenarios where names.isEmpty || names.contains(scenario.name) {
            say("\(scenario.name) …")
            let began = ContinuousClock.now
            var figures: [Figure]
            do {
                figures = try await scenario.run(size)
            } catch {
                figures = [Figure("\(error)", holds: false)]
            }
            let took = ContinuousClock.now - began
            let holds = figures.allSatisfy(\.holds)
            isGood = isGood && holds
            let text = figures.map { $0.holds ? $0.text : "**\($0.text)**" }.joined(separator: "; ")
            let cell = text.replacing("|", with: "\\|").split(whereSeparator: \.isNewline).joined(separator: " ")
            print("| \(scenario.name) | \(scenario.fault) | \(cell) | \(Int(took / .seconds(1))) s |")
            fflush(nil)
            say("\(scenario.name): \(holds ? "holds" : "FAILS")")
        }
        return isGood
    }

    private static func say(_ text: String) {
        FileHandle.standardError.write(Data("\(text)\n".utf8))
    }
}
