// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueCurl

/// One request in flight. On the thread of its ``CurlEngine`` only.
final class CurlTransfer {
    /// The most bytes of response headers that are taken; libcurl itself bounds only each line.
    private static let headerLimitBytes = 64 << 10
    /// Up to here a body is copied, and leaves in one write with the head. A larger one is read piece by piece from where it is.
    private static let copiedBodyBytes = 32 << 10

    let easy: UnsafeMutableRawPointer
    let address: CurlAddress
    private let completion: CurlEngine.Completion
    private let limitBytes: Int
    private var headers: UnsafeMutablePointer<curl_slist>?
    private var body: [UInt8] = []
    /// The body of the request, where it is read from here, and how much of it has been.
    private var upload: [UInt8] = []
    private var uploadedBytes = 0
    private var headerBytes = 0
    private var isTruncated = false

    /// Nil where memory is short.
    init?(id: UInt64, _ request: CurlRequest, to address: CurlAddress, _ completion: CurlEngine.Completion) {
        guard let easy = curl_easy_init() else { return nil }
        self.easy = easy
        self.address = address
        self.completion = completion
        self.limitBytes = max(0, request.responseLimitBytes)
        guard configure(request, id: id) else { return nil }
    }

    deinit {
        curl_easy_cleanup(easy)
        curl_slist_free_all(headers)
    }

    func fail(_ error: CurlError) {
        completion.resume(returning: .failure(error))
    }

    /// libcurl is done with it, in one way or another.
    func finish(_ code: CURLcode) {
        // Our own write callback stops the transfer with a write error at the limit.
        guard code == CURLE_OK || code == CURLE_WRITE_ERROR && isTruncated else {
            let words = "no answer from \(address.shown): \(Self.words(for: code, headerBytes))"
            return fail(CurlError(kind(of: code), words, status: finalStatus))
        }
        var status = 0
        var retryAfterSeconds: curl_off_t = 0
        var contentType: UnsafeMutableRawPointer?
        _ = spanqueue_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        _ = spanqueue_curl_get_offset(easy, CURLINFO_RETRY_AFTER, &retryAfterSeconds)
        _ = spanqueue_curl_get_pointer(easy, CURLINFO_CONTENT_TYPE, &contentType)
        completion.resume(
            returning: .success(
                CurlResponse(
                    status: status,
                    // A date far away is a number that Duration can still hold: its seconds are 64 bits wide.
                    retryAfter: retryAfterSeconds > 0 ? .seconds(Int64(retryAfterSeconds)) : nil,
                    contentType: contentType.map { String(cString: $0.assumingMemoryBound(to: CChar.self)) },
                    body: body, isTruncated: isTruncated)))
    }

    /// The status that the server has sent so far, but for those that announce another one.
    private var finalStatus: Int? {
        var status = 0
        _ = spanqueue_curl_get_long(easy, CURLINFO_RESPONSE_CODE, &status)
        return status >= 200 ? status : nil
    }

    /// Whether there was ever a connection for the request to go out on.
    private var hasConnected: Bool {
        var microseconds: curl_off_t = 0
        _ = spanqueue_curl_get_offset(easy, CURLINFO_PRETRANSFER_TIME_T, &microseconds)
        return microseconds > 0
    }

    // MARK: Options

