// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A parameter of a call, in the binary form of its type.
package struct PostgresValue: Sendable, Hashable {
    /// The type's object id; those of built-in types never change.
    let type: UInt32
    /// Nil is NULL.
    let bytes: [UInt8]?

    private enum Kind {
        static let bool: UInt32 = 16
        static let bytes: UInt32 = 17
        static let int8: UInt32 = 20
        static let int4: UInt32 = 23
        static let text: UInt32 = 25
        static let bytesArray: UInt32 = 1001
        static let int4Array: UInt32 = 1007
        static let textArray: UInt32 = 1009
        static let int8Array: UInt32 = 1016
    }

    package static func bool(_ value: Bool) -> PostgresValue {
        PostgresValue(type: Kind.bool, bytes: [value ? 1 : 0])
    }

    package static func int4(_ value: Int) -> PostgresValue {
        PostgresValue(type: Kind.int4, bytes: bigEndian(Int32(clamping: value)))
    }

    package static func int8(_ value: Int64?) -> PostgresValue {
        PostgresValue(type: Kind.int8, bytes: value.map(bigEndian))
    }

    package static func text(_ value: String?) -> PostgresValue {
        PostgresValue(type: Kind.text, bytes: value.map { Array($0.utf8) })
    }

    package static func bytes(_ value: [UInt8]?) -> PostgresValue {
        PostgresValue(type: Kind.bytes, bytes: value)
    }

    package static func texts(_ values: some Collection<String>) -> PostgresValue {
        array(Kind.textArray, of: Kind.text, values) { value, writer in writer.append(contentsOf: value.utf8) }
    }

    package static func int4s(_ values: some Collection<Int>) -> PostgresValue {
        array(Kind.int4Array, of: Kind.int4, values) { append(Int32(clamping: $0), to: &$1) }
    }

    package static func int8s(_ values: some Collection<Int64?>) -> PostgresValue {
        optionals(Kind.int8Array, of: Kind.int8, values) { append($0, to: &$1) }
    }

    package static func byteArrays(_ values: some Collection<[UInt8]?>) -> PostgresValue {
        optionals(Kind.bytesArray, of: Kind.bytes, values) { value, writer in writer.append(contentsOf: value) }
    }

    private static func array<Element>(
        _ type: UInt32, of element: UInt32, _ values: some Collection<Element>,
        _ write: (Element, inout [UInt8]) -> Void
    ) -> PostgresValue {
        optionals(type, of: element, values.lazy.map { Optional($0) }, write)
    }

    /// One dimension, beginning at 1: dimensions, whether there are NULLs, element type, length, lower bound, then each element behind
    /// its length, -1 for NULL.
    private static func optionals<Element>(
        _ type: UInt32, of element: UInt32, _ values: some Collection<Element?>,
        _ write: (Element, inout [UInt8]) -> Void
    ) -> PostgresValue {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(20 + values.count * 24)
        append(Int32(values.isEmpty ? 0 : 1), to: &bytes)
        append(Int32(values.contains { $0 == nil } ? 1 : 0), to: &bytes)
        append(element, to: &bytes)
        guard !values.isEmpty else { return PostgresValue(type: type, bytes: bytes) }
        append(Int32(values.count), to: &bytes)
        append(Int32(1), to: &bytes)
        for value in values {
            guard let value else {
                append(Int32(-1), to: &bytes)
                continue
            }
            let place = bytes.count
            append(Int32(0), to: &bytes)
            write(value, &bytes)
            withUnsafeBytes(of: Int32(bytes.count - place - 4).bigEndian) { size in
                for (offset, byte) in size.enumerated() { bytes[place + offset] = byte }
            }
        }
        return PostgresValue(type: type, bytes: bytes)
    }

    private static func bigEndian(_ value: some FixedWidthInteger) -> [UInt8] {
        withUnsafeBytes(of: value.bigEndian) { Array($0) }
    }

    private static func append(_ value: some FixedWidthInteger, to bytes: inout [UInt8]) {
        withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
    }
}
