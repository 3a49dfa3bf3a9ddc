import SpanQueue

extension SettingsReader {
    /// Reads how attempts stand to the enqueue of their job: what workers are configured to, and `job trace` goes by.
    mutating func attemptParent() throws -> JobTelemetry.AttemptParent {
        try value(.attemptParent, default: .auto, shown: \.rawValue) { values throws(SettingProblem) in
            let text = values.joined(separator: ",")
            guard let parent = JobTelemetry.AttemptParent(rawValue: text) else {
                throw SettingProblem("\"\(text)\" is not a mode: use auto, parent or link")
            }
            return parent
        }
    }
}