    private func configure(_ request: CurlRequest, id: UInt64) -> Bool {
        // The id and not a reference: a transfer that was cancelled is then simply not found.
        let key = UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: id))
        let context = Unmanaged.passUnretained(self).toOpaque()
        let results = [
            spanqueue_curl_set_string(easy, CURLOPT_URL, address.url),
            spanqueue_curl_set_pointer(easy, CURLOPT_PRIVATE, key),
            // Both spellings work from libcurl 7.19 on; the newer CURLOPT_PROTOCOLS_STR only from 7.85.
            spanqueue_curl_set_long(easy, CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP | CURLPROTO_HTTPS)),
            spanqueue_curl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0),
            spanqueue_curl_set_long(easy, CURLOPT_SSL_VERIFYPEER, 1),
            spanqueue_curl_set_long(easy, CURLOPT_SSL_VERIFYHOST, 2),
            spanqueue_curl_set_long(easy, CURLOPT_NOSIGNAL, 1),
            spanqueue_curl_set_quick_exit(easy),
            spanqueue_curl_set_long(easy, CURLOPT_TIMEOUT_MS, Self.milliseconds(request.timeout)),
            spanqueue_curl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout)),
            spanqueue_curl_set_write(easy, CURLOPT_WRITEFUNCTION, Self.onBody),
            spanqueue_curl_set_pointer(easy, CURLOPT_WRITEDATA, context),
            spanqueue_curl_set_write(easy, CURLOPT_HEADERFUNCTION, Self.onHeader),
            spanqueue_curl_set_pointer(easy, CURLOPT_HEADERDATA, context),
        ]
        guard results.allSatisfy({ $0 == CURLE_OK }) else { return false }
        return setCredentials() && setProxy(request) && setTLS(request.tls) && setHeaders(request) && setBody(request)
    }

    private func setCredentials() -> Bool {
        guard address.user != nil || address.password != nil else { return true }
        return spanqueue_curl_set_string(easy, CURLOPT_USERNAME, address.user ?? "") == CURLE_OK
            && spanqueue_curl_set_string(easy, CURLOPT_PASSWORD, address.password ?? "") == CURLE_OK
    }

    /// An empty name is "no proxy", also where the environment has one.
    private func setProxy(_ request: CurlRequest) -> Bool {
        let isLocal = address.host == "localhost" || address.host == "[::1]" || address.host.hasPrefix("127.")
        return request.usesProxy && !isLocal || spanqueue_curl_set_string(easy, CURLOPT_PROXY, "") == CURLE_OK
    }

    private func setTLS(_ files: CurlTLSFiles) -> Bool {
        let options = [
            (CURLOPT_CAINFO, files.authorities), (CURLOPT_SSLCERT, files.certificate), (CURLOPT_SSLKEY, files.key),
        ]
        return options.allSatisfy { option, path in
            path.map { spanqueue_curl_set_string(easy, option, $0) == CURLE_OK } ?? true
        }
    }

    private func setHeaders(_ request: CurlRequest) -> Bool {
        // No `Expect: 100-continue`, for which libcurl would wait a second where the server does not know it.
        for (name, value) in request.headers + [("Expect", "")] {
            // libcurl takes "Name:" as "leave this header out" and "Name;" as "send it empty".
            let line = value.isEmpty ? name + (name == "Expect" ? ":" : ";") : "\(name): \(value)"
            guard let longer = curl_slist_append(headers, line) else { return false }
            headers = longer
        }
        return spanqueue_curl_set_pointer(easy, CURLOPT_HTTPHEADER, headers) == CURLE_OK
    }

    private func setBody(_ request: CurlRequest) -> Bool {
        if let body = request.body {
            guard spanqueue_curl_set_offset(easy, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)) == CURLE_OK,
                body.count > Self.copiedBodyBytes ? setUpload(body) : setCopy(of: body)
            else { return false }
        }
        if request.method == "HEAD" { return spanqueue_curl_set_long(easy, CURLOPT_NOBODY, 1) == CURLE_OK }
        return spanqueue_curl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method) == CURLE_OK
    }

    private func setCopy(of body: [UInt8]) -> Bool {
        body.withUnsafeBytes {
            // A nil pointer would mean "ask the read callback".
            guard let base = $0.baseAddress else {
                return spanqueue_curl_set_string(easy, CURLOPT_COPYPOSTFIELDS, "") == CURLE_OK
            }
            return spanqueue_curl_set_pointer(easy, CURLOPT_COPYPOSTFIELDS, base) == CURLE_OK
        }
    }

    private func setUpload(_ body: [UInt8]) -> Bool {
        upload = body
        let context = Unmanaged.passUnretained(self).toOpaque()
        return spanqueue_curl_set_long(easy, CURLOPT_POST, 1) == CURLE_OK
            && spanqueue_curl_set_write(easy, CURLOPT_READFUNCTION, Self.onUpload) == CURLE_OK
            && spanqueue_curl_set_pointer(easy, CURLOPT_READDATA, context) == CURLE_OK
            && spanqueue_curl_set_seek(easy, Self.onSeek) == CURLE_OK
            && spanqueue_curl_set_pointer(easy, CURLOPT_SEEKDATA, context) == CURLE_OK
    }

    // MARK: Callbacks

    private static let onUpload: spanqueue_curl_write = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        let length = min(size * count, transfer.upload.count - transfer.uploadedBytes)
        transfer.upload.withUnsafeBytes {
            guard let base = $0.baseAddress else { return }
            UnsafeMutableRawPointer(bytes).copyMemory(from: base + transfer.uploadedBytes, byteCount: length)
        }
        transfer.uploadedBytes += length
        return length
    }

    /// libcurl begins again where a connection that it kept turns out to be closed.
    private static let onSeek: spanqueue_curl_seek = { context, offset, _ in
        // Always from the start.
        guard let context else { return CURL_SEEKFUNC_FAIL }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        guard offset >= 0, offset <= transfer.upload.count else { return CURL_SEEKFUNC_FAIL }
        transfer.uploadedBytes = Int(offset)
        return CURL_SEEKFUNC_OK
    }

    private static let onBody: spanqueue_curl_write = { bytes, size, count, context in
        guard let bytes, let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        let length = size * count
        let room = transfer.limitBytes - transfer.body.count
        UnsafeRawBufferPointer(start: bytes, count: min(length, room)).withMemoryRebound(to: UInt8.self) {
            transfer.body.append(contentsOf: $0)
        }
        guard length > room else { return length }
        transfer.isTruncated = true
        return 0
    }

    private static let onHeader: spanqueue_curl_write = { _, size, count, context in
        guard let context else { return 0 }
        let transfer = Unmanaged<CurlTransfer>.fromOpaque(context).takeUnretainedValue()
        transfer.headerBytes += size * count
        return transfer.headerBytes <= headerLimitBytes ? size * count : 0
    }

    // MARK: Values

    /// At least 1: libcurl takes 0 for "no bound" or "the default".
    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        guard seconds < 1 << 21 else { return Int(Int32.max) }
        return max(1, Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000))
    }

    private func kind(of code: CURLcode) -> CurlError.Kind {
        switch code {
        case CURLE_OPERATION_TIMEDOUT: hasConnected ? .timeout : .connect
        case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_RESOLVE_PROXY: .resolve
        case CURLE_COULDNT_CONNECT: .connect
        case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CIPHER,
            CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_PINNEDPUBKEYNOTMATCH:
            .tls
        case CURLE_URL_MALFORMAT: .invalidRequest
        default: .transfer
        }
    }

    /// libcurl's general words and not its error buffer, which may quote what it was given.
    private static func words(for code: CURLcode, _ headerBytes: Int) -> String {
        if code == CURLE_WRITE_ERROR, headerBytes > headerLimitBytes { return "its headers are too large" }
        // The URL's scheme was checked before, so this is about the answer.
        if code == CURLE_UNSUPPORTED_PROTOCOL { return "what came is not HTTP/1 or later" }
        return curl_easy_strerror(code).map { String(cString: $0) } ?? "libcurl error \(code.rawValue)"
    }
}
