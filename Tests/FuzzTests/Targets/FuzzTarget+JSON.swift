// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation
import SpanQueue

extension FuzzTarget {
    /// JSON texts. What the strict reader takes, Foundation's lenient one takes too, and its members are sound themselves.
    static let json = FuzzTarget(
        "json",
        seeds: [
            #"{"type":"email:welcome","payload":{"user":42},"tags":["vip"],"n":-1.5e+3}"#,
            #"{"a":"\u00e9\ud834\udd1e\n","b":[true,false,null,[]],"":{"":0}}"#, "[[[[1,2],[3]]]]", #""text""#, " 0 ",
            #"{"payload":1,"\u0070ayload":2}"#,
        ]
    ) { input in
        let members = try? StrictJSON.members(of: input)
        for member in members ?? [] {
            precondition(StrictJSON.isValid(Array(member.value)), "a member's value is not JSON")
            precondition((member.text != nil) == (member.kind == .string), "a string has no text")
        }
        try StrictJSON.check(input)
        let read = try? JSONSerialization.jsonObject(with: Data(input), options: .fragmentsAllowed)
        // Foundation gives up on numbers that no Double can hold.
        precondition(read != nil || input.contains(0x65) || input.contains(0x45), "it takes what is not JSON")
    }

    /// Dates in payloads. What was read is written so that it reads back.
    static let dates = FuzzTarget(
        "dates", seeds: ["2026-11-21T09:30:00Z", "2026-11-21T09:30:00.123456789+01:00", "0000-01-01t00:00:60-2359"]
    ) { input in
        guard let moment = RFC3339(String(decoding: input, as: UTF8.self)) else { throw CocoaError(.coderReadCorrupt) }
        guard let text = moment.text else { return }
        precondition(RFC3339(text) == moment, "a date does not read back")
    }
}
