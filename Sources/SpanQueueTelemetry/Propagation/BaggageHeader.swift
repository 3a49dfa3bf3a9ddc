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
