/// Finds a member's value in the text of a JSON object, so that it can be stored byte for byte as it was written: decoding and
/// encoding it again would lose digits of numbers and the order of members.
enum JSONMember {
    /// - Parameter object: valid JSON, an object at the top.
    /// - Returns: the value's bytes; nil where there is no such member. Of two members of that name the last counts.
    static func value(of name: String, in object: [UInt8]) -> ArraySlice<UInt8>? {
        let name = Array("\"\(name)\"".utf8)
        var depth = 0
        var position = 0
        var key: ArraySlice<UInt8>?
        var start: Int?
        var found: ArraySlice<UInt8>?
        while position < object.count {
            switch object[position] {
            case UInt8(ascii: "\""):
                let end = endOfString(object, from: position)
                if depth == 1, start == nil { key = object[position..<end] }
                position = end
                continue
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth == 0, let from = start, let key, key.elementsEqual(name) {
                    found = trimmed(object[from..<position])
                }
            case UInt8(ascii: ":") where depth == 1 && start == nil:
                start = position + 1
            case UInt8(ascii: ",") where depth == 1:
                if let from = start, let key, key.elementsEqual(name) { found = trimmed(object[from..<position]) }
                start = nil
            default:
                break
            }
            position += 1
        }
        return found
    }

    private static func endOfString(_ bytes: [UInt8], from start: Int) -> Int {
        var position = start + 1
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            position += bytes[position] == UInt8(ascii: "\\") ? 2 : 1
        }
        return min(position + 1, bytes.count)
    }

    private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        let isSpace: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == 0x0A || $0 == 0x0D }
        guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
        else { return [] }
        return bytes[first...last]
    }
}
