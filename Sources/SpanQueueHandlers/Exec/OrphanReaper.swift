import CSpanQueueSpawn
import SpanQueueLoop

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// Does what the first process of a container must: it waits for the children that it did not start. What a program leaves behind
/// becomes a child of process 1, and stays a zombie until that looks after it; in the end no process can be started any more.
package enum OrphanReaper {
    /// How often it looks.
    private static let interval = Duration.seconds(1)
    private static let atOnce = 1024

    /// Begins where this is process 1, and does nothing elsewhere. Programs that were started for jobs are left to those who wait
    /// for them.
    ///
    /// - Parameter spared: other children of ours, which someone waits for.
    package static func startIfFirstProcess(sparing spared: Set<Int32> = []) {
        guard getpid() == 1 else { return }
        lookLater(sparing: spared)
    }

    private static func lookLater(sparing spared: Set<Int32>) {
        let loop = ExecLoop.shared
        loop.thread.execute {
            _ = loop.thread.schedule(at: .now + interval) {
                look(sparing: spared)
                lookLater(sparing: spared)
            }
        }
    }

    /// On the loop's thread, where programs are started and reaped: none of them is mistaken for an orphan.
    private static func look(sparing spared: Set<Int32>) {
        let isOrphan = { (pid: pid_t) in !spared.contains(pid) && !ExecLoop.shared.isOurs(pid) }
        while true {
            let pid = spanqueue_ended_child()
            guard pid > 0 else { return }
            guard isOrphan(pid) else { break }
            spanqueue_reap(pid)
        }
        // The first in line is ours and stays there for now: look past it.
        var found = [pid_t](repeating: 0, count: atOnce)
        let count = spanqueue_zombies(&found, Int32(found.count))
        for pid in found.prefix(Int(count)) where isOrphan(pid) { spanqueue_reap(pid) }
    }
}
