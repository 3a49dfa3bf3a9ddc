// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import SpanQueue

/// Who may do what, as a file has it: a line for each token or name, `name role queues sha256`.
///
/// ```
/// # name      role      queues        sha256 of the token, or - for whom a proxy or a certificate names
/// ada         admin     *             5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8
/// ci          producer  mail,media-*  …
/// @sre        operator  *             -
/// ```
///
/// A name that begins with `@` is that of a group.
package struct UserList: Sendable {
    package struct User: Sendable, Hashable {
        package let name: String
        package let role: Role
        package let queues: QueuePatterns
    }

    private var byDigest: [TokenDigest: User] = [:]
    private var byName: [String: User] = [:]

    package init() {}

    /// Reads one.
    ///
    /// - Throws: `.invalidArgument`, with the number of the line and never what is in it.
    package init(_ text: String) throws(SpanQueueError) {
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            func wrong(_ problem: String) -> SpanQueueError {
                SpanQueueError(.invalidArgument, "line \(index + 1): \(problem)")
            }
            let words = line.prefix { $0 != "#" }.split { $0 == " " || $0 == "\t" }.map(String.init)
            guard !words.isEmpty else { continue }
            guard words.count == 4 else { throw wrong("\(words.count) words, not 4: write name role queues sha256") }
            guard Self.isName(words[0]) else {
                throw wrong("the name has other characters than A-Z a-z 0-9 . _ @ + -, or more than 64 of them")
            }
            guard let role = Role(rawValue: words[1]) else {
                let roles = Role.allCases.map(\.rawValue).joined(separator: ", ")
                throw wrong("there is no such role: there are \(roles)")
            }
            let queues: QueuePatterns
            do throws(SpanQueueError) { queues = try QueuePatterns(words[2]) } catch { throw wrong(error.message) }
            let user = User(name: words[0], role: role, queues: queues)
            if let other = byName[user.name], other != user {
                throw wrong("its name has other rights in a line before")
            }
            byName[user.name] = user
            guard words[3] != "-" else { continue }
            guard let digest = TokenDigest(hexadecimal: words[3]), !user.name.hasPrefix("@") else {
                throw wrong("the last word is not 64 hexadecimal digits of a person's or program's token, nor -")
            }
            guard byDigest.updateValue(user, forKey: digest) == nil else {
                throw wrong("its token is in a line before")
            }
        }
    }

    /// A line of such a file.
    package static func line(name: String, role: Role, queues: QueuePatterns, digest: String) -> String {
        "\(name) \(role.rawValue) \(queues) \(digest)"
    }

    /// Whether a name can stand in it.
    package static func isName(_ name: String) -> Bool {
        (1...64).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: Array("._@+-".utf8).contains(byte)
                }
            }
    }

    /// Whose token it is.
    package func user(token: AccessToken) -> User? { byDigest[TokenDigest(token)] }

    /// Whose token has this digest.
    package func user(_ digest: TokenDigest) -> User? { byDigest[digest] }

    /// Whose token has this digest; nil also for what is none.
    package func user(digest: String) -> User? { TokenDigest(hexadecimal: digest).flatMap { byDigest[$0] } }

    /// Whom a proxy or a certificate names, by their own name before that of a group.
    package func user(named name: String, groups: [String]) -> User? {
        if !name.hasPrefix("@"), let user = byName[name] { return user }
        return groups.lazy.compactMap { byName["@\($0)"] }.first.map {
            User(name: name, role: $0.role, queues: $0.queues)
        }
    }
}
