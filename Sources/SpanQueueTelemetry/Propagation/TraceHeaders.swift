// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

extension TraceContext {
    /// The `traceparent` header: `00-<trace id>-<span id>-<flags>` (Trace Context level 2, section 3.2).
    public var traceParent: String {
        // Bits without a meaning in version 00 are sent as 0 (section 3.2.2.5).
        "00-\(traceID)-\(spanID)-0\(flags & 0b11)"
    }

    /// Reads the three headers, strictly: anything that the specification calls invalid gives nil, and the caller then
    /// starts a trace of its own (Trace Context level 2, section 3.2.2 and 4.2).
    ///
    /// - Parameters:
    ///   - traceParent: 55 bytes for version 00; a later version may be longer, and its first four fields are read.
    ///   - traceState: carried on as far as it follows the grammar and fits in 512 bytes.
    ///   - baggage: carried on when it follows the grammar and has at most 8192 bytes.
    public init?(traceParent: String, traceState: String? = nil, baggage: String? = nil) {
        // A later version may be longer than 55 bytes; how long is up to it, but it shall not cost us memory.
        guard traceParent.utf8.count <= 512 else { return nil }
        let bytes = Array(traceParent.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            let version = Hexadecimal.decode(bytes[0..<2]), version != 0xFF,
            version == 0 ? bytes.count == 55 : bytes.count == 55 || bytes[55] == dash,
            let high = Hexadecimal.decode(bytes[3..<19]), let low = Hexadecimal.decode(bytes[19..<35]),
            let span = Hexadecimal.decode(bytes[36..<52]), let flags = Hexadecimal.decode(bytes[53..<55]),
            let traceID = TraceID(high: high, low: low), let spanID = SpanID(span)
        else { return nil }
        // Of a flags byte only the two defined bits are passed on (section 3.2.2.5).
        self.init(
            traceID: traceID, spanID: spanID, flags: UInt8(flags) & 0b11, traceState: traceState, baggage: baggage)
    }
}

/// The `tracestate` header (Trace Context level 2, section 3.3): a list of what each tracing system in the path wants to keep.
enum TraceStateHeader {
    /// The most bytes that are carried on.
    static let maximumBytes = 512
    /// The most members (section 3.3.1.1).
    private static let maximumMembers = 32
    /// Members longer than this go first where there is too much (section 3.3.1.5).
    private static let largeMemberBytes = 128

    /// What of the header is carried on: nil for one that does not follow the grammar, which has to be discarded as a whole
    /// (section 4.3), and for an empty one. Of members with one key, which no vendor writes but many may pass on, the first is
    /// kept: it was written last (section 3.3.1.3). Too much is cut member by member, large ones first and then from the end, because
    /// whoever came last stands in front.
    static func carried(_ text: String) -> String? {
        let bytes = Array(text.utf8.prefix(maximumMembers * 1024))
        guard bytes.count == text.utf8.count else { return nil }
        var members: [ArraySlice<UInt8>] = []
        var keys: Set<ArraySlice<UInt8>> = []
        var seen = 0
        for part in bytes.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
            // Empty members are allowed, and need not be passed on.
            let member = HeaderText.trimmed(part)
            guard !member.isEmpty else { continue }
            // A list with too many members is discarded as it came, whichever of them would be kept.
            seen += 1
            guard seen <= maximumMembers, let key = key(of: member) else { return nil }
            if keys.insert(key).inserted { members.append(member) }
        }
        if size(members) > maximumBytes { members.removeAll { $0.count > largeMemberBytes } }
        while size(members) > maximumBytes { members.removeLast() }
        return members.isEmpty
            ? nil : String(decoding: Array(members.joined(separator: [UInt8(ascii: ",")])), as: UTF8.self)
    }

    private static func size(_ members: [ArraySlice<UInt8>]) -> Int {
        members.reduce(members.count - 1) { $0 + $1.count }
    }

    /// The key of a member that follows the grammar.
    private static func key(of member: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let equals = member.firstIndex(of: UInt8(ascii: "=")) else { return nil }
        let key = member[..<equals]
        let value = member[(equals + 1)...]
        guard (1...256).contains(key.count), let first = key.first, isLowerOrDigit(first), key.allSatisfy(isKeyByte),
            (1...256).contains(value.count), value.allSatisfy(isValueByte)
        else { return nil }
        return key
    }

    private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
        (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        isLowerOrDigit(byte) || "_-*/@".utf8.contains(byte)
    }

    /// Printable, but for `,` and `=`.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        (0x20...0x7E).contains(byte) && byte != UInt8(ascii: ",") && byte != UInt8(ascii: "=")
    }
}

/// The `baggage` header (W3C Baggage, section 3.3): names and values that an application sends along.
enum BaggageHeader {
    /// The most bytes that are carried on (section 3.3.2).
    static let maximumBytes = 8192

    /// What of the header is carried on, byte for byte; nil for one that does not follow the grammar, is empty, or too long.
    static func carried(_ text: String) -> String? {
        guard text.utf8.count <= maximumBytes else { return nil }
        var hasMember = false
        for part in Array(text.utf8).split(separator: UInt8(ascii: ",")) {
            let member = HeaderText.trimmed(part)
            guard !member.isEmpty else { continue }
            guard isMember(member) else { return nil }
            hasMember = true
        }
        return hasMember ? text : nil
    }

    /// `key=value;property;property=value`, with optional white space round each sign.
    private static func isMember(_ member: ArraySlice<UInt8>) -> Bool {
        let parts = member.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let first = parts.first, isPair(first, needsValue: true) else { return false }
        return parts.dropFirst().allSatisfy { isPair($0, needsValue: false) }
    }

    private static func isPair(_ pair: ArraySlice<UInt8>, needsValue: Bool) -> Bool {
        guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else {
            return !needsValue && HeaderText.isToken(HeaderText.trimmed(pair))
        }
        return HeaderText.isToken(HeaderText.trimmed(pair[..<equals]))
            && HeaderText.trimmed(pair[(equals + 1)...]).allSatisfy(isValueByte)
    }

    /// Printable, but for space, `"`, `,`, `;` and `\`.
    private static func isValueByte(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && !"\",;\\".utf8.contains(byte)
    }
}

/// What HTTP headers are made of.
package enum HeaderText {
    /// Without the spaces and tabs at either end (`OWS` in RFC 9110).
    package static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
        let rest = bytes.drop(while: isBlank)
        guard let last = rest.lastIndex(where: { !isBlank($0) }) else { return [] }
        return rest[...last]
    }

    /// Whether it is a `token` (RFC 9110, section 5.6.2).
    package static func isToken(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.isEmpty
            && bytes.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
                }
            }
    }
}

/// What is carried from process to process (`OTEL_PROPAGATORS`).
package enum PropagationFormat: String, Sendable, Hashable, CaseIterable {
    /// W3C Trace Context: `traceparent` and `tracestate`.
    case traceContext = "tracecontext"
    /// W3C Baggage.
    case baggage
}
