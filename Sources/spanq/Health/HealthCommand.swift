// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueCurl
import SpanQueueServer

/// `spanq health`
struct HealthCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "health",
        abstract: "Ask a worker or server whether it is ready: exit code 0 for yes, 1 for no.",
        discussion: """
            For the health check of a container that has no other HTTP client. Asks /readyz where the same \
            configuration makes a worker listen, or another URL; any answer but 200 within --timeout is a no.
            """)

    @Option(help: ArgumentHelp("The URL to ask; http://127.0.0.1:9464/readyz unless configured.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("How long the answer may take; 3s unless given.", valueName: "duration"))
    var timeout: String = "3s"

    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let url = try url ?? configuredURL()
        var request = CurlRequest(url: url, method: "GET")
        request.timeout = try checkedTimeout()
        request.connectTimeout = request.timeout
        request.responseLimitBytes = 4 << 10
        let loop = CurlLoop(name: "spanq-health")
        let result: Result<CurlResponse, CurlError>
        do throws(CurlError) { result = .success(try await loop.send(request)) } catch { result = .failure(error) }
        await loop.shutdown()
        if case .failure(let error) = result, error.kind == .invalidRequest {
            throw CommandFailure.usage("--url: \(error.message)")
        }
        try report(HealthView(url: Masking.url(url), result))
    }

    private func report(_ output: HealthView) throws {
        if global.json { try JSONLine.print(output) }
        guard output.ready else { throw CommandFailure.failed("not ready: \(output.message)") }
        if !global.json { Console.print(output.message) }
    }

    private func checkedTimeout() throws -> Duration {
        guard let duration = DurationText.parse(timeout), duration >= .milliseconds(1), duration <= .seconds(300) else {
            throw CommandFailure.usage(
                "--timeout: \"\(timeout)\" is not a duration from 1ms to 5m: write it as 500ms or 3s")
        }
        return duration
    }

    /// Where a worker with the same flags, variables and file listens, seen from this machine.
    private func configuredURL() throws -> String {
        var reader = try global.reader()
        guard let (host, port) = try reader.listen(default: .standard).address.tcp, port != 0 else {
            throw CommandFailure.usage("where to ask is not known from the listen address: give --url")
        }
        return "http://\(Self.reachable(host)):\(port)/readyz"
    }

    /// A process that listens on every address is asked over loopback.
    static func reachable(_ host: String) -> String {
        switch host {
        case "0.0.0.0": "127.0.0.1"
        case "::": "[::1]"
        default: host.contains(":") ? "[\(host)]" : host
        }
    }
}

extension HealthView {
    init(url: String, _ result: Result<CurlResponse, CurlError>) {
        switch result {
        case .success(let response):
            let text = Self.line(response.body)
            let isReady = response.status == 200
            let message = isReady ? (text.isEmpty ? "ok" : text) : "\(url) answered \(response.status) \(text)"
            self.init(url: url, ready: isReady, status: response.status, message: message)
        case .failure(let error):
            self.init(url: url, ready: false, status: error.status, message: Masking.redact(error.message))
        }
    }

    /// The first line of an answer, without control characters, and no longer than a person reads.
    private static func line(_ body: [UInt8]) -> String {
        let first = String(decoding: body, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
        return String(
            String.UnicodeScalarView(
                first.unicodeScalars.filter { $0.properties.generalCategory != .control }.prefix(300)))
    }
}
