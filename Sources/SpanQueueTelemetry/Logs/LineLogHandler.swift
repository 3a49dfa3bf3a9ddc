// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import Logging

#if canImport(Darwin)
    internal import Darwin
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Glibc
#endif

/// Writes what is logged to standard error, a line each, in a format of one's choice, and never waits for it: the lines go through
/// `StreamWriter.standardError`.
package struct LineLogHandler: LogHandler {
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?
    package var logLevel: Logger.Level = .info

    private let label: String
    private let format: LogFormat
    private let writer: StreamWriter

    /// - Parameter format: unless given, text on a terminal and logfmt elsewhere.
    package init(
        label: String, format: LogFormat? = nil, metadataProvider: Logger.MetadataProvider? = nil,
        writer: StreamWriter = .standardError
    ) {
        let format = format ?? Self.standardFormat
        self.label = label
        self.format = format
        self.metadataProvider = metadataProvider
        self.writer = writer
        writer.setNotice { Self.notice($0, as: format) }
        if writer === StreamWriter.standardError { _ = Self.flushesAtExit }
    }

    /// Text on a terminal, logfmt elsewhere.
    package static var standardFormat: LogFormat { isatty(2) == 1 ? .text : .logfmt }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadataProvider?.get() ?? [:]
        all.merge(metadata) { $1 }
        if let own = event.metadata { all.merge(own) { $1 } }
        if let error = event.error, all["error"] == nil { all["error"] = "\(error)" }
        let line = LogLine(
            time: LogClock.now(), level: event.level, label: label, message: "\(event.message)", metadata: all)
        writer.submit(line.rendered(as: format))
    }

    /// The line that tells of lines that are not there.
    static func notice(_ lost: Int, as format: LogFormat) -> [UInt8] {
        LogLine(
            time: LogClock.now(), level: .warning, label: "spanq",
            message: "standard error was stalled, full or broken: log records were dropped",
            metadata: ["dropped": "\(lost)"]
        ).rendered(as: format)
    }

    /// A program that ends in good order has its last lines written, if standard error takes them within half a second.
    private static let flushesAtExit: Bool = {
        atexit { _ = StreamWriter.standardError.flush(within: .milliseconds(500)) } == 0
    }()
}

/// How lines of the log look.
public struct LogFormat: Sendable, Hashable {
    /// One of `text`, `logfmt`, `json`.
    public let name: String

    private init(_ name: String) {
        self.name = name
    }

    /// For people: time, level, message, then what belongs to it as `key=value`.
    public static let text = LogFormat("text")
    /// `key=value` throughout, `time`, `level`, `logger` and `msg` first (https://brandur.org/logfmt).
    public static let logfmt = LogFormat("logfmt")
    /// A JSON object a line; the same members, and those of the metadata beside them.
    public static let json = LogFormat("json")

    /// All of them.
    public static let all: [LogFormat] = [.text, .logfmt, .json]

    /// The format of this name; nil where there is none.
    public init?(named name: String) {
        guard let found = Self.all.first(where: { $0.name == name }) else { return nil }
        self = found
    }
}

/// The time of a line of the log: RFC 3339, UTC, to the millisecond.
enum LogClock {
    static func now() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var parts = tm()
        var seconds = now.tv_sec
        gmtime_r(&seconds, &parts)
        let date = "\(parts.tm_year + 1900)-\(padded(parts.tm_mon + 1))-\(padded(parts.tm_mday))"
        let milliseconds = Int32(now.tv_nsec / 1_000_000)
        let fraction = (milliseconds < 100 ? "0" : "") + padded(milliseconds)
        return "\(date)T\(padded(parts.tm_hour)):\(padded(parts.tm_min)):\(padded(parts.tm_sec)).\(fraction)Z"
    }

    private static func padded(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
