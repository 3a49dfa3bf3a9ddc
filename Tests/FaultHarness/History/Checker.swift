// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// Judges what was written down while faults ran against how Redis has the jobs afterwards.
package enum Checker {
    private static let terminal: Set<String> = ["completed", "dead", "cancelled"]

    package static func check(_ lines: [HistoryLine], _ final: FinalState) -> Findings {
        var findings = Findings()
        var called: Set<String> = []
        var accepted: Set<String> = []
        var begun: [String: [Int64]] = [:]
        var ended: Set<String> = []
        var threw: [String: Int] = [:]
        var settled: [String: Set<Int64>] = [:]
        for line in lines {
            switch line.what {
            case .called: called.insert(line.job)
            case .accepted: accepted.insert(line.job)
            case .began: begun[line.job, default: []].append(line.token)
            case .ended: ended.insert(line.job)
            case .threw: threw[line.job, default: 0] += 1
            case .settled: settled[line.job, default: []].insert(line.token)
            case .refused, .failed, .cancelled, .progressLost, .settleLost, .heartbeatLost, .wave: break
            }
        }
        findings.accepted = accepted.count
        findings.runs = begun.values.reduce(0) { $0 + $1.count }
        findings.extraRuns = begun.reduce(0) { $0 + max(0, $1.value.count - 1 - threw[$1.key, default: 0]) }

        findings.lost = accepted.filter { !terminal.contains(final.jobs[$0]?.state ?? "") }.sorted()
        findings.unexpected = Set(begun.keys).union(final.jobs.keys).subtracting(called).sorted()
        findings.completedTwice = Set(settled.keys).union(final.jobs.keys)
            .filter { (settled[$0]?.count ?? 0) > 1 || (final.jobs[$0]?.completions ?? 0) > 1 }.sorted()
        findings.completedUnrun = final.jobs.filter { $0.value.state == "completed" && !ended.contains($0.key) }
            .keys.sorted()
        findings.confusedTokens = Set(begun.keys).union(settled.keys)
            .filter { job in
                let tokens = begun[job] ?? []
                return Set(tokens).count < tokens.count || !(settled[job] ?? []).isSubset(of: tokens)
            }.sorted()
        findings.damage = final.damage
        let completed = final.count("completed")
        if final.completedTotal != completed {
            findings.damage.append("\(completed) jobs are completed, and \(final.completedTotal) completions counted")
        }
        return findings
    }
}
