// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import SpanQueueTelemetry

/// Reads typed values from an environment and collects what is wrong with it. A variable that is empty is one that is not set, and
/// one whose value is bad is ignored (OpenTelemetry, "Environment Variable Specification").
struct EnvironmentReader {
    private let environment: [String: String]
    private var notes: [Note] = []

    private struct Note {
        let variable: String
        let message: String
        var signals: [OTLPSignal] = []
    }

    init(_ environment: [String: String]) {
        self.environment = environment
    }

    /// What was wrong, each thing once, although each signal looks at the variables that all have in common.
    var warnings: [ConfigurationWarning] {
        notes.map { note in
            let signals = note.signals.map(\.rawValue).joined(separator: ", ")
            return ConfigurationWarning(
                note.variable, note.message + (signals.isEmpty ? "" : "; not exported: \(signals)"))
        }
    }

    /// - Parameter signal: is not exported for that reason.
    mutating func warn(_ variable: String, _ message: String, notExporting signal: OTLPSignal? = nil) {
        let known = notes.firstIndex { $0.variable == variable && $0.message == message }
        let index = known ?? notes.endIndex
        if known == nil { notes.append(Note(variable: variable, message: message)) }
        if let signal, !notes[index].signals.contains(signal) { notes[index].signals.append(signal) }
    }

    /// The value without white space at its ends.
    func text(_ variable: String) -> String? {
        guard let value = environment[variable] else { return nil }
        let trimmed = String(decoding: HeaderText.trimmed(Array(value.utf8)[...]), as: UTF8.self)
        return trimmed.isEmpty ? nil : trimmed
    }

    mutating func flag(_ variable: String) -> Bool? {
        guard let value = text(variable) else { return nil }
        switch value.lowercased() {
        case "true": return true
        case "false": return false
        default:
            warn(variable, "\(shown(value)) is neither true nor false: false is taken")
            return nil
        }
    }

    mutating func number(_ variable: String, in range: ClosedRange<Int>) -> Int? {
        guard let value = text(variable) else { return nil }
        guard let number = Int(value), range.contains(number) else {
            warn(
                variable,
                "\(shown(value)) is not a whole number from \(range.lowerBound) to \(range.upperBound): ignored")
            return nil
        }
        return number
    }

    /// A limit on a count or a length.
    mutating func limit(_ variable: String) -> Int? { number(variable, in: 0...Int(Int32.max)) }

    /// Milliseconds, up to a day.
    mutating func duration(_ variable: String, atLeast milliseconds: Int = 1) -> Duration? {
        number(variable, in: milliseconds...86_400_000).map { .milliseconds($0) }
    }

    mutating func choice<Value>(_ variable: String, _ choices: KeyValuePairs<String, Value>) -> Value? {
        guard let value = text(variable) else { return nil }
        if let choice = choices.first(where: { $0.key == value.lowercased() }) { return choice.value }
        warn(variable, "\(shown(value)) is none of \(choices.map(\.key).joined(separator: ", ")): ignored")
        return nil
    }

    /// `key=value,key=value` with the values percent-encoded; nil, with a warning that quotes nothing, where any of it is wrong.
    mutating func pairs(_ variable: String) -> [(key: String, value: String)]? {
        guard let value = text(variable) else { return nil }
        var pairs: [(key: String, value: String)] = []
        for part in value.utf8.split(separator: UInt8(ascii: ",")) {
            let member = HeaderText.trimmed(Array(part)[...])
            if member.isEmpty { continue }
            guard let equals = member.firstIndex(of: UInt8(ascii: "=")),
                let key = PercentEncoding.decode(HeaderText.trimmed(member[..<equals])), !key.isEmpty,
                let value = PercentEncoding.decode(HeaderText.trimmed(member[(equals + 1)...]))
            else {
                warn(variable, "it is not of the form key=value,key=value with percent-encoded values: ignored")
                return nil
            }
            pairs.append((key, value))
        }
        return pairs
    }

    /// A value fit for a message.
    private func shown(_ value: String) -> String {
        let start = value.unicodeScalars.prefix(40)
        return "\"\(String(String.UnicodeScalarView(start)))\(start.count < value.unicodeScalars.count ? "…" : "")\""
    }
}

/// Percent-encoding (RFC 3986, section 2.1).
enum PercentEncoding {
    /// The text behind the bytes; nil for a bad escape and for what is not UTF-8.
    static func decode(_ bytes: ArraySlice<UInt8>) -> String? {
        var decoded: [UInt8] = []
        var rest = bytes
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            decoded.append(high << 4 | low)
        }
        return String(validating: decoded, as: UTF8.self)
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case 0x30...0x39: byte - 0x30
        case 0x41...0x46: byte - 0x37
        case 0x61...0x66: byte - 0x57
        default: nil
        }
    }
}
