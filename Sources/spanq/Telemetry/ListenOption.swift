import SpanQueue
import SpanQueueServer

/// Where /metrics is served.
struct ListenChoice {
    let address: ListenAddress
    /// Whether somebody asked for this address; else it is the default.
    let isGiven: Bool
    /// Whether the process goes on without serving where the default can't be had.
    var yields = true
}

extension SettingsReader {
    /// Reads where /metrics is served.
    mutating func listen(default standard: ListenAddress) throws -> ListenChoice {
        let isGiven = try layers.find(.listen) != nil
        let address = try value(.listen, default: standard, shown: { "\($0)" }) { values throws(SettingProblem) in
            do throws(SpanQueueError) {
                return try ListenAddress(values.joined())
            } catch {
                throw SettingProblem(error.message)
            }
        }
        return ListenChoice(address: address, isGiven: isGiven)
    }
}
