// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import Foundation
import SpanQueue
import SpanQueueAdmin
import SpanQueueCommand
import SpanQueueTelemetry
import Tracing

/// `spanq enqueue`
struct EnqueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enqueue",
        abstract: "Put a job on a queue, or many.",
        discussion: """
            Examples:
              spanq enqueue email:welcome '{"user":42}' --delay 5s
              spanq enqueue report:build --file order.json --unique 10m
              generate | spanq enqueue --batch -

            Prints the job's id. The payload is opaque bytes, {} unless given. A TRACEPARENT variable makes the job part \
            of that trace.
            """)

    @Argument(help: "What kind of work it is, such as email:welcome.")
    var type: String?

    @Argument(help: "The payload; - reads it from stdin.")
    var payload: String?

    @Option(help: ArgumentHelp("Read the payload from this file.", valueName: "file"))
    var file: String?

    @Option(
        help: ArgumentHelp(
            "Enqueue a job for each line of this file, or of stdin (-): JSON objects.", valueName: "file"))
    var batch: String?

    @Flag(help: "Refuse a payload that is not JSON.")
    var checkJson = false

    @OptionGroup(title: "Job options") var options: EnqueueFlags
    @OptionGroup var global: GlobalOptions

    /// The payload's bytes where the argument is not UTF-8: `CommandArguments` sets them.
    var payloadBytes: [UInt8]?

    func validate() throws {
        if batch != nil {
            if payload != nil || file != nil {
                throw ValidationError("--batch has the payloads in its lines: leave out PAYLOAD and --file")
            }
            // One name or key for all lines would make one job of them.
            if options.id != nil { throw ValidationError("--batch has the ids in its lines: leave out --id") }
            if options.uniqueKey != nil {
                throw ValidationError("--batch has the unique keys in its lines: leave out --unique-key")
            }
            return
        }
        if type == nil { throw ValidationError("no job type: write spanq enqueue email:welcome '{\"user\":42}'") }
        if payload != nil, file != nil {
            throw ValidationError("PAYLOAD and --file exclude each other: give one of them")
        }
    }

    func run() async throws {
        // The job is there, whether or not anyone reads its id: that must be told.
        signal(SIGPIPE, SIG_IGN)
        let flags = try options.jobOptions.parsed()
        if let batch {
            // Of the options alone; the lines are judged as they come.
            try EnqueueRequest(type: type ?? "any", payload: [], options: flags).validate()
            let lines = try BatchLines(path: batch, defaults: options.jobOptions, type: type, checkJSON: checkJson)
            return try await inTrace {
                try await global.withQueue { try await lines.enqueue(on: $0, json: global.json) }
            }
        }
        let source = PayloadSource(argument: payload, bytes: payloadBytes, file: file)
        let payload = try source.read(checkJSON: checkJson)
        let request = EnqueueRequest(type: type ?? "", payload: payload, options: flags)
        try request.validate()
        let receipt = try await inTrace { try await global.withQueue { try await $0.enqueue(request) } }
        let done = receipt.isDuplicate ? "job \(receipt.id) was there already" : "job \(receipt.id) was enqueued"
        Console.print(
            global.json ? try AdminJSON.line(ReceiptView(receipt)) : receipt.id.description, done: done)
        guard !global.json else { return }
        if receipt.isDuplicate { Console.note("spanq: nothing was added: job \(receipt.id) is there already") }
    }

    /// Makes the job part of the caller's trace, where the environment names one.
    private func inTrace<Result>(_ body: () async throws -> Result) async throws -> Result {
        let environment = ProcessInfo.processInfo.environment
        guard let parent = environment["TRACEPARENT"],
            let trace = TraceContext(
                traceParent: parent, traceState: environment["TRACESTATE"], baggage: environment["BAGGAGE"])
        else { return try await body() }
        var context = ServiceContext.topLevel
        context.traceContext = trace
        return try await ServiceContext.$current.withValue(context) { try await body() }
    }
}

/// Where one job's payload comes from.
struct PayloadSource {
    let argument: String?
    /// The argument where it is not UTF-8.
    var bytes: [UInt8]?
    let file: String?

    /// A payload of nothing is an empty object, which every handler of a Swift type can decode.
    private static let standard = Array("{}".utf8)

    func read(checkJSON: Bool) throws(CommandFailure) -> [UInt8] {
        let bytes: [UInt8]
        switch (argument, file) {
        case _ where self.bytes != nil: bytes = self.bytes ?? []
        case (nil, nil): bytes = Self.standard
        case ("-", _), (_, "-"): bytes = try Self.read(.standardInput, name: "stdin")
        case (_, let file?):
            guard let handle = FileHandle(forReadingAtPath: file) else {
                throw .usage("the file \(file) can't be read: check the path and its permissions")
            }
            bytes = try Self.read(handle, name: file)
        case (let argument?, nil): bytes = Array(argument.utf8)
        }
        if checkJSON { try Self.check(bytes) }
        return bytes
    }

    /// Refuses bytes that are not JSON.
    static func check(_ bytes: [UInt8]) throws(CommandFailure) {
        do throws(StrictJSON.Problem) {
            try StrictJSON.check(bytes)
        } catch {
            throw .usage("the payload is not JSON: \(error): fix it, or leave out --check-json")
        }
    }

    /// No more than is needed to see that it is too much.
    private static func read(_ handle: FileHandle, name: String) throws(CommandFailure) -> [UInt8] {
        let limit = Limits().payloadBytes + 1
        var bytes: [UInt8] = []
        do {
            while bytes.count < limit, let chunk = try handle.read(upToCount: limit - bytes.count), !chunk.isEmpty {
                bytes += chunk
            }
        } catch {
            throw .usage("\(name) can't be read: is it a file?")
        }
        guard bytes.count < limit else {
            throw .usage(
                "\(name) has more than \(limit - 1) bytes, the most a payload may have: store it elsewhere and enqueue a reference to it"
            )
        }
        return bytes
    }
}
