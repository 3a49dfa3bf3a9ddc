// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import ArgumentParser
import SpanQueueAdmin

/// The options of one job, as flags.
struct EnqueueFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The queue; default unless given.", valueName: "name"))
    var queue: String?

    @Option(help: ArgumentHelp("Run it no earlier than this long from now.", valueName: "duration"))
    var delay: String?

    @Option(help: ArgumentHelp("Run it no earlier than this: 2026-11-21T09:30:00Z.", valueName: "time"))
    var at: String?

    @Option(help: ArgumentHelp("How often it is tried again after a failure; 25 unless given.", valueName: "count"))
    var maxRetries: Int?

    @Option(help: ArgumentHelp("How long one attempt may run.", valueName: "duration"))
    var timeout: String?

    @Option(
        help: ArgumentHelp("Do not start it later than this long from now, or this time.", valueName: "duration|time"))
    var deadline: String?

    @Option(
        help: ArgumentHelp(
            "Only one such job: for a time (10m), until-started or until-finished.", valueName: "span"))
    var unique: String?

    @Option(help: ArgumentHelp("What must be unique, instead of type and payload.", valueName: "key"))
    var uniqueKey: String?

    @Option(help: ArgumentHelp("0 to 9: those of a higher priority go first.", valueName: "number"))
    var priority: Int?

    @Option(help: ArgumentHelp("How long its record is kept once it is done, or none.", valueName: "duration"))
    var retention: String?

    @Option(help: ArgumentHelp("A tag to find it by. Repeatable.", valueName: "tag"))
    var tag: [String] = []

    @Option(help: ArgumentHelp("Your own id: enqueued again, it is the same job.", valueName: "id"))
    var id: String?

    var jobOptions: JobOptions {
        var options = JobOptions()
        options.queue = queue
        options.delay = delay
        options.at = at
        options.maxRetries = maxRetries
        options.timeout = timeout
        options.deadline = deadline
        options.unique = unique
        options.uniqueKey = uniqueKey
        options.priority = priority
        options.retention = retention
        options.tags = tag.isEmpty ? nil : tag
        options.id = id
        return options
    }
}
