import SpanQueue
import SpanQueueServer

extension SettingsReader {
    /// Where /metrics is served.
    mutating func listen(default standard: ListenAddress) throws -> ListenAddress {
        try value(.listen, default: standard, shown: { "\($0)" }) { values throws(SettingProblem) in
            do throws(SpanQueueError) {
                return try ListenAddress(values.joined())
            } catch {
                throw SettingProblem(error.message)
            }
        }
    }
}
