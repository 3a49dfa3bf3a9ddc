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
