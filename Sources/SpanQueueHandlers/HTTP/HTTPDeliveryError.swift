import SpanQueue

/// Why a delivery failed; the job is tried again.
struct HTTPDeliveryError: NamedError, CustomStringConvertible {
    let errorType: String
    let description: String
}
