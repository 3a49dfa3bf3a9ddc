import HiredisClient

/// The Lua scripts, which are files in the folder `Scripts`, embedded in the binary. Each file tells its keys, arguments and
/// reply.
enum Scripts {
    static let enqueue = RedisScript(name: "enqueue", source: PackageResources.enqueue_lua)
    static let claim = RedisScript(name: "claim", source: PackageResources.claim_lua)
    static let settle = RedisScript(name: "settle", source: PackageResources.settle_lua)
    static let extend = RedisScript(name: "extend", source: PackageResources.extend_lua)
    static let update = RedisScript(name: "update", source: PackageResources.update_lua)
    static let reclaim = RedisScript(name: "reclaim", source: PackageResources.reclaim_lua)
    static let wake = RedisScript(name: "wake", source: PackageResources.wake_lua)
    static let sweep = RedisScript(name: "sweep", source: PackageResources.sweep_lua)
    static let inspect = RedisScript(name: "inspect", source: PackageResources.inspect_lua)
    static let list = RedisScript(name: "list", source: PackageResources.list_lua)
    static let counts = RedisScript(name: "counts", source: PackageResources.counts_lua)
    static let act = RedisScript(name: "act", source: PackageResources.act_lua)
    static let bulk = RedisScript(name: "bulk", source: PackageResources.bulk_lua)
    static let audit = RedisScript(name: "audit", source: PackageResources.audit_lua)
    static let mend = RedisScript(name: "mend", source: PackageResources.mend_lua)

    static let all = [
        enqueue, claim, settle, extend, update, reclaim, wake, sweep, inspect, list, counts, act, bulk, audit,
        mend,
    ]
}
