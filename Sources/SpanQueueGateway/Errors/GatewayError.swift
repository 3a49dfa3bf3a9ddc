// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import GRPCCore
package import GRPCProtobuf
package import SpanQueue
import SpanQueueAdmin
import SpanQueueProto

/// Why a call failed, as its status tells: SpanQueue's own code, the status code that stands for it, and whether to try again.
package struct GatewayError: Error, Sendable {
    package var code: RPCError.Code
    /// SpanQueue's word.
    package var reason: String
    package var message: String
    package var mayHaveRun = false
    package var retryAfter: Duration?
    package var queue: String?
    package var id: String?

    package init(_ code: RPCError.Code, _ reason: String, _ message: String, retryAfter: Duration? = nil) {
        self.code = code
        self.reason = reason
        self.message = message
        self.retryAfter = retryAfter
    }

    package init(_ error: SpanQueueError, queue: String? = nil, id: String? = nil) {
        var retryAfter: Duration?
        let code: RPCError.Code
        switch error.code {
        case .invalidArgument, .tooLarge: code = .invalidArgument
        case .notFound: code = .notFound
        case .conflict: code = .alreadyExists
        case .invalidState, .jobFailed, .leaseLost, .unsupported: code = .failedPrecondition
        case .unavailable, .closed: (code, retryAfter) = (.unavailable, .milliseconds(500))
        case .timeout: code = .deadlineExceeded
        case .overloaded: (code, retryAfter) = (.resourceExhausted, .milliseconds(200))
        case .outOfMemory: (code, retryAfter) = (.resourceExhausted, .seconds(5))
        case .corruptRecord: code = .dataLoss
        default: code = .internalError
        }
        self.init(code, error.code.rawValue, error.message, retryAfter: retryAfter)
        mayHaveRun = error.mayHaveRun
        self.queue = queue
        self.id = id
    }

    /// Of anything that was thrown.
    package init(_ error: any Error, queue: String? = nil, id: String? = nil) {
        switch error {
        case let error as GatewayError: self = error
        case let error as SpanQueueError: self.init(error, queue: queue, id: id)
        case let error as AdminError: self = .forbidden(error.message)
        case is CancellationError: self.init(.cancelled, "cancelled", "the call was given up")
        default: self.init(.internalError, "internal", "unexpected: see the gateway's log")
        }
    }

    static func invalid(_ message: String) -> GatewayError {
        GatewayError(.invalidArgument, "invalid_argument", message)
    }

    /// The client broke the rules of the stream.
    static func rules(_ message: String) -> GatewayError { GatewayError(.invalidArgument, "protocol", message) }

    /// As it goes to the client.
    package var status: GoogleRPCStatus {
        var metadata = ["may_have_run": mayHaveRun ? "true" : "false"]
        metadata["queue"] = queue
        metadata["id"] = id
        var details = [ErrorDetails.errorInfo(reason: reason, domain: "spanqueue", metadata: metadata)]
        if let retryAfter { details.append(.retryInfo(delay: retryAfter)) }
        return GoogleRPCStatus(code: code, message: message, details: details)
    }

    /// As it stands in an answer for one of many.
    var problem: Wire.Problem {
        var problem = Wire.Problem()
        problem.code = UInt32(code.rawValue)
        problem.reason = reason
        problem.message = message
        problem.mayHaveRun = mayHaveRun
        if let retryAfter { problem.retryAfter = .init(retryAfter) }
        return problem
    }
}

/// What is thrown where gRPC catches it.
extension GatewayError: RPCErrorConvertible {
    package var rpcErrorCode: RPCError.Code { code }
    package var rpcErrorMessage: String { message }
    package var rpcErrorMetadata: Metadata { status.rpcErrorMetadata }
}
