// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

/// A reader of bytes from outside, with what must hold for any bytes. A crash and a `precondition` that fails are findings.
struct FuzzTarget: Sendable {
    /// What it is called in `Scripts/fuzz` and in findings.
    let name: String
    /// Sound inputs, from which others are made.
    let seeds: [[UInt8]]
    /// Reads one input. Throwing is not a finding: what is wrong is to be refused.
    let read: @Sendable ([UInt8]) throws -> Void

    init(_ name: String, seeds: [String], read: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.init(name, bytes: seeds.map { Array($0.utf8) }, read: read)
    }

    init(_ name: String, bytes seeds: [[UInt8]], read: @escaping @Sendable ([UInt8]) throws -> Void) {
        self.name = name
        self.seeds = seeds
        self.read = read
    }

    /// Those of the libraries; `Scripts/fuzz` runs each under libFuzzer.
    static let libraries: [FuzzTarget] = [
        .replies, .propagation, .durations, .redisURLs, .sentinels, .endpoints, .collectorAnswers, .exposition,
        .acceptHeaders,
        .messages, .runs, .json, .dates,
    ]
}
