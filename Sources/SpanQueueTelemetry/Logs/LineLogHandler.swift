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
