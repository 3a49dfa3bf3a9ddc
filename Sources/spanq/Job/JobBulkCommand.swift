// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueue
import SpanQueueAdmin

/// `spanq job bulk`
struct JobBulkCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bulk", abstract: "Cancel, redrive, bury or remove all jobs that a filter finds.",
        discussion: """
            It counts first, shows some of them, and asks. Jobs to which something happens after the count are left alone, and so are new ones. \
            Running jobs are cancelled only with --state active.
            """)

    @Argument(help: ArgumentHelp("cancel, redrive, bury or remove.", valueName: "action"))
    var action: String

    @Option(help: ArgumentHelp("Only jobs in this state.", valueName: "state"))
    var state: JobState?

    @OptionGroup var search: JobSearchOptions

    @Option(help: "Why, for their records; of cancel and bury.") var reason: String?

    @Flag(help: "Only count, and show some of them.") var dryRun = false

    @OptionGroup var confirmation: Confirmation
    @OptionGroup var global: GlobalOptions

    func run() async throws {
        let action = try JobAction.named(action, reason: reason)
        let filter = try search.filter(state)
        // What can't be an order is told before there is a connection.
        _ = try BulkOrder(action, filter, notAfter: Timestamp(milliseconds: 0))
        try await global.withAdmin { admin in
            let preview = try await admin.preview(admin.order(action, filter))
            if dryRun { return try Self.print(preview, json: global.json) }
            if preview.count == 0, preview.isExact { return try Self.print(preview, json: global.json) }
            if !confirmation.yes {
                try Self.print(preview, json: false)
                try confirmation.require("Really \(action.word) \(preview.countText)?")
            }
            let result = try await admin.run(.bulk(preview.order), as: .ofProcess)
            try result.print(json: global.json)
        }
    }

    private static func print(_ preview: BulkPreview, json: Bool) throws {
        if json { return try JSONLine.print(BulkPreviewView(preview)) }
        Console.print("\(preview.order.action.word) \(preview.order.filter): \(preview.countText)")
        guard !preview.examples.isEmpty else { return }
        let states = preview.byState.sorted { $0.value > $1.value }.map { "\($0.value) \($0.key)" }
        let types = preview.byType.sorted { ($0.value, $1.key) > ($1.value, $0.key) }.prefix(5).map {
            "\($0.value) \($0.key)"
        }
        Console.print(
            "by state: \(states.joined(separator: ", ")); by type, of those that were read: \(types.joined(separator: ", "))"
        )
        var table = Table(.id("ID"), .text("TYPE"), .text("QUEUE"), .fixed("STATE"))
        for job in preview.examples { table.add("\(job.id)", job.type, job.queue, job.state.rawValue) }
        table.print()
    }
}

extension BulkPreview {
    /// How many jobs, in words.
    fileprivate var countText: String { (isExact ? "" : "at least ") + (count == 1 ? "1 job" : "\(count) jobs") }
}
