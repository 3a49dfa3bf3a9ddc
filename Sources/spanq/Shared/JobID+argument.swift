import SpanQueue

extension JobID {
    /// An id from the command line.
    init(argument text: String) throws(CommandFailure) {
        do {
            try self.init(text)
        } catch {
            throw .usage(error.message)
        }
    }
}
