// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// An HTTP answer as it came.
package struct Answer: Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [String: String]
    package let body: [UInt8]

    /// Reads an answer; nil where its head is not whole.
    package init?(_ bytes: [UInt8]) {
        let data = Data(bytes)
        guard let end = data.range(of: Data("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: data[..<end.lowerBound], as: UTF8.self).components(separatedBy: "\r\n")
        guard let status = lines[0].split(separator: " ").dropFirst().first.flatMap({ Int($0) }) else { return nil }
        self.status = status
        headers = lines.dropFirst().reduce(into: [:]) { headers, line in
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        body = Array(data[end.upperBound...])
    }

    package var contentLength: Int { headers["content-length"].flatMap { Int($0) } ?? 0 }
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as `gzip -dc` reads it.
    package func unzipped() throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-dc"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        input.fileHandleForWriting.write(Data(body))
        try input.fileHandleForWriting.close()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    /// The samples of a page: `name{labels}` and the value as printed, without exemplars.
    package var samples: [String: String] { Self.samples(of: text) }

    package static func samples(of page: String) -> [String: String] {
        page.split(separator: "\n").filter { !$0.hasPrefix("#") }.reduce(into: [:]) { samples, line in
            let sample = line.components(separatedBy: " # ")[0]
            guard let space = sample.lastIndex(of: " ") else { return }
            samples[String(sample[..<space])] = String(sample[sample.index(after: space)...])
        }
    }
}
