import SpanQueueCurl
import Testing

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
