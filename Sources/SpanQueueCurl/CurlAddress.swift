import CSpanQueueCurl

/// A URL taken apart by libcurl itself, so that what is checked here is what is connected to.
package struct CurlAddress: Sendable, Hashable {
    /// `http` or `https`.
    package let scheme: String
    /// In lower case; an IPv6 address in brackets.
    package let host: String
    /// Given or implied by the scheme.
    package let port: Int
    /// The URL without credentials, for errors and logs: no query either, since tokens are often put there.
    package let shown: String
    /// The URL without credentials: what is requested.
    let url: String
    /// Decoded.
    let user: String?
    let password: String?

    /// - Throws: `CurlError` of kind `invalidRequest`, without a word of the URL in it.
    package init(_ text: String) throws(CurlError) {
        // A backslash ends the host for browsers and does not for libcurl: nobody should have to know which.
        guard !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "\\") }) else {
            throw CurlError(
                .invalidRequest,
                "the URL has a space, control character or backslash in it: write it as %20 or the like")
        }
        guard let handle = curl_url() else { throw CurlError(.invalidRequest, "out of memory") }
        defer { curl_url_cleanup(handle) }
        guard curl_url_set(handle, CURLUPART_URL, text, 0) == CURLUE_OK,
            let scheme = Self.part(CURLUPART_SCHEME, of: handle), scheme == "http" || scheme == "https",
            let host = Self.part(CURLUPART_HOST, of: handle), !host.isEmpty,
            // libcurl takes an @ in the zone of an IPv6 address: nobody should have to know what is password there.
            Self.part(CURLUPART_ZONEID, of: handle)?.contains("@") != true,
            let portText = Self.part(CURLUPART_PORT, of: handle, flags: CURLU_DEFAULT_PORT), let port = Int(portText)
        else {
            throw CurlError(.invalidRequest, "the URL is not valid: write http://host[:port]/path or https://…")
        }
        // Nobody is ever sent one, so whoever wrote it means something else.
        guard Self.part(CURLUPART_FRAGMENT, of: handle) == nil, !text.contains("#") else {
            throw CurlError(.invalidRequest, "the URL has a # in it: leave out the fragment, or write %23")
        }
        self.user = Self.part(CURLUPART_USER, of: handle, flags: CURLU_URLDECODE)
        self.password = Self.part(CURLUPART_PASSWORD, of: handle, flags: CURLU_URLDECODE)
        // What can't be decoded (an encoded NUL, say) must not turn into a request without credentials.
        guard (user == nil) == (Self.part(CURLUPART_USER, of: handle) == nil),
            (password == nil) == (Self.part(CURLUPART_PASSWORD, of: handle) == nil)
        else { throw CurlError(.invalidRequest, "the URL's user or password has a control character in it") }
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port
        for part in [CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS] {
            curl_url_set(handle, part, nil, 0)
        }
        guard let url = Self.part(CURLUPART_URL, of: handle) else {
            throw CurlError(.invalidRequest, "the URL is not valid: write http://host[:port]/path or https://…")
        }
        self.url = url
        curl_url_set(handle, CURLUPART_QUERY, nil, 0)
        self.shown = Self.part(CURLUPART_URL, of: handle) ?? "\(scheme)://\(host)"
    }

    private static func part(_ part: CURLUPart, of handle: OpaquePointer, flags: Int32 = 0) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &text, UInt32(flags)) == CURLUE_OK, let text else { return nil }
        defer { curl_free(text) }
        return String(cString: text)
    }
}
