// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import FaultHarness
import Foundation
import Logging

// Processes for the tests of faults: producers and workers, each of which writes what it did to a history file; and the command
// that runs the scenarios at full size. Scripts/faults calls it.
//
// usage: FaultProcess worker URL FILE CONCURRENCY LEASE_MS DRAIN_MS
//        FaultProcess producer URL FILE NAME COUNT PAUSE_MS HANDLER_MS
//        FaultProcess scenarios [--quick] [--engine redis|postgres] [NAME…]

LoggingSystem.bootstrap { StreamLogHandler.standardError(label: $0) }
let arguments = Array(CommandLine.arguments.dropFirst())
switch arguments.first {
case "worker":
    Child.endWithParent()
    try await WorkerRole.run(Array(arguments.dropFirst()))
case "producer":
    Child.endWithParent()
    try await ProducerRole.run(Array(arguments.dropFirst()))
case "scenarios":
    exit(try await ScenarioReport.run(Array(arguments.dropFirst())) ? 0 : 1)
default:
    FileHandle.standardError.write(Data("usage: FaultProcess worker|producer|scenarios …\n".utf8))
    exit(2)
}
