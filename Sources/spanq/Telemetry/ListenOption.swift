import SpanQueue
import SpanQueueServer

/// Where /metrics is served.
struct ListenChoice {
    let address: ListenAddress
    /// Whether somebody asked for this address; else it is the default.
    let isGiven: Bool
    /// What happens where the default can't be used.
    var whenTaken = WhenTaken.serveNothing

    enum WhenTaken {
        case fail
        /// A second worker on a machine works, and says that it can't be seen.
        case serveNothing
        /// A port that is free, on the same host.
        case takeAnother
    }
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
