// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// What is done about variables of the environment that are not UTF-8. Foundation would put U+FFFD where they are not, and so
/// change them without a word.
package enum CommandEnvironment {
    /// Refuses variables of our own that are not UTF-8. Those of others that we read are taken for unset: OpenTelemetry has a
    /// bad value ignored with a warning ("OpenTelemetry Environment Variable Specification"), W3C a bad context without one.
    ///
    /// To be called before anything else runs: it may take variables away.
    ///
    /// - Parameter warn: told of what is ignored.
    package static func check(warn: (String) -> Void) throws(CommandFailure) {
        for name in foreignNames() {
            guard !name.hasPrefix("SPANQ_") else { throw .usage("\(name) is not UTF-8: set it again, or unset it") }
            if name.hasPrefix("OTEL_") { warn("\(name) is ignored: it is not UTF-8") }
            unsetenv(name)
        }
    }

    /// The variables that we read and that are not UTF-8.
    private static func foreignNames() -> [String] {
        var names: [String] = []
        var entry = environ
        while let variable = entry.pointee {
            let bytes = UnsafeRawBufferPointer(start: variable, count: strlen(variable))
            if String(validating: bytes, as: UTF8.self) == nil {
                let name = String(decoding: bytes.prefix { $0 != UInt8(ascii: "=") }, as: UTF8.self)
                if isRead(name) { names.append(name) }
            }
            entry += 1
        }
        return names
    }

    private static func isRead(_ name: String) -> Bool {
        name.hasPrefix("SPANQ_") || name.hasPrefix("OTEL_") || ["TRACEPARENT", "TRACESTATE", "BAGGAGE"].contains(name)
    }
}
