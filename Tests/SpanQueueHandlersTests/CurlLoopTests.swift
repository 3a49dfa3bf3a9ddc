// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import CSpanQueueCurl
import Synchronization
import Testing

@testable import SpanQueueCurl

@Suite("The HTTP loop")
struct CurlLoopTests {
    private let receiver: HTTPReceiver

    init() throws {
        receiver = try HTTPReceiver.shared.get()
    }

    private func send(_ loop: CurlLoop, _ method: String, _ path: String, body: [UInt8]? = nil) async throws
        -> CurlResponse
    {
        try await loop.send(CurlRequest(url: receiver.url + path, method: method, body: body))
    }

    @Test("keeps its connection for the next request")
    func reuse() async throws {
        let loop = CurlLoop(name: "test-curl")
        var counts: [String] = []
        for _ in 0..<5 {
            _ = try await send(loop, "POST", "/echo", body: [1, 2, 3])
            counts.append(String(decoding: try await send(loop, "GET", "/echo").body, as: UTF8.self))
        }
        #expect(counts.allSatisfy { $0.contains(#""method": "GET""#) })
        await loop.shutdown()
    }

    @Test(
        "sends bodies of every size whole, also again where its connection turns out to be closed",
        arguments: [0, 1, 32_767, 32_768, 32_769, 1_000_000], ["/echo", "/echo?stale"])
    func bodies(size: Int, path: String) async throws {
        let loop = CurlLoop(name: "test-curl")
        for start in 0..<3 {
            let body = (0..<size).map { UInt8(ascii: "a") + UInt8(($0 / 7 + $0 + start) % 26) }
            var request = CurlRequest(url: receiver.url + path, method: "PUT", body: body)
            request.responseLimitBytes = 2 << 20
            let response = try await loop.send(request)
            #expect(response.status == 200)
            let text = String(decoding: response.body, as: UTF8.self)
            #expect(text.contains(#""method": "PUT""#) && text.contains("\"content-length\": \"\(size)\""))
            #expect(text.contains("\"body\": \"\(String(decoding: body, as: UTF8.self))\""))
        }
        await loop.shutdown()
    }

    @Test("carries many requests at once, and each gets its own answer", .timeLimit(.minutes(1)))
    func many() async throws {
        let loop = CurlLoop(name: "test-curl", maximumConnectionsPerHost: 32)
        try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<500 {
                group.addTask {
                    let response = try await send(loop, "POST", "/echo?n=\(index)", body: Array("\(index)".utf8))
                    return String(decoding: response.body, as: UTF8.self).contains("\"body\": \"\(index)\"")
                }
            }
            for try await isOwn in group { #expect(isOwn) }
        }
        await loop.shutdown()
    }

    @Test("may lose any request to a cancellation at any moment", .timeLimit(.minutes(1)))
    func cancellations() async throws {
        let loop = CurlLoop(name: "test-curl")
        await withTaskGroup(of: Void.self) { group in
            for index in 0..<300 {
                group.addTask {
                    let task = Task { try await send(loop, "POST", index % 3 == 0 ? "/slow/30" : "/echo", body: []) }
                    if index % 3 != 1 {
                        try? await Task.sleep(for: .microseconds(index * 50))
                        task.cancel()
                    }
                    let result = await task.result
                    switch index % 3 {
                    case 0: #expect((try? result.get()) == nil)
                    case 1: #expect((try? result.get())?.status == 200)
                    default: break
                    }
                }
            }
        }
        #expect(try await send(loop, "GET", "/echo").status == 200)
        await loop.shutdown()
    }

    @Test("ends when nobody holds it, and when it is shut down twice or without a request")
    func ends() async throws {
        do {
            let loop = CurlLoop(name: "test-curl-end")
            _ = try await send(loop, "GET", "/echo")
        }
        let unused = CurlLoop(name: "test-curl")
        await unused.shutdown()
        let loop = CurlLoop(name: "test-curl")
        _ = try await send(loop, "GET", "/echo")
        async let first: Void = loop.shutdown()
        async let second: Void = loop.shutdown()
        _ = await (first, second)
        let error = await #expect(throws: CurlError.self) { try await send(loop, "GET", "/echo") }
        #expect(error?.kind == .closed)
    }

    @Test(
        "refuses what would break out of a request",
        arguments: [("A B", "1"), ("A\r\nB", "1"), ("", "1"), ("A", "1\r\nB: 2"), ("A", "1\0"), ("A:", "1")])
    func headers(_ name: String, _ value: String) async throws {
        let loop = CurlLoop(name: "test-curl")
        var request = CurlRequest(url: receiver.url + "/echo", method: "GET")
        request.headers = [(name, value)]
        let error = await #expect(throws: CurlError.self) { try await loop.send(request) }
        #expect(error?.kind == .invalidRequest)
        request.headers = []
        request.method = "GET /evil HTTP/1.1\r\n"
        await #expect(throws: CurlError.self) { try await loop.send(request) }
    }

    @Test("refuses headers that say where a request ends or goes", arguments: CurlRequest.reservedHeaders.sorted())
    func reservedHeaders(_ name: String) async throws {
        let loop = CurlLoop(name: "test-curl")
        for spelling in [name, name.uppercased()] {
            var request = CurlRequest(url: receiver.url + "/echo", method: "POST", body: [1])
            request.headers = [(spelling, "1")]
            let error = await #expect(throws: CurlError.self) { try await loop.send(request) }
            #expect(error?.kind == .invalidRequest)
        }
    }

    @Test("refuses a URL with a fragment, which nobody would get", arguments: ["#f", "#", "?q=1#f", "?#"])
    func fragment(_ end: String) {
        #expect(throws: CurlError.self) { try CurlAddress("http://h/p" + end) }
        #expect((try? CurlAddress("http://h/p%23f")) != nil)
    }

    @Test("does not spin where it can't wait for its sockets, and still does its work")
    func failingPoll() async throws {
        let waits = Atomic(0)
        let counted = ContinuousClock.now
        let engine = CurlEngine(name: "test-curl", maximumIdleConnections: 1, maximumConnectionsPerHost: 0) { _ in
            waits.add(1, ordering: .relaxed)
            return CURLM_OUT_OF_MEMORY
        }
        let request = CurlRequest(url: receiver.url + "/echo", method: "GET")
        let address = try CurlAddress(request.url)
        let result = await withUnsafeContinuation { engine.submit(id: engine.nextID(), request, to: address, $0) }
        #expect(try result.get().status == 200)
        while ContinuousClock.now - counted < .milliseconds(300) { try await Task.sleep(for: .milliseconds(20)) }
        // Each is followed by a pause of 10 ms at least, whatever else the machine does.
        #expect(waits.load(ordering: .relaxed) <= Int((ContinuousClock.now - counted) / .milliseconds(10)) + 1)
        await withCheckedContinuation { continuation in engine.stop { continuation.resume() } }
    }

    @Test("sends an empty header, and a value as it is")
    func oddHeaders() async throws {
        let loop = CurlLoop(name: "test-curl")
        var request = CurlRequest(url: receiver.url + "/echo", method: "PUT", body: [])
        request.headers = [("X-Empty", ""), ("X-At", "@/etc/hostname"), ("X-Semi", "a;b")]
        let body = String(decoding: try await loop.send(request).body, as: UTF8.self)
        #expect(body.contains(#""x-empty": """#) && body.contains(#""x-at": "@/etc/hostname""#))
        #expect(body.contains(#""method": "PUT""#) && body.contains(#""content-length": "0""#))
        await loop.shutdown()
    }
}
