import CSpanQueueSpawn
import Foundation
import UnixSignals

/// The signals that end what stays, in good order.
enum StopSignals {
    /// SIGTERM, SIGINT, and SIGHUP, which a closed terminal sends, unless it is ignored, as `nohup` has it.
    static var all: [UnixSignal] {
        spanqueue_signal_is_ignored(SIGHUP) != 0 ? [.sigterm, .sigint] : [.sigterm, .sigint, .sighup]
    }
}
