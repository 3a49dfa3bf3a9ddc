/// A file descriptor that a ``LoopThread`` watches, and the code that serves it.
///
/// Everything here is called on the loop's thread and must return quickly: one slow source holds up all the others.
package protocol LoopSource: AnyObject {
    /// The descriptor to watch. It stays the same, and open, for as long as the source is registered.
    var descriptor: Int32 { get }

    /// What to wake up for, asked anew in each turn. Empty means: only ``beforePoll()``, and errors on the descriptor.
    var interest: LoopInterest { get }

    /// The descriptor can be read or written. A hang-up or an error counts as both, so that the next call tells which.
    func ready(readable: Bool, writable: Bool)

    /// Called once a turn, when all jobs of the turn have run and before the loop may sleep. A connection sends
    /// here whatever the turn's jobs submitted, as one write.
    func beforePoll()
}
