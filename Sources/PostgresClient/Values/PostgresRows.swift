// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// The rows that a call gave, in binary. Columns are read by their place; each reader throws `protocolViolation` where a field is not
/// what it is read as.
package struct PostgresRows: Sendable {
    package let count: Int
    private let columns: Int
    private let bytes: [UInt8]
    /// For each field where it begins and how long it is; -1 for NULL.
    private let fields: [(start: Int, length: Int)]

    package static let none = PostgresRows(count: 0, columns: 0, bytes: [], fields: [])

    init(count: Int, columns: Int, bytes: [UInt8], fields: [(start: Int, length: Int)]) {
        self.count = count
        self.columns = columns
        self.bytes = bytes
        self.fields = fields
    }

    private func field(_ row: Int, _ column: Int) throws(PostgresError) -> ArraySlice<UInt8>? {
        guard (0..<count).contains(row), (0..<columns).contains(column) else {
            throw PostgresError(.protocolViolation, "the reply has no field \(column) in row \(row)", mayHaveRun: true)
        }
        let (start, length) = fields[row * columns + column]
        return length < 0 ? nil : bytes[start..<start + length]
    }

    private func some(_ row: Int, _ column: Int) throws(PostgresError) -> ArraySlice<UInt8> {
        guard let field = try field(row, column) else { throw Self.violation("field \(column) of row \(row) is NULL") }
        return field
    }

    package func isNull(_ row: Int, _ column: Int) throws(PostgresError) -> Bool { try field(row, column) == nil }

    package func bytes(_ row: Int, _ column: Int) throws(PostgresError) -> ArraySlice<UInt8> { try some(row, column) }

    package func optionalBytes(_ row: Int, _ column: Int) throws(PostgresError) -> [UInt8]? {
        try field(row, column).map { Array($0) }
    }

    package func text(_ row: Int, _ column: Int) throws(PostgresError) -> String {
        String(decoding: try some(row, column), as: UTF8.self)
    }

    package func optionalText(_ row: Int, _ column: Int) throws(PostgresError) -> String? {
        try field(row, column).map { String(decoding: $0, as: UTF8.self) }
    }

    package func bool(_ row: Int, _ column: Int) throws(PostgresError) -> Bool {
        let field = try some(row, column)
        guard field.count == 1, let byte = field.first else { throw Self.violation("field \(column) is not a boolean") }
        return byte != 0
    }

    /// A `smallint`, `integer` or `bigint`.
    package func integer(_ row: Int, _ column: Int) throws(PostgresError) -> Int64 {
        try Self.integer(some(row, column))
    }

    package func optionalInteger(_ row: Int, _ column: Int) throws(PostgresError) -> Int64? {
        guard let field = try field(row, column) else { return nil }
        return try Self.integer(field)
    }

    /// An array of integers; NULL is an empty one.
    package func integers(_ row: Int, _ column: Int) throws(PostgresError) -> [Int64?] {
        var integers: [Int64?] = []
        for element in try elements(row, column) {
            if let element { integers.append(try Self.integer(element)) } else { integers.append(nil) }
        }
        return integers
    }

    /// An array of bytes; NULL is an empty one.
    package func byteArrays(_ row: Int, _ column: Int) throws(PostgresError) -> [[UInt8]?] {
        try elements(row, column).map { $0.map { Array($0) } }
    }

    /// An array of texts without NULLs; NULL is an empty one.
    package func texts(_ row: Int, _ column: Int) throws(PostgresError) -> [String] {
        try elements(row, column).compactMap { $0.map { String(decoding: $0, as: UTF8.self) } }
    }

    private func elements(_ row: Int, _ column: Int) throws(PostgresError) -> [ArraySlice<UInt8>?] {
        guard var rest = try field(row, column) else { return [] }
        let dimensions = try Self.take(4, from: &rest)
        _ = try Self.take(8, from: &rest)
        guard try Self.integer(dimensions) > 0 else { return [] }
        guard try Self.integer(dimensions) == 1 else { throw Self.violation("an array has more than one dimension") }
        let count = try Self.integer(Self.take(4, from: &rest))
        _ = try Self.take(4, from: &rest)
        guard count >= 0, count <= rest.count / 4 else { throw Self.violation("an array is cut off") }
        var elements: [ArraySlice<UInt8>?] = []
        for _ in 0..<count {
            let length = Int(try Self.integer(Self.take(4, from: &rest)))
            if length < 0 { elements.append(nil) } else { elements.append(try Self.take(length, from: &rest)) }
        }
        return elements
    }

    private static func take(
        _ count: Int, from rest: inout ArraySlice<UInt8>
    ) throws(PostgresError) -> ArraySlice<UInt8> {
        guard rest.count >= count else { throw violation("an array is cut off") }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }

    private static func integer(_ bytes: ArraySlice<UInt8>) throws(PostgresError) -> Int64 {
        let value = bytes.reduce(0) { UInt64($0) << 8 | UInt64($1) }
        switch bytes.count {
        case 8: return Int64(bitPattern: value)
        case 4: return Int64(Int32(bitPattern: UInt32(truncatingIfNeeded: value)))
        case 2: return Int64(Int16(bitPattern: UInt16(truncatingIfNeeded: value)))
        default: throw violation("a field of \(bytes.count) bytes is not an integer")
        }
    }

    private static func violation(_ text: String) -> PostgresError {
        PostgresError(.protocolViolation, "Postgres' reply can't be read: \(text)", mayHaveRun: true)
    }
}
