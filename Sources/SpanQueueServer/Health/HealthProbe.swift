internal import SpanQueueLoop
internal import SpanQueueTelemetry

/// Some checks, asked together.
struct HealthProbe: Sendable {
    private let checks: [(about: HealthCheck, run: SharedRun<String?>)]

    init(_ checks: [HealthCheck], on thread: LoopThread) {
        self.checks = checks.map { check in
            (check, SharedRun(deadline: check.deadline, on: thread, check.check))
        }
    }

    /// What is wrong, in one line; nil when nothing is.
    func problem(isDraining: Bool = false) async -> String? {
        let checks = checks.filter { !isDraining || $0.about.countsWhileDraining }
        let problems = await withTaskGroup(of: (Int, String?).self) { group in
            for (index, check) in checks.enumerated() {
                group.addTask { (index, Self.problem(check.about.name, await check.run.value())) }
            }
            return await group.reduce(into: [(Int, String)]()) { found, result in
                if let problem = result.1 { found.append((result.0, problem)) }
            }
        }
        guard !problems.isEmpty else { return nil }
        return problems.sorted { $0.0 < $1.0 }.map(\.1).joined(separator: "; ")
    }

    private static func problem(_ name: String, _ outcome: SharedRun<String?>.Outcome) -> String? {
        let problem: String
        switch outcome {
        case .success(nil): return nil
        case .success(let text?): problem = text
        case .failure(let error): problem = "\(error)"
        case .late: problem = "no answer in time"
        }
        // An error's text may have lines; the answer has one.
        return "\(name): \(problem.split(whereSeparator: \.isNewline).joined(separator: " ").prefix(300))"
    }
}
