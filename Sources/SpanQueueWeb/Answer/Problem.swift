// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin

/// Why a request is not answered, as RFC 9457 has it.
struct Problem: Error {
    let status: HTTPResponse.Status
    /// A word for programs: that of the error, where it is one of ours.
    let code: String
    let message: String
    var mayHaveRun = false
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String, _ headers: HTTPFields = HTTPFields()) {
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers
    }

    static func invalid(_ message: String) -> Problem { Problem(.badRequest, "invalid_argument", message) }
    static func forbidden(_ message: String) -> Problem { Problem(.forbidden, "forbidden", message) }

    /// What an error means to a client; nil for one that nobody expected.
    init?(_ error: any Error) {
        switch error {
        case let problem as Problem: self = problem
        case let error as SpanQueueError:
            self.init(Self.status(of: error.code), error.code.rawValue, error.message)
            mayHaveRun = error.mayHaveRun
            if status == .serviceUnavailable { headers[.retryAfter] = "1" }
        case let error as AdminError: self.init(.forbidden, error.code.rawValue, error.message)
        default: return nil
        }
    }

    static func status(of code: SpanQueueError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidArgument: .badRequest
        case .tooLarge: .contentTooLarge
        case .notFound: .notFound
        case .conflict, .invalidState, .leaseLost, .jobFailed: .conflict
        case .unsupported: .notImplemented
        case .unavailable, .closed, .outOfMemory, .overloaded: .serviceUnavailable
        case .timeout: .gatewayTimeout
        case .denied: .badGateway
        default: .internalServerError
        }
    }

    private struct Document: Encodable {
        let type = "about:blank"
        let title: String
        let status: Int
        let code: String
        let detail: String
        let mayHaveRun: Bool

        private enum CodingKeys: String, CodingKey {
            case type, title, status, code, detail
            case mayHaveRun = "may_have_run"
        }
    }

    var reply: Reply {
        let document = Document(
            title: status.reasonPhrase, status: status.code, code: code, detail: message, mayHaveRun: mayHaveRun)
        // Five texts and numbers: there is nothing in them that can't be encoded.
        let body = (try? AdminJSON.encode(document)) ?? Data()
        return Reply(status: status, body: body, contentType: "application/problem+json", headers: headers)
    }
}

/// An answer before it is sent.
struct Reply {
    var status = HTTPResponse.Status.ok
    var body: Data?
    /// The body as gzip has it, where that is known.
    var packed: Data?
    var contentType = "application/json"
    var headers = HTTPFields()
    /// Who is sent what happens, in the place of a body.
    var viewer: LiveViewer?

    /// Whether it has texts of jobs and people.
    var isText: Bool { ["application/json", "application/x-ndjson"].contains(contentType) }

    static func json(
        _ value: some Encodable, _ status: HTTPResponse.Status = .ok, _ headers: HTTPFields = HTTPFields()
    ) throws -> Reply {
        Reply(status: status, body: try AdminJSON.encode(value), headers: headers)
    }
}
