/// Keeps secrets out of what is printed.
enum Masking {
    /// A text with `***` for the password of every URL in it. The last guard before stderr: whoever makes a message keeps
    /// secrets out of it to begin with.
    static func redact(_ text: String) -> String {
        text.replacing(/:\/\/([^\/\s"'?#]*)@/) { match in
            let user = match.1.prefix { $0 != ":" }
            return match.1.contains(":") ? "://\(user):***@" : "://\(user)@"
        }
    }

    /// An HTTP URL with `***` for its password and for the values of its query, where tokens are often found.
    static func url(_ text: String) -> String {
        redact(text).replacing(/([?&][^=&#]*=)[^&#]+/) { "\($0.1)***" }
    }
}
