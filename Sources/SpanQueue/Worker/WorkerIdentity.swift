// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

import Foundation

/// Names that tell workers apart.
enum WorkerIdentity {
    static var host: String {
        let name = ProcessInfo.processInfo.hostName
        let allowed = name.filter { NameRule.queue.allows(String($0)) }
        return allowed.isEmpty ? "host" : String(allowed.prefix(48))
    }

    static var pid: Int { Int(ProcessInfo.processInfo.processIdentifier) }

    static func make() -> String {
        let random = String(UInt32.random(in: .min ... .max), radix: 16)
        return "\(host)-\(pid)-\(String(repeating: "0", count: 8 - random.count))\(random)"
    }
}
