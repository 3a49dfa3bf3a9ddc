// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import HTTPFixture
import SpanQueue
import Testing

@testable import SpanQueueWeb

/// What the pages are made of, as it is served; that they show what they should is for `Tools/web/check-pages`, in a browser.
@Suite struct PageTests {
    private static let pages = [
        "/", "/queues", "/queues/mail", "/queues/%3Cscript%3E", "/jobs", "/jobs?state=dead&type=%3Cscript%3E&x=y",
        "/jobs/order-4711?queue=mail", "/workers", "/journal", "/about", "/errors?queue=mail", "/types",
        "/errors/00000000000000ab?queue=mail",
    ]

    @Test(arguments: [false, true]) func aPageIsTheSameShellWhateverItsPath(isReadOnly: Bool) async throws {
        try await WebUnderTest.run(isReadOnly: isReadOnly) { web in
            let shell = try await web.call("GET", "/", isDescribed: false)
            for page in Self.pages {
                let answer = try await web.call("GET", page, isDescribed: false)
                #expect(answer.status == 200, "\(page)")
                // Nothing of the request is in it.
                #expect(answer.bytes == shell.bytes, "\(page)")
                #expect(answer.headers["content-type"] == "text/html; charset=utf-8")
                #expect(answer.headers["cache-control"] == "no-cache")
                #expect(answer.headers["x-content-type-options"] == "nosniff")
                #expect(answer.headers["referrer-policy"] == "no-referrer")
                #expect(answer.headers["cross-origin-opener-policy"] == "same-origin")
                #expect(answer.headers["cross-origin-resource-policy"] == "same-origin")
                let policy = (answer.headers["content-security-policy"] ?? "").components(separatedBy: "; ")
                #expect(
                    Set(policy)
                        == [
                            "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:",
                            "connect-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
                            "require-trusted-types-for 'script'",
                        ])
            }
        }
    }

    @Test func onlyNamedSitesMayFrameThePages() async throws {
        var access = WebAccess()
        access.frameAncestors = try FrameAncestors(["self", "https://portal.example", "https://*.example:8443"])
        try await WebUnderTest.run(access: access) { web in
            for page in ["/", "/login", "/jobs/a?queue=b"] {
                let policy = try await web.call("GET", page, isDescribed: false).headers["content-security-policy"]
                #expect(
                    policy?.contains("; frame-ancestors 'self' https://portal.example https://*.example:8443; ") == true
                )
            }
            let answer = try await web.call("GET", "/api/v1/stats").headers["content-security-policy"]
            #expect(answer == "default-src 'none'; frame-ancestors 'none'")
        }
        #expect(try FrameAncestors([]) == FrameAncestors())
        for text in [
            "*", "", "portal.example", "https://", "https://*", "https://a.example/x", "https://a.example;script-src *",
            "https://a.example b", "'none'", "javascript://a", "https://a.example:123456", "https://user@a.example",
        ] {
            #expect(throws: SpanQueueError.self, "\(text)") { try FrameAncestors([text]) }
        }
    }

    @Test func whatIsNoPageIsAProblem() async throws {
        try await WebUnderTest.run { web in
            for path in [
                "/queues/", "/queues/a/b", "/about/us", "/index.html", "/assets", "/favicon.ico", "//", "/jobs/",
            ] {
                let answer = try await web.call("GET", path, isDescribed: false)
                #expect(answer.status == 404, "\(path)")
                #expect(answer.headers["content-type"] == "application/problem+json", "\(path)")
            }
            let answer = try await web.call("POST", "/queues", "{}", isDescribed: false)
            #expect(answer.status == 405)
            #expect(answer.headers["allow"] == "GET, HEAD")
            let other = try await web.call("GET", "/", headers: ["Host": "evil.example"], isDescribed: false)
            #expect(other.status == 403)
        }
    }

    @Test func aBrowserIsToldOfAWrongAddressInThePagesFrame() async throws {
        try await WebUnderTest.run { web in
            let shell = try await web.call("GET", "/", isDescribed: false)
            let browser = ["Accept": "application/xml;q=0.9, Text/HTML ; q=1,*/*;q=0.8"]
            for path in ["/queues/a/b", "/about/us", "/<script>", "//", "/jobs/", "/favicon.ico", "/jobs/%zz"] {
                let answer = try await web.call("GET", path, headers: browser, isDescribed: false)
                #expect(answer.status == 404 && answer.bytes == shell.bytes, "\(path)")
                for name in ["content-type", "content-security-policy", "x-content-type-options", "referrer-policy"] {
                    #expect(answer.headers[name] == shell.headers[name], "\(path): \(name)")
                }
                #expect(answer.headers["cache-control"] == "no-store" && answer.headers["etag"] == nil)
                #expect(answer.headers["vary"] == "Accept, Accept-Encoding")
                let head = try await web.call("HEAD", path, headers: browser, isDescribed: false)
                #expect(head.status == 404 && head.bytes.isEmpty, "\(path)")
            }
            let problems = [
                ("GET", "/api/v1/nothing", browser), ("GET", "/api", browser), ("GET", "/assets/0/app.js", browser),
                ("POST", "/about/us", browser), ("GET", "/about/us", ["Accept": "*/*"]),
                ("GET", "/about/us", ["Accept": "text/htmlx, application/json"]),
            ]
            for (method, path, headers) in problems {
                let answer = try await web.call(method, path, headers: headers, isDescribed: false)
                #expect(answer.status == 404, "\(method) \(path)")
                #expect(answer.headers["content-type"] == "application/problem+json", "\(method) \(path)")
            }
            let other = try await web.call(
                "GET", "/about/us", headers: browser.merging(["Host": "evil.example"]) { $1 }, isDescribed: false)
            #expect(other.status == 403)
        }
    }

    @Test func aBrowserThatHasTheShellDoesNotGetItAgain() async throws {
        try await WebUnderTest.run { web in
            let shell = try await web.call("GET", "/", isDescribed: false)
            let tag = try #require(shell.headers["etag"])
            let again = try await web.call("GET", "/jobs", headers: ["If-None-Match": tag], isDescribed: false)
            #expect(again.status == 304)
            #expect(again.bytes.isEmpty)
            #expect(again.headers["etag"] == tag)
            let changed = try await web.call("GET", "/jobs", headers: ["If-None-Match": "\"0\""], isDescribed: false)
            #expect(changed.status == 200)
        }
    }

    /// From the shell on, through all that scripts import.
    @Test func allThatAPageNamesIsServed() async throws {
        try await WebUnderTest.run { web in
            let shell = try await web.call("GET", "/", isDescribed: false)
            #expect(!shell.text.contains("@version@"))
            var left = shell.text.matches(of: /(?:href|src)="(\/assets\/[^"]+)"/).map { String($0.output.1) }
            #expect(left.count == 3)
            let door = try await web.call("GET", "/login?next=%3Cscript%3E", isDescribed: false)
            #expect(door.status == 200 && !door.text.contains("@version@") && !door.text.contains("%3C"))
            #expect(door.headers["content-security-policy"] == shell.headers["content-security-policy"])
            left += door.text.matches(of: /(?:href|src)="(\/assets\/[^"]+)"/).map { String($0.output.1) }
            var seen: Set<String> = []
            while let path = left.popLast() {
                guard seen.insert(path).inserted else { continue }
                let answer = try await web.call("GET", path, isDescribed: false)
                #expect(answer.status == 200, "\(path)")
                let types = [
                    "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8", "svg": "image/svg+xml",
                ]
                let ending = try #require(path.split(separator: ".").last)
                #expect(answer.headers["content-type"] == types[String(ending)], "\(path)")
                #expect(answer.headers["cache-control"] == "public, max-age=31536000, immutable", "\(path)")
                #expect(answer.headers["x-content-type-options"] == "nosniff", "\(path)")
                #expect(!answer.bytes.isEmpty, "\(path)")
                let folder = path.prefix(through: try #require(path.lastIndex(of: "/")))
                left += answer.text.matches(of: /(?:from |import\()"\.\/([^"]+)"/).map { "\(folder)\($0.output.1)" }
            }
            // None is embedded that no page wants.
            #expect(Set(seen.map { String($0.split(separator: "/")[2]) }) == Pages.embedded.names)
            // After an upgrade, a page that is still open must not mix what belongs to two versions.
            let old = try await web.call("GET", "/assets/0000000000000000/app.js", isDescribed: false)
            #expect(old.status == 404)
        }
    }

    /// Data gets into a page as text alone, by the one helper.
    @Test func noScriptHasAWayToMakeMarkup() async throws {
        let sinks = [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc =",
            "DOMParser",
            "createContextualFragment", "setHTML", "localStorage", "http://", "https://",
        ]
        for name in Pages.embedded.names where name.hasSuffix(".js") {
            var text = String(decoding: try #require(Pages.embedded.file(name)), as: UTF8.self)
            // The name of a language, not an address.
            text = text.replacing("\"http://www.w3.org/2000/svg\"", with: "")
            for sink in sinks { #expect(!text.contains(sink), "\(name) has \(sink)") }
        }
    }

    @Test func scriptsAreServedWithoutCommentsLineForLine() throws {
        let script = "// a\n/** b\n * c */\n  let a = `//x`; // stays\n\n    return a;\n"
        #expect(
            String(decoding: Pages.condensed(Data(script.utf8)), as: UTF8.self)
                == "\n\n\nlet a = `//x`; // stays\n\nreturn a;\n")
        // What that relies on: no text of a script goes over the end of a line.
        for name in Pages.embedded.names where name.hasSuffix(".js") {
            let text = String(decoding: try #require(Pages.embedded.file(name)), as: UTF8.self)
            for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                #expect(line.count { $0 == "`" } % 2 == 0, "\(name):\(index + 1)")
                #expect(!line.hasPrefix("* ") && !line.contains("/*") && !line.contains("*/"), "\(name):\(index + 1)")
            }
        }
    }

    @Test func whatABrowserLoadsStaysSmall() async throws {
        func text(_ name: String) -> String { String(decoding: Pages.embedded.file(name) ?? Data(), as: UTF8.self) }
        // As they are sent.
        let sizes = try await WebUnderTest.run { web in
            var sizes: [String: Int] = [:]
            let assets = "/assets/\(Pages.embedded.version)/"
            for path in Pages.embedded.names.map({ assets + $0 }) + ["/"] {
                let answer = try await web.call("GET", path, headers: ["Accept-Encoding": "gzip"], isDescribed: false)
                let plain = try await web.call("GET", path, isDescribed: false)
                #expect(answer.status == 200 && answer.bytes.count <= plain.bytes.count, "\(path)")
                if answer.headers["content-encoding"] == "gzip" {
                    #expect(try answer.unzipped() == plain.text, "\(path)")
                }
                sizes[path.replacing(assets, with: "")] = answer.bytes.count
            }
            return sizes
        }
        /// A script with all that it imports at once.
        func closure(_ names: Set<String>) -> Set<String> {
            let more = names.flatMap { text($0).matches(of: /from "\.\/([^"]+)"/).map { String($0.output.1) } }
            return names.isSuperset(of: more) ? names : closure(names.union(more))
        }
        let pages = text("app.js").matches(of: /import\("\.\/([^"]+)"/).map { String($0.output.1) }
        #expect(pages.count >= 8)
        for page in pages {
            let names = closure(["app.js", page])
            let scripts = names.reduce(0) { $0 + text($1).utf8.count }
            #expect(scripts <= 90 << 10, "\(page): \(scripts)")
            let sent = names.union(["/", "style.css", "mark.svg"]).reduce(0) { $0 + (sizes[$1] ?? .max >> 8) }
            #expect(sent <= 40_000, "\(page): \(sent)")
        }
        let styles = Pages.embedded.names.filter { $0.hasSuffix(".css") }.reduce(0) { $0 + text($1).utf8.count }
        #expect(styles <= 20 << 10)
    }
}
