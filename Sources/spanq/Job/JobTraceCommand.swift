// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueTelemetry

/// `spanq job trace`
struct JobTraceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Draw a job's life: its waits, attempts, retries, and how it ended.",
        discussion: """
            All of it comes from the job's record in Redis; no tracing backend is asked. SPANQ_TRACE_URL, such as \
            http://localhost:16686/trace/{trace_id}, adds a link to one.
            """)

    @OptionGroup var job: JobSelection

    @Option(
        help: ArgumentHelp(
            "How many columns to draw in, 60 to 1000; those of the terminal unless given.", valueName: "columns"))
    var width: Int?

    @Flag(help: "Print the spans as OTLP/JSON, as a collector takes them.")
    var otlp = false

    @Option(
        help: ArgumentHelp(
            "The URL of a trace in a backend, with {trace_id} in it; shown as a link. Or SPANQ_TRACE_URL.",
            valueName: "template"))
    var traceURL: String?

    @Option(
        help: ArgumentHelp(
            "How attempts relate to the enqueue in the workers' traces: auto, parent or link. Or SPANQ_ATTEMPT_PARENT.",
            valueName: "mode"))
    var attemptParent: String?

    @OptionGroup var global: GlobalOptions

    func validate() throws {
        if let width, !(60...1000).contains(width) { throw ValidationError("--width \(width): use 60 to 1000") }
        if otlp && global.json { throw ValidationError("--json and --otlp exclude each other: give one of them") }
    }

    func run() async throws {
        var reader = try global.reader([.traceURL: traceURL, .attemptParent: attemptParent])
        let template = try reader.traceURL()
        let parent = try reader.attemptParent()
        let isDrawn = !global.json && !otlp
        let (trace, note) = try await global.withAdmin(reader) { admin in
            let trace = try await admin.trace(
                JobID(argument: job.jobID), in: job.queue, traceWindow: parent.traceWindow)
            return (trace, isDrawn ? try await Explanation.note(on: trace.record, from: admin) : nil)
        }
        if global.json {
            try JSONLine.print(TraceView(trace))
        } else if otlp {
            Console.print(TraceDocument.encode(trace))
        } else {
            Console.print(
                TracePage(
                    trace, width: width ?? Console.width ?? 80, marks: Console.isUTF8 ? .unicode : .ascii,
                    hasStyle: Console.hasStyle, note: note,
                    link: template.flatMap { TraceLink.make($0, trace.record.message.trace.traceID) }
                ).render())
        }
    }
}
