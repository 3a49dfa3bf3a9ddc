// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

public import Foundation

/// Payloads and results as JSON.
///
/// Members are sorted, so that equal values have equal bytes and a unique job is recognised by them. Dates are texts of RFC 3339
/// in UTC with the digits of the second that they need: none, three, six or nine. Read are dates with and without a fraction
/// and with any offset, as other languages write them.
public struct JSONJobCoding: JobCoding {
    // Not changed any more once they are here.
    private let encoder: JSONEncoder
    private let decoder: JSONDecoder
    /// Of the coders described above: what is written and read without them.
    private let unfit: (written: UnfitTypes, read: UnfitTypes)?

    /// The coders described above.
    public init() {
        self = Self.standard
    }

    private init(_ foundation: JSONJobCoding, unfit: (UnfitTypes, UnfitTypes)) {
        encoder = foundation.encoder
        decoder = foundation.decoder
        self.unfit = unfit
    }

    /// The coders described above, changed once: `JSONJobCoding { encoder, decoder in encoder.keyEncodingStrategy = … }`. That
    /// members are sorted can't be changed.
    ///
    /// - Parameter configure: changes the coders; it must not keep them.
    public init(_ configure: (JSONEncoder, JSONDecoder) -> Void) {
        unfit = nil
        encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes]
        encoder.dateEncodingStrategy = .custom { date, encoder in try Self.encode(date, to: encoder) }
        decoder = JSONDecoder()
        decoder.dateDecodingStrategy = .custom { decoder in try Self.decodeDate(from: decoder) }
        configure(encoder, decoder)
        encoder.outputFormatting.insert(.sortedKeys)
    }

    private static let standard = JSONJobCoding(JSONJobCoding { _, _ in }, unfit: (UnfitTypes(), UnfitTypes()))

    /// Encodes a value as JSON.
    public func encode<Value: Encodable>(_ value: Value) throws -> [UInt8] {
        if let bytes = unfit?.written.attempt(Value.self, { FlatJSONEncoder.encode(value) }) { return bytes }
        return Array(try encoder.encode(value))
    }

    /// Decodes a value from JSON.
    public func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value {
        if let value = unfit?.read.attempt(type, { FlatJSONDecoder.decode(type, from: bytes) }) { return value }
        return try decoder.decode(type, from: Data(bytes))
    }

    private static func encode(_ date: Date, to encoder: any Encoder) throws {
        guard let text = RFC3339(date)?.text else {
            throw EncodingError.invalidValue(
                date,
                EncodingError.Context(
                    codingPath: encoder.codingPath, debugDescription: "a date outside the years 0 to 9999"))
        }
        var container = encoder.singleValueContainer()
        try container.encode(text)
    }

    private static func decodeDate(from decoder: any Decoder) throws -> Date {
        let container = try decoder.singleValueContainer()
        guard let moment = RFC3339(try container.decode(String.self)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a date such as 2026-11-21T09:30:00.125Z")
        }
        return moment.date
    }
}

extension RFC3339 {
    private static let referenceSeconds = Int64(Date.timeIntervalBetween1970AndReferenceDate)

    /// A date to the nanosecond; nil for one that is not finite or far beyond the years that have four digits.
    package init?(_ date: Date) {
        let interval = date.timeIntervalSinceReferenceDate
        guard interval.isFinite, interval.magnitude < 1e12 else { return nil }
        let whole = interval.rounded(.down)
        // Exact: both have the same exponent or the difference a smaller one.
        let nanoseconds = Int64(((interval - whole) * 1e9).rounded())
        let carry: Int64 = nanoseconds == 1_000_000_000 ? 1 : 0
        self.init(
            seconds: Int64(whole) + Self.referenceSeconds + carry, nanoseconds: carry == 1 ? 0 : nanoseconds)
    }

    /// The same moment as a `Date`. A date that was written comes back as it was, since 2001 ± 250 years to the last bit but for
    /// what is finer than a nanosecond.
    package var date: Date {
        Date(timeIntervalSinceReferenceDate: Double(seconds - Self.referenceSeconds) + Double(nanoseconds) / 1e9)
    }
}

/// How values become bytes and bytes become values again: payloads of jobs of a Swift type, and results.
///
/// `JSONJobCoding` unless `JobQueueConfiguration.coding` is another. All producers and workers of a queue must use coders that
/// understand each other.
public protocol JobCoding: Sendable {
    /// The bytes of a value. Equal values must have equal bytes, or a unique job is not recognised as one that is there.
    func encode<Value: Encodable>(_ value: Value) throws -> [UInt8]
    /// The value that bytes stand for.
    func decode<Value: Decodable>(_ type: Value.Type, from bytes: [UInt8]) throws -> Value
}
