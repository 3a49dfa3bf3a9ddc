// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import GRPCCore
import GRPCProtobuf
import SpanQueue
import SpanQueueProto
import SwiftProtobuf

extension Google_Protobuf_Duration {
    /// In whole milliseconds; saturates where it has more than a `Duration` of milliseconds can tell.
    var value: Duration {
        let bound: Int64 = 1_000_000_000_000
        return .milliseconds(min(max(seconds, -bound), bound) * 1000 + Int64(nanos / 1_000_000))
    }

    init(_ value: Duration) {
        let milliseconds = value.milliseconds
        self.init()
        seconds = milliseconds / 1000
        nanos = Int32(milliseconds % 1000) * 1_000_000
    }
}

extension Google_Protobuf_Timestamp {
    var value: Timestamp {
        let bound: Int64 = 1_000_000_000_000
        return Timestamp(milliseconds: min(max(seconds, -bound), bound) * 1000 + Int64(nanos / 1_000_000))
    }

    init(_ value: Timestamp) {
        self.init()
        var (seconds, rest) = value.milliseconds.quotientAndRemainder(dividingBy: 1000)
        if rest < 0 { (seconds, rest) = (seconds - 1, rest + 1000) }
        self.seconds = seconds
        nanos = Int32(rest) * 1_000_000
    }
}

extension Wire.JobState {
    init(_ state: JobState) {
        self =
            switch state {
            case .scheduled: .scheduled
            case .held: .held
            case .ready: .ready
            case .active: .active
            case .retrying: .retrying
            case .completed: .completed
            case .dead: .dead
            case .cancelled: .cancelled
            default: .unspecified
            }
    }
}
