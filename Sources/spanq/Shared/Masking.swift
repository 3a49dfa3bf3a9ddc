/// Keeps secrets out of what is printed.
enum Masking {
    /// A text with `***` for the password of every URL in it. The last guard before stderr: whoever makes a message keeps
    /// secrets out of it to begin with.
    static func redact(_ text: String) -> String {
        // By scalars: a sign with a combining mark behind it is still that sign to whoever takes the URL apart.
        text.replacing(/:\/\/([^\/\s"'?#]*)@/.matchingSemantics(.unicodeScalar)) { match in
            let credentials = match.1.unicodeScalars
            let user = String(String.UnicodeScalarView(credentials.prefix { $0 != ":" }))
            return credentials.contains(":") ? "://\(user):***@" : "://\(user)@"
        }
    }

    /// An HTTP URL with `***` for its password and for the values of its query, where tokens are often found.
    static func url(_ text: String) -> String {
        redact(text).replacing(/([?&][^=&#]*=)[^&#]+/.matchingSemantics(.unicodeScalar)) { "\($0.1)***" }
    }
}
