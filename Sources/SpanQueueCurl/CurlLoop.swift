// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// HTTP through libcurl: one multi handle on a thread of its own serves any number of requests at once, keeps connections
/// open for the next ones, and gives up a request as soon as its task is cancelled.
///
/// The thread is started by the first request and ends with ``shutdown()``, or when the last reference is gone. It blocks
/// every signal, so that neither a write to a closed TLS connection (SIGPIPE) nor a signal of the process lands there.
///
/// What libcurl is told, always: `http` and `https` only, no redirects, certificates and host names are checked, no cookies,
/// no signals, no proxy unless the request says so.
package final class CurlLoop: Sendable {
    private let engine: CurlEngine

    /// - Parameters:
    ///   - name: of the thread.
    ///   - maximumIdleConnections: how many connections are kept open for later requests.
    ///   - maximumConnectionsPerHost: requests above it wait, within their timeout; 0 for any number.
    package init(name: String, maximumIdleConnections: Int = 32, maximumConnectionsPerHost: Int = 0) {
        engine = CurlEngine(
            name: name, maximumIdleConnections: maximumIdleConnections,
            maximumConnectionsPerHost: maximumConnectionsPerHost)
    }

    deinit {
        engine.stop(whenDone: nil)
    }

    /// Sends the request and waits for the response, whatever its status is.
    ///
    /// - Throws: `CurlError` where there is none: of kind `cancelled` when the task is cancelled, which removes the request
    ///   at once and closes its connection; of kind `closed` after or during ``shutdown()``.
    package func send(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        let address = try CurlAddress(request.url)
        try request.check()
        let id = engine.nextID()
        let result: Result<CurlResponse, CurlError> = await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                // An unsafe continuation is enough: the engine takes it out of its table as it resumes it.
                engine.submit(id: id, request, to: address, continuation)
                // The handler below may have run before there was anything to cancel.
                if Task.isCancelled { engine.cancel(id: id) }
            }
        } onCancel: {
            engine.cancel(id: id)
        }
        return try result.get()
    }

    /// Fails what is in flight with an error of kind `closed`, closes every connection and ends the thread. Requests that
    /// come later fail in the same way.
    package func shutdown() async {
        await withUnsafeContinuation { continuation in
            engine.stop { continuation.resume() }
        }
    }
}

extension CurlRequest {
    /// Keeps a value with a line break from adding a header, or a second request, of its own.
    fileprivate func check() throws(CurlError) {
        guard !method.isEmpty, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
            throw CurlError(.invalidRequest, "an HTTP method is a word of upper-case letters")
        }
        for (name, value) in headers {
            let isNameSound =
                !name.isEmpty && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x3A && $0 != 0x3B }
            guard isNameSound, value.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }) else {
                throw CurlError(.invalidRequest, "an HTTP header has a character in it that is not allowed there")
            }
            guard !Self.reservedHeaders.contains(name.lowercased()) else {
                throw CurlError(.invalidRequest, "the HTTP header \(name.lowercased()) can't be set: leave it out")
            }
        }
    }
}
