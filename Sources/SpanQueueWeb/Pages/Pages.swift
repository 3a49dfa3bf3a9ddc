// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

internal import CSpanQueueWeb
internal import Foundation
internal import HTTPTypes
internal import SpanQueue
internal import SpanQueueAdmin
internal import SpanQueueGzip

/// The pages for people: one shell for all of them but the door, and the scripts and the style that it names. They hold no data, so
/// whoever comes gets them; what they show they ask of the REST interface.
struct Pages: Sendable {
    /// Those that are embedded in the program.
    static let embedded = Pages(files: embeddedFiles)

    /// Under `/assets`, it changes with any of the files: a browser never has two that do not belong together.
    let version: String
    private let files: [String: File]
    private let shell: Shell
    private let door: Shell

    /// What is sent again and again is compressed once.
    private struct File {
        let bytes: Data
        let packed: Data?

        init(_ bytes: Data) {
            self.bytes = bytes
            packed = Gzip.compress(Array(bytes), isSmall: true).map { Data($0) }
        }
    }

    private struct Shell {
        let file: File
        let tag: String

        init(_ file: Data?, version: String) {
            let text = String(decoding: file ?? Data(), as: UTF8.self).replacing(Pages.versionMark, with: version)
            self.file = File(Data(text.utf8))
            tag = "\"\(Array(Digest.sha256(Array(text.utf8)).prefix(8)).hexadecimal)\""
        }
    }

    private static let shellName = "index.html"
    private static let doorName = "login.html"
    /// What stands for the version in the shell.
    private static let versionMark = "@version@"

    init(files: [String: Data]) {
        let files = files.reduce(into: [:]) { condensed, file in
            condensed[file.key] = file.key.hasSuffix(".js") ? Self.condensed(file.value) : file.value
        }
        var all: [UInt8] = []
        for (name, bytes) in files.sorted(by: { $0.key < $1.key }) {
            all += Array("\(name)\0\(bytes.count)\0".utf8) + bytes
        }
        let version = Array(Digest.sha256(all).prefix(8)).hexadecimal
        self.version = version
        self.files = files.filter { ![Self.shellName, Self.doorName].contains($0.key) }.mapValues(File.init)
        shell = Shell(files[Self.shellName], version: version)
        door = Shell(files[Self.doorName], version: version)
    }

    /// A script without its comments and the space before its lines, which are as many as before: an error names the line of the source.
    /// A comment stands on lines of its own, and no text goes over several lines; a test looks after both.
    static func condensed(_ script: Data) -> Data {
        var lines: [Substring] = []
        var isComment = false
        for line in String(decoding: script, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false) {
            let text = line.drop { $0 == " " }
            if text.hasPrefix("/*") { isComment = true }
            lines.append(isComment || text.hasPrefix("//") ? "" : text)
            if text.hasSuffix("*/") { isComment = false }
        }
        return Data(lines.joined(separator: "\n").utf8)
    }

    /// What is under `/assets`.
    var names: Set<String> { Set(files.keys) }

    func file(_ name: String) -> Data? { files[name]?.bytes }

    /// The answer to a request for a page or what a page is made of; nil where the path is none of these.
    ///
    /// - Parameter ancestors: whose pages may show it in a frame.
    func reply(
        to method: HTTPRequest.Method, _ parts: [String], _ headers: HTTPFields, framedBy ancestors: FrameAncestors
    ) throws(Problem) -> Reply? {
        guard let reply = parts.first == "assets" ? asset(parts) : page(parts, headers, ancestors) else { return nil }
        guard method == .get || method == .head else {
            throw Problem(.methodNotAllowed, "invalid_argument", "use GET, HEAD", [.allow: "GET, HEAD"])
        }
        return reply
    }

    /// The answer to a browser that was sent to a page that is none; nil to whom a problem is to be told: to programs, and for all that is no
    /// page.
    ///
    /// - Parameter parts: of the path; nil for one that can't be read.
    func lost(
        to method: HTTPRequest.Method, _ parts: [String]?, _ headers: HTTPFields, framedBy ancestors: FrameAncestors
    ) -> Reply? {
        guard method == .get || method == .head, parts?.first != "api", parts?.first != "assets",
            Self.wantsPage(headers[.accept] ?? "")
        else { return nil }
        return Reply(
            status: .notFound, body: shell.file.bytes, packed: shell.file.packed, contentType: Self.pageType,
            headers: [
                .contentSecurityPolicy: Self.contentSecurityPolicy(framedBy: ancestors), .contentLanguage: "en",
                .vary: "Accept",
            ])
    }

    /// Whether HTML is named among what is taken.
    private static func wantsPage(_ accept: String) -> Bool {
        accept.split(separator: ",").contains { range in
            range.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased() == "text/html"
        }
    }

    private static let pageType = "text/html; charset=utf-8"

    private func asset(_ parts: [String]) -> Reply? {
        guard parts.count == 3, parts[1] == version, let file = files[parts[2]] else { return nil }
        return Reply(
            body: file.bytes, packed: file.packed, contentType: Self.contentType(parts[2]),
            headers: [.cacheControl: "public, max-age=31536000, immutable", .eTag: "\"\(version)\""])
    }

    /// A page is made in the browser, of the path.
    private func page(_ parts: [String], _ headers: HTTPFields, _ ancestors: FrameAncestors) -> Reply? {
        let isPage =
            switch parts.first {
            case "", "types", "workers", "journal", "about": parts.count == 1
            case "queues", "jobs", "errors": parts.count == 1 || parts.count == 2 && parts[1] != ""
            default: false
            }
        let isDoor = parts == ["login"]
        guard isPage || isDoor else { return nil }
        let shell = isDoor ? door : shell
        var fields: HTTPFields = [
            .cacheControl: "no-cache", .eTag: shell.tag,
            .contentSecurityPolicy: Self.contentSecurityPolicy(framedBy: ancestors),
        ]
        if let known = headers[.ifNoneMatch], EntityTag.list(known, names: shell.tag) {
            return Reply(status: .notModified, body: nil, headers: fields)
        }
        fields[.contentLanguage] = "en"
        return Reply(body: shell.file.bytes, packed: shell.file.packed, contentType: Self.pageType, headers: fields)
    }

    /// Scripts and style are ours alone and none of them is in the page; no script makes markup of text; nobody frames it but who may.
    private static func contentSecurityPolicy(framedBy ancestors: FrameAncestors) -> String {
        [
            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
            "form-action 'self'", "base-uri 'none'", "frame-ancestors \(ancestors.source)",
            "require-trusted-types-for 'script'",
        ].joined(separator: "; ")
    }

    private static func contentType(_ name: String) -> String {
        switch name.split(separator: ".").last {
        case "js": "text/javascript; charset=utf-8"
        case "css": "text/css; charset=utf-8"
        case "svg": "image/svg+xml"
        default: "application/octet-stream"
        }
    }

    private static var embeddedFiles: [String: Data] {
        var count = 0
        let assets = UnsafeBufferPointer(start: spanqueue_web_assets(&count), count: count)
        return Dictionary(
            uniqueKeysWithValues: assets.map { asset in
                // They lie in the program's read-only data, and are neither copied nor freed.
                let bytes = UnsafeMutableRawPointer(mutating: asset.bytes)
                return (
                    String(cString: asset.name),
                    bytes.map { Data(bytesNoCopy: $0, count: asset.size, deallocator: .none) } ?? Data()
                )
            })
    }
}
