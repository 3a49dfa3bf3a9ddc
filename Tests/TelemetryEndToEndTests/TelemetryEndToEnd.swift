// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Testing

/// Whole processes, one test at a time, since they share the machine.
@Suite(
    "Telemetry, end to end", .serialized,
    .enabled(if: HeldProgram.isInstalled("python3"), "python3 is not in PATH"),
    .enabled(if: HeldProgram.isInstalled("redis-server"), "redis-server is not in PATH"))
enum TelemetryEndToEnd {}
