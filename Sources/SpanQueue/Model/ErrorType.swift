/// A name for an error that is fit for a label: there are as many as the program has error types.
enum ErrorType {
    static func name(of error: any Error) -> String {
        if error is CancellationError { return "cancelled" }
        if let error = error as? SpanQueueError { return error.code.rawValue }
        if let error = error as? any NamedError { return error.errorType }
        return String(String(describing: Swift.type(of: error)).prefix(64))
    }
}

/// An error that names its own kind: a word that is one of few.
package protocol NamedError: Error {
    /// The word.
    var errorType: String { get }
}
