/// The alphabets of the names that come from outside. They keep a name from being mistaken for a key, a hash tag, a label or
/// a path, so every name is checked where it enters.
package struct NameRule: Sendable {
    let what: String
    let alphabet: String
    private let allowed: [Bool]

    private init(_ what: String, punctuation: String) {
        self.what = what
        self.alphabet = "A-Z a-z 0-9 " + punctuation.map(String.init).joined(separator: " ")
        let punctuation = Set(punctuation.utf8)
        self.allowed = (0...255).map { byte in
            switch UInt8(byte) {
            case 48...57, 65...90, 97...122: true
            case let other: punctuation.contains(other)
            }
        }
    }

    package static let queue = NameRule("queue name", punctuation: "_.-")
    package static let jobType = NameRule("job type", punctuation: "_.:/-")
    package static let jobID = NameRule("job id", punctuation: "_.:-@+=")
    package static let tag = NameRule("tag", punctuation: "_.:/-@+#=")

    package func allows(_ name: String) -> Bool {
        let bytes = name.utf8
        return (1...128).contains(bytes.count) && bytes.allSatisfy { allowed[Int($0)] }
    }

    package func check(_ name: String) throws(SpanQueueError) {
        guard !allows(name) else { return }
        let shown = Excerpt.printable(name, limit: 40)
        throw .invalidArgument("\(what) \"\(shown)\" is not allowed: use 1 to 128 characters of \(alphabet)")
    }
}
