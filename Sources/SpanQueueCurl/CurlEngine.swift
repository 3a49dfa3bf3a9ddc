// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueCurl
import NIOConcurrencyHelpers
import SpanQueueLoop
import Synchronization

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The thread behind a ``CurlLoop``.
///
/// `@unchecked Sendable`: `inbox` and `lastID` are behind a lock and an atomic; `multi` is written once, under the lock, before the
/// thread is started, and freed by the thread under the lock; of its functions only `curl_multi_wakeup` is called by other
/// threads, which libcurl allows, and under the lock, so that the handle is there; `transfers` is the thread's own.
final class CurlEngine: @unchecked Sendable {
    typealias Completion = UnsafeContinuation<Result<CurlResponse, CurlError>, Never>

    private enum Command {
        case start(id: UInt64, CurlRequest, CurlAddress, Completion)
        case cancel(id: UInt64)
    }

    private struct Inbox {
        var commands: [Command] = []
        var isStopping = false
        var whenDone: [@Sendable () -> Void] = []
        var hasThread = false
    }

    /// How long the thread pauses where it can't wait for its sockets.
    private static let pauseMicroseconds: UInt32 = 10_000

    private let name: String
    private let wait: @Sendable (UnsafeMutableRawPointer?) -> CURLMcode
    private let maximumIdleConnections: Int
    private let maximumConnectionsPerHost: Int
    private let inbox = NIOLockedValueBox(Inbox())
    private let lastID = Atomic<UInt64>(0)
    private var multi: UnsafeMutableRawPointer?
    private var transfers: [UInt64: CurlTransfer] = [:]

    /// - Parameter wait: waits for the sockets and timers of the multi handle, and for a wake-up.
    init(
        name: String, maximumIdleConnections: Int, maximumConnectionsPerHost: Int,
        wait: @escaping @Sendable (UnsafeMutableRawPointer?) -> CURLMcode = { curl_multi_poll($0, nil, 0, 60_000, nil) }
    ) {
        self.name = name
        self.wait = wait
        self.maximumIdleConnections = maximumIdleConnections
        self.maximumConnectionsPerHost = maximumConnectionsPerHost
    }

    func nextID() -> UInt64 { lastID.add(1, ordering: .relaxed).newValue }

    func submit(id: UInt64, _ request: CurlRequest, to address: CurlAddress, _ completion: Completion) {
        let refusal: CurlError? = inbox.withLockedValue { inbox in
            guard !inbox.isStopping else { return CurlError(.closed, "the HTTP client has been shut down") }
            if !inbox.hasThread {
                guard startThread() else {
                    return CurlError(
                        .connect, "cannot start a thread for HTTP: out of memory or threads (see `ulimit -u`)")
                }
                inbox.hasThread = true
            }
            push(.start(id: id, request, address, completion), to: &inbox)
            return nil
        }
        if let refusal { completion.resume(returning: .failure(refusal)) }
    }

    /// Nothing happens to a request that is done, or not there.
    func cancel(id: UInt64) {
        inbox.withLockedValue { inbox in
            guard inbox.hasThread else { return }
            push(.cancel(id: id), to: &inbox)
        }
    }

    func stop(whenDone: (@Sendable () -> Void)?) {
        let isDone = inbox.withLockedValue { inbox in
            inbox.isStopping = true
            guard inbox.hasThread else { return true }
            if let whenDone { inbox.whenDone.append(whenDone) }
            curl_multi_wakeup(multi)
            return false
        }
        if isDone { whenDone?() }
    }

    /// Only the first command since the thread last looked needs to wake it.
    private func push(_ command: Command, to inbox: inout Inbox) {
        inbox.commands.append(command)
        if inbox.commands.count == 1 { curl_multi_wakeup(multi) }
    }

    // MARK: The thread

    private func startThread() -> Bool {
        guard CurlLibrary.isReady, let multi = curl_multi_init() else { return false }
        _ = spanqueue_curl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maximumIdleConnections)
        _ = spanqueue_curl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maximumConnectionsPerHost)
        self.multi = multi
        guard DetachedThread.start(named: name, { [self] in work() }) == 0 else {
            curl_multi_cleanup(multi)
            self.multi = nil
            return false
        }
        return true
    }

    private func work() {
        // With CURLOPT_NOSIGNAL libcurl does not ignore SIGPIPE, and OpenSSL writes without MSG_NOSIGNAL. The threads that
        // libcurl starts to resolve names inherit the mask.
        var all = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_BLOCK, &all, nil)
        run()
    }

    private func run() {
        var commands: [Command] = []
        while true {
            let isStopping = inbox.withLockedValue { inbox in
                swap(&inbox.commands, &commands)
                return inbox.isStopping
            }
            for command in commands { obey(command) }
            commands.removeAll(keepingCapacity: true)
            if isStopping { return end() }
            var running: Int32 = 0
            curl_multi_perform(multi, &running)
            settleFinished()
            // Comes back for a socket, a timer of libcurl, or a command; the time is only what poll asks for.
            if wait(multi) != CURLM_OK {
                // Out of memory, or of descriptors: until it works again, the thread looks every so often, and does not spin.
                usleep(Self.pauseMicroseconds)
            }
        }
    }

    private func obey(_ command: Command) {
        switch command {
        case .start(let id, let request, let address, let completion):
            guard let transfer = CurlTransfer(id: id, request, to: address, completion) else {
                return completion.resume(returning: .failure(CurlError(.connect, "out of memory for a request")))
            }
            guard curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
                return transfer.fail(CurlError(.connect, "libcurl does not take the request to \(address.shown)"))
            }
            transfers[id] = transfer
        case .cancel(let id):
            guard let transfer = transfers.removeValue(forKey: id) else { return }
            curl_multi_remove_handle(multi, transfer.easy)
            transfer.fail(CurlError(.cancelled, "the request to \(transfer.address.shown) was cancelled"))
        }
    }

    private func settleFinished() {
        var left: Int32 = 0
        while let message = curl_multi_info_read(multi, &left) {
            guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle else { continue }
            // Read before the handle is removed, which frees the message.
            let code = spanqueue_curl_message_result(message)
            var context: UnsafeMutableRawPointer?
            _ = spanqueue_curl_get_pointer(easy, CURLINFO_PRIVATE, &context)
            curl_multi_remove_handle(multi, easy)
            guard let context else { continue }
            let id = UInt64(UInt(bitPattern: context))
            transfers.removeValue(forKey: id)?.finish(code)
        }
    }

    private func end() {
        let closed = CurlError(.closed, "the HTTP client has been shut down")
        for transfer in transfers.values {
            curl_multi_remove_handle(multi, transfer.easy)
            transfer.fail(closed)
        }
        transfers.removeAll()
        let (commands, whenDone) = inbox.withLockedValue { inbox in
            // From here on nobody comes to `multi` any more: `submit` sees isStopping, `cancel` and `stop` no thread.
            inbox.hasThread = false
            curl_multi_cleanup(multi)
            multi = nil
            defer { inbox = Inbox(isStopping: true) }
            return (inbox.commands, inbox.whenDone)
        }
        for case .start(_, _, _, let completion) in commands { completion.resume(returning: .failure(closed)) }
        for call in whenDone { call() }
    }
}

/// libcurl's own start, once a process.
private enum CurlLibrary {
    static let isReady = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK
}
