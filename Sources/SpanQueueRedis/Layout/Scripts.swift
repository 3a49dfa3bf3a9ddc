// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: the SpanQueue authors

package import HiredisClient

/// The Lua scripts, which are files in the folder `Scripts`, embedded in the binary. Each file tells its keys, arguments and
/// reply.
///
/// What several scripts share stands in `Scripts/Shared`: a line `-- include NAME` of a script is replaced by the file of that name
/// when the scripts are made. Redis gets whole scripts.
package struct Scripts: Sendable {
    let enqueue, claim, settle, extend, update, reclaim, wake, sweep, announce, errors: RedisScript
    let inspect, search, counts, act, lift, bulk, pause, resume, delete, audit, repair: RedisScript
    let watch, levels, history, past, adopt, drop, along: RedisScript

    /// The scripts as they are in the binary.
    package static let embedded = Scripts { $1 }

    /// The scripts, each as `replacing` returns it: how the tests prove that they notice a script that is wrong.
    ///
    /// - Parameter replacing: given the name of a script, or of a file that scripts include, and its source, gives the source to use.
    package init(replacing: (_ name: String, _ source: [UInt8]) throws -> [UInt8]) rethrows {
        var shared = SharedLua()
        for (name, source) in [
            ("place", PackageResources.place_lua), ("run", PackageResources.run_lua),
            ("lock", PackageResources.lock_lua), ("uses", PackageResources.uses_lua),
            ("state", PackageResources.state_lua),
        ] { shared.add(name, try replacing(name, source)) }
        func script(_ name: String, _ source: [UInt8]) throws -> RedisScript {
            RedisScript(name: name, source: shared.including(in: try replacing(name, source)))
        }
        enqueue = try script("enqueue", PackageResources.enqueue_lua)
        claim = try script("claim", PackageResources.claim_lua)
        settle = try script("settle", PackageResources.settle_lua)
        extend = try script("extend", PackageResources.extend_lua)
        update = try script("update", PackageResources.update_lua)
        reclaim = try script("reclaim", PackageResources.reclaim_lua)
        wake = try script("wake", PackageResources.wake_lua)
        sweep = try script("sweep", PackageResources.sweep_lua)
        announce = try script("announce", PackageResources.announce_lua)
        errors = try script("errors", PackageResources.errors_lua)
        inspect = try script("inspect", PackageResources.inspect_lua)
        search = try script("search", PackageResources.search_lua)
        counts = try script("counts", PackageResources.counts_lua)
        act = try script("act", PackageResources.act_lua)
        lift = try script("lift", PackageResources.lift_lua)
        bulk = try script("bulk", PackageResources.bulk_lua)
        pause = try script("pause", PackageResources.pause_lua)
        resume = try script("resume", PackageResources.resume_lua)
        delete = try script("delete", PackageResources.delete_lua)
        audit = try script("audit", PackageResources.audit_lua)
        repair = try script("repair", PackageResources.repair_lua)
        watch = try script("watch", PackageResources.watch_lua)
        levels = try script("levels", PackageResources.levels_lua)
        history = try script("history", PackageResources.history_lua)
        past = try script("past", PackageResources.past_lua)
        adopt = try script("adopt", PackageResources.adopt_lua)
        drop = try script("drop", PackageResources.drop_lua)
        along = try script("along", PackageResources.along_lua)
    }

    package var all: [RedisScript] {
        [
            enqueue, claim, settle, extend, update, reclaim, wake, sweep, announce, errors, inspect, search, counts,
            act, lift, bulk, pause, resume, delete, audit, repair, watch, levels,
            history, past, adopt, drop, along,
        ]
    }
}

/// The files in `Scripts/Shared`, and how they come into the scripts.
struct SharedLua {
    private var sources: [String: [UInt8]] = [:]
    private static let mark = Array("-- include ".utf8)

    mutating func add(_ name: String, _ source: [UInt8]) {
        sources[name] = source
    }

    /// A script with each line `-- include NAME` replaced by the file of that name. A name that there is not leaves its line, a comment,
    /// and the script fails at its first call of what it lacks: a test runs each.
    func including(in script: [UInt8]) -> [UInt8] {
        var whole: [UInt8] = []
        for line in script.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            if line.starts(with: Self.mark),
                let source = sources[String(decoding: line.dropFirst(Self.mark.count), as: UTF8.self)]
            {
                whole += source
            } else {
                whole += line
            }
            whole.append(UInt8(ascii: "\n"))
        }
        whole.removeLast()
        return whole
    }
}
