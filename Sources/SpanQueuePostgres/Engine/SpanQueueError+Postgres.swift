// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import PostgresClient
import SpanQueue

extension SpanQueueError {
    /// An error of the Postgres client in the engine's words.
    init(_ error: PostgresError) {
        let code: Code =
            switch error.code {
            case .connectionLost, .unreachable, .cancelled, .readOnly, .conflict: .unavailable
            case .overloaded: .overloaded
            case .timeout, .other("SQ001"): .timeout
            case .closed: .closed
            case .outOfResources: .outOfMemory
            case .authentication: .denied
            case .noSchema, .unsupported, .other("SQ002"), .other("SQ003"): .unsupported
            case .other("SQ005"): .invalidState
            case .protocolViolation, .other: .engine
            }
        let message =
            error.code == .noSchema
            ? "the database does not have our schema as this version needs it: run spanq pg migrate (\(error.message))"
            : error.message
        self.init(code, message, mayHaveRun: error.mayHaveRun, underlying: error)
    }
}

extension PostgresError {
    /// Whether Postgres found the call to be late by its clock, and did nothing.
    var isLate: Bool { code == .other("SQ001") }
}
