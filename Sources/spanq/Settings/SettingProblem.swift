import SpanQueue

/// Why a text is no value for a setting; whoever asked knows where the text came from.
struct SettingProblem: Error {
    let message: String

    init(_ message: String) {
        self.message = message
    }

    /// Passes on what the library says of a value.
    static func wrap<Value>(_ body: () throws -> Value) throws(SettingProblem) -> Value {
        do {
            return try body()
        } catch let error as SpanQueueError {
            throw SettingProblem(error.message)
        } catch {
            throw SettingProblem(String(describing: error))
        }
    }
}
