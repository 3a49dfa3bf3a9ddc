internal import SpanQueue

/// Counts as a JSON object with a member for each state.
struct JobsByState: Encodable {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let jobs: [JobState: Int]

    init(_ jobs: [JobState: Int]) {
        self.jobs = jobs
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for state in JobState.allCases {
            try container.encode(jobs[state] ?? 0, forKey: Key(stringValue: state.rawValue))
        }
    }
}
