internal import Synchronization

/// A series that is looked up when it is first recorded into, and held from then on: until then it is not on the page and has
/// no memory. Reading it takes no lock.
package final class LazySeries<Series: AnyObject & Sendable>: Sendable {
    private let series = AtomicLazyReference<Series>()
    private let make: @Sendable () -> Series

    /// - Parameter make: looks the series up. Two threads may both do so at once, and get the same one.
    package init(_ make: @escaping @Sendable () -> Series) {
        self.make = make
    }

    /// The series.
    package var value: Series { series.load() ?? series.storeIfNil(make()) }
}
