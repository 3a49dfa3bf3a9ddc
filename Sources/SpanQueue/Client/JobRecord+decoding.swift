// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension JobMessage {
    /// The payload as a Swift value.
    ///
    /// - Parameter coding: that of the queue it was put on.
    /// - Throws: what the coder throws, a `DecodingError` where the payload is not such a value.
    package func decode<J: Job>(_ type: J.Type, using coding: any JobCoding = JSONJobCoding()) throws -> J {
        try coding.decode(type, from: payload)
    }
}

extension JobRecord {
    /// The payload as a Swift value.
    ///
    /// - Parameter coding: that of the queue it was put on.
    /// - Throws: what the coder throws, a `DecodingError` where the payload is not such a value.
    public func decode<J: Job>(_ type: J.Type, using coding: any JobCoding = JSONJobCoding()) throws -> J {
        try message.decode(type, using: coding)
    }

    /// What the handler left by `JobContext.setResult(_:)`, as a Swift value.
    ///
    /// - Parameter coding: that of the worker's queue.
    /// - Returns: nil where there is no result, or none yet.
    /// - Throws: what the coder throws, a `DecodingError` where the result is not such a value.
    public func result<Value: Decodable>(
        as type: Value.Type = Value.self, using coding: any JobCoding = JSONJobCoding()
    ) throws -> Value? {
        try run.result.map { try coding.decode(type, from: $0) }
    }
}
